"""What a corpus is: a checked table, a card that counts it, a content that is not its place."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from ser_core.corpus.corpus import Corpus, Dimension, complete
from ser_core.errors import CorpusError

VALENCE = Dimension("valence", 1, 5)
ROWS = [
    {"utterance": "c", "file": "/x/c.wav", "speaker": "03", "emotion": "joy", "valence": 4.5, "start": 0.5, "end": 1.5},
    {"utterance": "a", "file": "/x/a.wav", "speaker": "03", "emotion": "fear", "valence": 2.0},
    {"utterance": "b", "file": "/x/b.wav", "speaker": "7", "emotion": "", "valence": float("nan")},
]


def corpus(rows: list[dict[str, object]] | None = None, table: pd.DataFrame | None = None) -> Corpus:
    made = complete(pd.DataFrame(rows or ROWS)) if table is None else table
    return Corpus("made", made, ("fear", "joy"), (VALENCE,), "CC0", "made here")


def with_change(row: int, **changes: object) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [dict(each) for each in ROWS]
    rows[row] |= changes
    return rows


def test_a_table_is_completed_and_sorted() -> None:
    made = corpus()
    assert made.column("utterance").tolist() == ["a", "b", "c"]
    assert made.column("session").tolist() == made.column("gender").tolist() == ["", "", ""]
    assert np.isnan(made.column("start")).tolist() == [True, True, False]
    assert made.column("valence").dtype == float


def test_the_card_counts() -> None:
    card = corpus().card("hash")
    counted = {"utterances": 3, "speakers": 2, "emotions": {"fear": 1, "joy": 1}, "unlabelled": 1, "licence": "CC0"}
    assert card.items() >= counted.items()
    assert card["classes"] == ["fear", "joy"] and card["dimensions"] == {"valence": [1, 5]}


def test_content_follows_cells_and_audio_and_not_the_place() -> None:
    content = corpus().card("hash")["content"]
    assert corpus(with_change(0, file="/y/c.wav")).card("hash")["content"] == content
    assert corpus(ROWS[::-1]).card("hash")["content"] == content
    assert corpus().card("other")["content"] != content
    assert corpus(with_change(0, text="words")).card("hash")["content"] != content


def test_utterances_can_be_left_out() -> None:
    less = corpus().without({"b": "silent"})
    assert less.column("utterance").tolist() == ["a", "c"]
    assert less.table.index.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("row", "changes", "message"),
    [
        (0, {"utterance": "a"}, "utterance 'a' appears more than once"),
        (1, {"speaker": ""}, "row 0 has no speaker"),
        (1, {"file": ""}, "row 0 has no file"),
        (0, {"emotion": "envy"}, "emotion 'envy' is not in the label scheme fear, joy"),
        (0, {"end": 0.5}, "c ends before it starts"),
        (1, {"valence": 0.5}, "valence of a is 0.5, outside its scale 1 to 5"),
    ],
)
def test_a_broken_row_is_named(row: int, changes: dict[str, object], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        corpus(with_change(row, **changes))


def test_votes_stay_with_their_utterances_and_count_as_content() -> None:
    votes = np.array([[1.0, 0.0], [np.nan, np.nan], [0.25, 0.75]])
    voted = dataclasses.replace(corpus(), votes=votes)
    less = voted.without({"a"}).votes
    assert less is not None
    np.testing.assert_array_equal(less, votes[1:])
    assert corpus().without({"a"}).votes is None
    assert voted.card("hash")["content"] != corpus().card("hash")["content"]


@pytest.mark.parametrize(
    ("votes", "message"),
    [
        (np.ones((2, 2)) / 2, r"votes have shape \[2, 2\], but utterances and classes have \[3, 2\]"),
        (np.array([[1.0, 0.0], [0.5, 0.4], [0.0, 1.0]]), r"votes of row 1 are not a distribution: \[0.5, 0.4\]"),
        (np.array([[1.0, 0.0], [0.5, np.nan], [0.0, 1.0]]), "of row 1 are not a distribution"),
        (np.array([[1.0, 0.0], [0.5, 0.5], [1.5, -0.5]]), "of row 2 are not a distribution"),
    ],
)
def test_votes_that_are_no_shares_are_refused(votes: np.ndarray, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        dataclasses.replace(corpus(), votes=votes)


def test_the_official_split_is_content_only_where_there_is_one() -> None:
    """The literal is the content of a release that knew no such column."""
    assert corpus().column("split").tolist() == ["", "", ""]
    assert corpus().card("hash")["content"] == "48a469d2913faeca"
    assert corpus(with_change(0, split="Test1")).card("hash")["content"] != corpus().card("hash")["content"]


def test_a_missing_column_and_an_empty_table_are_named() -> None:
    table = complete(pd.DataFrame(ROWS))
    with pytest.raises(CorpusError, match="column 'valence' is missing"):
        corpus(table=table.drop(columns="valence"))
    with pytest.raises(CorpusError, match="has no utterances"):
        corpus(table=table.iloc[:0])


def with_parts(*folds: list[str]) -> Corpus:
    parts = pd.DataFrame({f"fold_{number}": cells for number, cells in enumerate(folds, start=1)})
    return dataclasses.replace(corpus(), parts=parts)


def test_parts_stay_with_their_utterances_and_count_as_content() -> None:
    parted = with_parts(["train", "dev", "test"], ["test", "", "train"])
    less = parted.without({"a"}).parts
    assert less is not None and less.to_dict("list") == {"fold_1": ["dev", "test"], "fold_2": ["", "train"]}
    assert less.index.tolist() == [0, 1] and corpus().without({"a"}).parts is None
    contents = {made.card("hash")["content"] for made in (corpus(), parted, with_parts(["train", "dev", "test"]))}
    assert len(contents) == 3


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (pd.DataFrame({"fold_1": ["train", "test"]}), "parts of 2 utterances; the table has 3"),
        (pd.DataFrame({"fold_2": ["train"] * 3}), r"columns of parts are \['fold_2'\], not \['fold_1'\]"),
        (pd.DataFrame({"fold_2": ["test"] * 3, "fold_1": ["test"] * 3}), r"not \['fold_1', 'fold_2'\]"),
        (pd.DataFrame(index=range(3)), r"columns of parts are \[\], not \['fold_1'\]"),
        (pd.DataFrame({"fold_1": ["train", "valid", "test"]}), "part 'valid' of fold_1 is none of 'train', 'dev', 'test', ''"),
        (pd.DataFrame({"fold_1": ["train", None, "test"]}), "part (None|nan) of fold_1 is none of"),
    ],
)
def test_parts_that_are_no_folds_are_refused(parts: pd.DataFrame, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        dataclasses.replace(corpus(), parts=parts)
