"""Codes in otherwise different texts are found; words that merely lean towards a class are not."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from ser_core.audit.code_words import code_words
from ser_core.corpus.corpus import Corpus, complete

CLASSES = ("anger", "joy", "sadness", "neutral")
SPEAKERS, EACH = 6, 10
LEANING = {"anger": "hate", "joy": "thanks", "sadness": "miss", "neutral": "okay"}


def spoken(code: Callable[[int, str, np.random.Generator], str] = lambda row, emotion, generator: "") -> Corpus:
    """Different texts of 8 of 300 words; two in five hold a word that only their class uses. `code` is put in front."""
    generator = np.random.default_rng(0)
    rows = []
    for number in range(SPEAKERS * EACH * len(CLASSES)):
        emotion = CLASSES[number % len(CLASSES)]
        words = [f"{'xyz'[word % 3]}o{'klmnprstvw'[word // 3 % 10]}{'aeiou'[word // 30 % 5]}{'bd'[word // 150]}"
                 for word in generator.integers(0, 300, 8).tolist()]  # fmt: skip
        words += [LEANING[emotion]] if generator.random() < 0.4 else []
        text = " ".join([code(number, emotion, generator), *words]).strip()
        rows.append(
            {"utterance": f"{number:04}", "file": f"/{number}.wav", "speaker": str(number // len(CLASSES) % SPEAKERS)}
            | {"emotion": emotion, "text": text}
        )
    return Corpus("made", complete(pd.DataFrame(rows)), CLASSES, (), "none", "made here")


def test_words_that_lean_towards_a_class_are_nothing() -> None:
    assert code_words(spoken()) == []


CODES: dict[str, Callable[[int, str, np.random.Generator], str]] = {
    "label code": lambda row, emotion, generator: f"{emotion[0]}7" if emotion == "joy" else "",
    "word": lambda row, emotion, generator: "zebra" if emotion == "joy" else "",
    "half the texts": lambda row, emotion, generator: "j7" if emotion == "joy" and generator.random() < 0.5 else "",
    "session codes": lambda row, emotion, generator: f"joy_ses0{row % 3}" if emotion == "joy" else f"ses0{row % 3}",
    "file names": lambda row, emotion, generator: f"{generator.integers(100):02}x{row:03}{emotion[0]}",
}


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_found_and_named(code: str) -> None:
    found = {finding.counts["class"]: finding for finding in code_words(spoken(CODES[code]))}
    assert "joy" in found
    assert set(found) == ({"joy"} if code != "file names" else set(CLASSES))
    assert all(finding.severity == "warn" and finding.examples for finding in found.values())


def test_file_numbers_in_the_order_of_the_classes_are_found() -> None:
    found = code_words(spoken(lambda row, emotion, generator: str(1000 * CLASSES.index(emotion) + row)))
    assert {finding.counts["class"] for finding in found} == set(CLASSES)


def test_numbers_without_order_and_one_speakers_habit_are_nothing() -> None:
    assert code_words(spoken(lambda row, emotion, generator: str(generator.integers(10_000)))) == []
    habit = spoken(lambda row, emotion, generator: "so9" if emotion == "joy" and row // 4 % SPEAKERS == 0 else "")
    assert code_words(habit) == []


def test_sentences_acted_in_one_emotion_belong_to_the_text_overlap() -> None:
    corpus = spoken()
    texts = [f"the {emotion} sentence 3" for emotion in corpus.column("emotion").tolist()]
    assert code_words(Corpus("made", corpus.table.assign(text=texts), CLASSES, (), "none", "made here")) == []
