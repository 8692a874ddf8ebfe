"""How the demo corpus is scripted: every random draw of speaker, words and delivery, so that each channel carries emotion.

                 anger   happiness   neutral   sadness
    wording        -         +          +         -       which side; for two sentences in five also which emotion
    activation     +         +          -         -       heard clearly, as effort, height, melody, pace, loudness
    brightness     -         +          +         -       heard faintly, as a smile

Each utterance draws activation and brightness around the emotion's mean, shaped by the speaker's temper. The dimension
ratings follow the draws: arousal follows the audible activation, valence mostly the words.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd

from ser_core.corpus.demo_sentences import OPEN, OWN, PAIRS, SHARED, SLOTS
from ser_core.corpus.espeak import Line

CLASSES = ("anger", "happiness", "neutral", "sadness")
ACTIVATION = {"anger": 1.0, "happiness": 0.8, "neutral": -0.6, "sadness": -1.0}
BRIGHTNESS = {"anger": -0.4, "happiness": 0.7, "neutral": 0.2, "sadness": -0.4}
ACTIVATION_SPREAD, BRIGHTNESS_SPREAD = 0.35, 0.6

KINDS = {"own": 0.38, "shared": 0.50, "open": 0.12}
"""Shares of each emotion's sentences that are its own, shared with its pair, and open to every emotion."""

MANNER = {
    "rate": (165, 20, -4, 8, 100, 260),
    "volume": (56, 10, 0, 5, 25, 90),
    "pitch": (48, 12, 5, 3, 5, 99),
    "range": (50, 18, 12, 5, 0, 99),
    "effort": (0.1, 0.7, 0, 0.1, -1, 1),
    "smile": (0, 0, 0.6, 0.1, -1, 1),
}
"""For each setting of `Line`: value at rest, per activation, per brightness, random spread, minimum, maximum."""
TEMPER = {"rate": 8, "volume": 0, "pitch": 5, "range": 5, "effort": 0, "smile": 0}
"""Spread of a speaker's constant habits, in the units of MANNER."""

VALENCE = {"anger": 1.9, "happiness": 4.0, "neutral": 3.1, "sadness": 2.1}
READ = {"own": 1.2, "shared": 1.0, "open": 0.6}
"""How far each kind of sentence moves the rated valence from 3 towards the emotion's mean and beyond."""

VOICES = (
    ("en-us+m3", "en-us+f2"),
    ("en+m1", "en+f4"),
    ("en-us+m4", "en-us+f5"),
    ("en-gb-scotland+m2", "en-gb-scotland+f1"),
    ("en-gb-x-rp+m6", "en-gb-x-rp+f3"),
    ("en+m3", "en+f2"),
    ("en-us+m1", "en-us+f4"),
    ("en-gb-x-rp+m4", "en-gb-x-rp+f5"),
    ("en-us+m2", "en-us+f1"),
    ("en+m6", "en+f3"),
)
"""One man and one woman per session."""
MOST_SPEAKERS = 2 * len(VOICES)


@dataclasses.dataclass(frozen=True)
class Temper:
    """What is constant about a speaker: voice, habits (offsets to MANNER), and how strongly a feeling shows."""

    voice: str
    habits: Mapping[str, float]
    expression: float


def write_script(speakers: int, sentences: int, seed: int) -> tuple[pd.DataFrame, list[Line]]:
    """Returns the rows of the corpus and, in the same order, the lines to speak. Speakers are independent of each other."""
    rows, lines = [], []
    for speaker in range(speakers):
        draw = np.random.default_rng([seed, speaker])
        session, woman = divmod(speaker, 2)
        temper = draw_temper(VOICES[session][woman], draw)
        name, gender = f"{speaker + 1:02d}", "female" if woman else "male"
        for emotion in CLASSES:
            for number, (kind, text) in enumerate(draw_texts(emotion, sentences, draw), start=1):
                line, ratings = draw_manner(emotion, kind, text, temper, draw)
                lines.append(line)
                rows.append({"utterance": f"{name}/{emotion}-{number:02d}.flac", "speaker": name, "gender": gender})
                rows[-1] |= {"session": str(session + 1), "text": text, "emotion": emotion, **ratings}
    return pd.DataFrame(rows), lines


def draw_temper(voice: str, draw: np.random.Generator) -> Temper:
    """Draws a speaker."""
    habits = {parameter: spread * draw.normal() for parameter, spread in TEMPER.items()}
    return Temper(voice, habits, expression=float(np.clip(1 + 0.1 * draw.normal(), 0.7, 1.3)))


def draw_texts(emotion: str, count: int, draw: np.random.Generator) -> list[tuple[str, str]]:
    """Draws `count` kinds and sentences. Each kind gets its share, give or take one, and no template repeats too early."""
    steps = (np.arange(count) + draw.random()) / count
    kind_of_step = np.searchsorted(np.cumsum(list(KINDS.values()))[:-1], steps, side="right")
    pools = {"own": OWN[emotion], "shared": SHARED[PAIRS[emotion]], "open": OPEN}
    texts = []
    for number, kind in enumerate(KINDS):
        pool, wanted = pools[kind], int((kind_of_step == number).sum())
        rounds = [draw.permutation(len(pool)) for _ in range(1 + wanted // len(pool))]
        texts += [(kind, fill(pool[index], draw)) for index in np.concatenate(rounds)[:wanted]]
    return texts


def fill(template: str, draw: np.random.Generator) -> str:
    """Returns a capitalised sentence with a random word in each slot."""
    text = template.format(**{slot: words[draw.integers(len(words))] for slot, words in SLOTS.items()})
    return text[0].upper() + text[1:]


def draw_manner(emotion: str, kind: str, text: str, temper: Temper, draw: np.random.Generator) -> tuple[Line, dict[str, float]]:
    """Draws how one sentence is spoken, and its ratings on scales from 1 to 5."""
    activation = ACTIVATION[emotion] + ACTIVATION_SPREAD * draw.normal()
    brightness = BRIGHTNESS[emotion] + BRIGHTNESS_SPREAD * draw.normal()
    parameters = {}
    for parameter, (rest, aroused, bright, chance, low, high) in MANNER.items():
        felt = temper.expression * (aroused * activation + bright * brightness)
        parameters[parameter] = bounded(rest + temper.habits[parameter] + felt + chance * draw.normal(), low, high)
    read = READ[kind] * (VALENCE[emotion] - 3)
    ratings = {
        "valence": 3 + read + 0.2 * brightness + 0.3 * draw.normal(),
        "arousal": 3 + 0.95 * activation + 0.2 * draw.normal(),
        "dominance": 3.1 + 0.6 * activation - 0.3 * brightness + 0.25 * draw.normal(),
    }
    return Line(text, temper.voice, **parameters), {name: bounded(value, 1, 5) for name, value in ratings.items()}


def bounded(value: float, low: float, high: float) -> float:
    """Rounds to two decimals, so that the last bit of a logarithm has no effect."""
    return round(min(max(float(value), low), high), 2)
