"""One speaker under two ids and two under one are found by their voices; other speakers are not."""

import numpy as np
import pandas as pd

from ser_core.audit.listening import Heard
from ser_core.audit.voices import FEWEST_UTTERANCES, voices
from ser_core.corpus.corpus import Corpus, complete

SPEAKERS, EACH = 10, 24
EMOTIONS = ("anger", "joy")


def made(seed: int = 0) -> tuple[Corpus, list[Heard]]:
    """Ten voices that differ more between than within speakers; anger moves every voice the same way."""
    generator = np.random.default_rng(seed)
    centres, anger = generator.normal(0, 2.0, (SPEAKERS, 48)), generator.normal(0, 2.0, 48)
    rows, heard = [], []
    for number in range(SPEAKERS * EACH):
        emotion = EMOTIONS[number % 2]
        rows.append({"utterance": f"{number:03}", "file": f"/{number}.wav", "speaker": f"s{number // EACH}", "emotion": emotion})
        heard.append(Heard(voice=centres[number // EACH] + generator.normal(0, 1.0, 48) + anger * (emotion == "anger")))
    return Corpus("made", complete(pd.DataFrame(rows)), EMOTIONS, (), "none", "made here"), heard


def renamed(corpus: Corpus, speakers: np.ndarray) -> Corpus:
    return Corpus("made", corpus.table.assign(speaker=speakers), EMOTIONS, (), "none", "made here")


def test_other_speakers_are_others() -> None:
    assert [finding.name for seed in range(10) for finding in voices(*made(seed))] == []


def test_one_speaker_under_two_ids_is_named_even_if_the_ids_split_the_emotions() -> None:
    corpus, heard = made()
    speakers, emotions = corpus.column("speaker").astype(object), corpus.column("emotion")
    for rows in (np.arange(3 * EACH, 3 * EACH + EACH // 2), np.flatnonzero((speakers == "s3") & (emotions == "joy"))):
        changed = speakers.copy()
        changed[rows] = "new"
        (finding,) = voices(renamed(corpus, changed), heard)
        assert (finding.name, finding.severity, finding.counts["pairs"]) == ("one voice under two ids", "warn", 1)
        assert "new and s3" in finding.found


def test_two_speakers_under_one_id_are_named() -> None:
    corpus, heard = made()
    speakers = corpus.column("speaker")
    (finding,) = voices(renamed(corpus, np.where(speakers == "s7", "s2", speakers)), heard)
    assert finding.name == "two voices under one id" and finding.examples[0].startswith("s2:")


def test_few_utterances_or_unknown_speakers_say_nothing() -> None:
    corpus, heard = made()
    few = np.array([f"s{row // (FEWEST_UTTERANCES - 1)}" for row in range(len(corpus))])
    assert voices(renamed(corpus, few), heard) == []
    assert voices(corpus, [Heard()] * len(corpus)) == []
