"""Ratings of single raters, in columns or in rows, are the votes, means and labels that counting by hand gives."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ser_core.corpus.corpus import Corpus
from ser_core.corpus.table import Table
from ser_core.errors import CorpusError
from tests.ser_core.corpus.test_table import read, written

RATERS = ("r1", "r2", "r3")
LABELS = [["joy", "joy", "sad"], ["sad", "", ""], ["joy", "sad", ""], ["NA", "", ""]]
VALENCE = [[1.0, 2.0, 6.0], [5.0, np.nan, np.nan], [2.0, 4.0, np.nan], [np.nan] * 3]
FILES = ["a.wav", "b.wav", "c.wav", "d.wav"]
SPEAKERS = ["1", "1", "2", "2"]
SCALE = ["valence:1:6"]


def wide(folder: Path) -> Corpus:
    labels = {f"emotion.{rater}": list(column) for rater, column in zip(RATERS, zip(*LABELS, strict=True), strict=True)}
    ratings = {f"valence.{rater}": list(column) for rater, column in zip(RATERS, zip(*VALENCE, strict=True), strict=True)}
    rows = {"file": FILES, "speaker": SPEAKERS, **labels, **ratings, "valence.std": ["9"] * 4}
    return read(written(folder, rows), dimensions=SCALE)


def long(folder: Path) -> Corpus:
    rows = [
        [file, speaker, rater, label, rating]
        for file, speaker, labels, ratings in zip(FILES, SPEAKERS, LABELS, VALENCE, strict=True)
        for rater, label, rating in zip(RATERS, labels, ratings, strict=True)
    ]
    names = ["file", "speaker", "rater", "emotion", "valence"]
    return read(
        written(folder, pd.DataFrame(rows, columns=names).sample(frac=1, random_state=0).to_dict("list")), dimensions=SCALE
    )


@pytest.mark.parametrize("form", [wide, long])
def test_raters_become_votes_means_and_labels(tmp_path: Path, form: object) -> None:
    assert callable(form)
    corpus = form(tmp_path)
    assert corpus.column("utterance").tolist() == FILES and corpus.classes == ("joy", "sad")
    assert corpus.votes is not None
    np.testing.assert_allclose(corpus.votes, [[2 / 3, 1 / 3], [0, 1], [0.5, 0.5], [np.nan, np.nan]])
    np.testing.assert_allclose(corpus.column("valence"), [3, 5, 3, np.nan])
    assert corpus.column("emotion").tolist() == ["joy", "sad", "", ""]
    rule = "label by most votes, 1 ties and 1 unrated without label"
    assert corpus.merged == rule and any(rule in notice for notice in corpus.notices)
    assert corpus.further is not None and [name for name in corpus.further if name != "valence.std"] == []


def test_labels_of_the_table_win_and_what_is_no_rater_is_told(tmp_path: Path) -> None:
    rows = {"file": FILES, "speaker": SPEAKERS, "emotion": ["sad", "joy", "joy", ""]}
    voted = read(written(tmp_path, {**rows, "emotion.r1": ["joy"] * 4, "emotion.intensity": ["3"] * 4}))
    assert voted.column("emotion").tolist() == ["sad", "joy", "joy", ""] and voted.merged == "none"
    assert voted.votes is not None and voted.votes.tolist() == [[1, 0]] * 4
    assert any("emotion.intensity is not read as a rater's" in notice for notice in voted.notices)
    assert voted.further is not None and voted.further["emotion.intensity"].tolist() == ["3"] * 4


def test_merged_votes_add_up_before_they_are_compared(tmp_path: Path) -> None:
    votes = {"votes.joy": ["1", "1", "0", "0"], "votes.glee": ["1", "0", "1", "0"], "votes.sad": ["1", "1", "0", ""]}
    corpus = read(written(tmp_path, {"file": FILES, "speaker": SPEAKERS, **votes}), merge=["glee:joy"])
    assert corpus.column("emotion").tolist() == ["joy", "", "joy", ""]
    assert corpus.merged == "label by most votes, 1 ties and 1 unrated without label; glee:joy"


def test_raters_who_contradict_themselves_are_named(tmp_path: Path) -> None:
    rows = {"file": ["a.wav", "a.wav", "a.wav"], "speaker": ["1", "1", "2"], "rater": ["x", "x", "y"], "emotion": ["b"] * 3}
    with pytest.raises(CorpusError, match=r"(?s)2 kinds.*once: line 3 x a\.wav.*'speaker': line 4 '2', but '1' in line 2"):
        read(written(tmp_path, rows))
    both = {"file": FILES, "speaker": SPEAKERS, "votes.joy": ["1"] * 4, "emotion.r1": ["joy"] * 4}
    with pytest.raises(CorpusError, match=r"votes come twice, as votes\.joy and as emotion\.r1"):
        read(written(tmp_path, both))
    out = {"file": FILES, "speaker": SPEAKERS, "valence.r1": ["1", "1", "1", "7"], "valence.r2": ["1"] * 4}
    with pytest.raises(CorpusError, match=r"'valence.r1' holds a value outside its scale 1 to 6 .*: line 5 '7'"):
        Table(path=str(written(tmp_path, out)), dimensions=SCALE).read(tmp_path)
