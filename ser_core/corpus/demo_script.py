"""Who says what and how in the demo corpus: every draw it makes, so that each channel carries a part of the emotion.

                 anger   happiness   neutral   sadness
    wording        -         +          +         -       which side; seldom which emotion (demo_sentences.SHARES)
    activation    high     high        low       low      heard as height, melody, pace and loudness
    brightness     -         +          0         -       heard too, but faintly

The voice is drawn around the emotion's mean for each utterance and shifted for each speaker, and the dimensions are rated
on what was drawn: arousal follows the activation that is heard, valence mostly the words that are read.
"""

import dataclasses

import numpy as np
import pandas as pd

from ser_core.corpus import demo_sentences
from ser_core.corpus.espeak import Line

SHARES = {"own": 0.38, "shared": 0.50, "open": 0.12}
"""How much of each emotion is said in sentences of its own, of its pair, and of no emotion."""
READ = {"own": 1.2, "shared": 1.0, "open": 0.6}
"""How far the wording carries the rated valence from the middle towards the emotion's mean and beyond."""
ACTIVATION = {"anger": 1.0, "happiness": 0.8, "neutral": -0.6, "sadness": -1.0}
BRIGHTNESS = {"anger": -0.4, "happiness": 0.7, "neutral": 0.2, "sadness": -0.4}
VALENCE = {"anger": 1.9, "happiness": 4.0, "neutral": 3.1, "sadness": 2.1}
CLASSES = tuple(ACTIVATION)

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
"""A man and a woman for each session."""
MOST_SPEAKERS = 2 * len(VOICES)


@dataclasses.dataclass(frozen=True)
class Temper:
    """What is constant about a speaker: offsets in the units of `Line`, and how much of an emotion is let out."""

    voice: str
    rate: float
    pitch: float
    range: float
    expression: float


def write_script(speakers: int, sentences: int, seed: int) -> tuple[pd.DataFrame, list[Line]]:
    """The rows of the corpus and, in the same order, the lines to speak."""
    rows, lines = [], []
    for speaker in range(speakers):
        draw = np.random.default_rng([seed, speaker])
        session, woman = divmod(speaker, 2)
        temper = draw_temper(VOICES[session][woman], draw)
        for emotion in CLASSES:
            for number, (kind, text) in enumerate(draw_texts(emotion, sentences, draw)):
                line, ratings = draw_manner(emotion, kind, text, temper, draw)
                name = f"{speaker + 1:02d}"
                about = {"speaker": name, "gender": "female" if woman else "male", "session": str(session + 1)}
                rows.append(
                    {"utterance": f"{name}/{emotion}-{number + 1:02d}.flac", **about, "text": text, "emotion": emotion}
                    | ratings
                )
                lines.append(line)
    return pd.DataFrame(rows), lines


def draw_temper(voice: str, draw: np.random.Generator) -> Temper:
    """A speaker's own offsets."""
    rate, pitch, melody, expression = draw.normal([0, 0, 0, 1], [8, 5, 5, 0.1])
    return Temper(voice, rate, pitch, melody, max(expression, 0.6))


def draw_texts(emotion: str, count: int, draw: np.random.Generator) -> list[tuple[str, str]]:
    """`count` different sentences with their kinds; each kind gets its share, give or take one."""
    pools = {
        "own": demo_sentences.OWN[emotion],
        "shared": demo_sentences.SHARED[demo_sentences.PAIRS[emotion]],
        "open": demo_sentences.OPEN,
    }
    steps = (np.arange(count) + draw.random()) / count
    kinds = np.searchsorted(np.cumsum(list(SHARES.values()))[:-1], steps, side="right")
    texts = []
    for number, (kind, pool) in enumerate(pools.items()):
        wanted = int((kinds == number).sum())
        order = np.concatenate([draw.permutation(len(pool)) for _ in range(1 + wanted // len(pool))])
        texts += [(kind, fill(pool[index], draw)) for index in order[:wanted]]
    return texts


def fill(template: str, draw: np.random.Generator) -> str:
    """A sentence with a drawn word in each slot, starting with a capital."""
    text = template.format(**{slot: words[draw.integers(len(words))] for slot, words in demo_sentences.SLOTS.items()})
    return text[0].upper() + text[1:]


def draw_manner(
    emotion: str, kind: str, text: str, temper: Temper, draw: np.random.Generator
) -> tuple[Line, dict[str, float]]:
    """How one sentence is spoken, and how that is rated on scales from 1 to 5."""
    activation = ACTIVATION[emotion] + 0.35 * draw.normal()
    brightness = BRIGHTNESS[emotion] + 0.7 * draw.normal()
    aroused, bright = temper.expression * activation, temper.expression * brightness
    rate, pitch, melody, volume = draw.normal(0, [8, 3, 5, 6])
    line = Line(
        text,
        temper.voice,
        rate=_whole(165 + temper.rate + 20 * aroused - 4 * bright + rate, 100, 260),
        volume=_whole(75 + 12 * aroused + volume, 30, 110),
        pitch=_whole(48 + temper.pitch + 12 * aroused + 5 * bright + pitch, 5, 99),
        range=_whole(50 + temper.range + 18 * aroused + 12 * bright + melody, 0, 99),
        effort=float(np.clip(0.1 + 0.7 * aroused + 0.1 * draw.normal(), -1, 1)),
        smile=float(np.clip(0.6 * bright + 0.1 * draw.normal(), -1, 1)),
    )
    valence = 3 + READ[kind] * (VALENCE[emotion] - 3) + 0.2 * brightness
    means = {"valence": valence, "arousal": 3 + 0.95 * activation, "dominance": 3.1 + 0.6 * activation - 0.3 * brightness}
    noise = draw.normal(0, [0.3, 0.2, 0.25])
    return line, {
        name: round(float(np.clip(mean + wobble, 1, 5)), 2)
        for (name, mean), wobble in zip(means.items(), noise, strict=True)
    }


def _whole(value: float, low: int, high: int) -> int:
    return round(min(max(float(value), low), high))
