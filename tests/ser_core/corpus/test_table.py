"""Any corpus from a CSV or Parquet table, and every reason for which one is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ser_core.compose import compose
from ser_core.corpus.corpus import Corpus
from ser_core.corpus.table import Table
from ser_core.errors import CorpusError, SettingError

ROWS = {
    "file": ["a.wav", "b.wav", "b.wav", "d.wav"],
    "speaker": ["03", "03", "007", "12"],
    "emotion": ["joy", "excited", "sad", ""],
    "start": ["", "0.5", "1.5", ""],
    "end": ["", "1.5", "2.25", ""],
    "valence": ["4", "5", "1.5", ""],
    "text": ["Na", "none", 'say "hi", 007', ""],
}


def written(folder: Path, rows: dict[str, list[Any]] | None = None, suffix: str = ".csv", **kwargs: Any) -> Path:
    file = folder / f"corpus{suffix}"
    table = pd.DataFrame(ROWS if rows is None else rows)
    if suffix == ".parquet":
        numbers = {name: pd.to_numeric(table[name].replace("", np.nan)) for name in ("start", "end", "valence")}
        table.assign(**numbers).to_parquet(file)
    else:
        table.to_csv(file, index=False, **kwargs)
    return file


def read(file: Path, **knobs: Any) -> Corpus:
    return Table(path=str(file), **knobs).read(Path("unused"))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_cells_come_through(tmp_path: Path, suffix: str) -> None:
    corpus = read(written(tmp_path, suffix=suffix), dimensions=["valence:1:5"])
    assert corpus.column("utterance").tolist() == ["a.wav", "b.wav#0.5-1.5", "b.wav#1.5-2.25", "d.wav"]
    assert corpus.column("speaker").tolist() == ["03", "03", "007", "12"]
    assert corpus.column("text").tolist() == ["Na", "none", 'say "hi", 007', ""]
    assert corpus.classes == ("excited", "joy", "sad")
    np.testing.assert_array_equal(corpus.column("valence"), [4, 5, 1.5, np.nan])
    assert corpus.column("file")[0] == str(tmp_path / "a.wav")
    assert corpus.card("")["unlabelled"] == 1


def test_files_may_start_from_another_folder_or_be_absolute(tmp_path: Path) -> None:
    rows = {"file": ["a.wav", "/abs/b.wav"], "speaker": ["1", "2"]}
    assert read(written(tmp_path, rows), root="/audio").column("file").tolist() == ["/abs/b.wav", "/audio/a.wav"]


def test_a_byte_order_mark_and_the_utterance_column_are_read(tmp_path: Path) -> None:
    rows = {"file": ["a.wav", "a.wav"], "speaker": ["1", "2"], "utterance": ["01", "02"]}
    assert read(written(tmp_path, rows, encoding="utf-8-sig")).column("utterance").tolist() == ["01", "02"]


def test_labels_are_merged_and_kept_in_the_order_given(tmp_path: Path) -> None:
    corpus = read(written(tmp_path), merge=["excited:joy"], classes=["sad", "joy"])
    assert corpus.classes == ("sad", "joy")
    assert corpus.column("emotion").tolist() == ["joy", "joy", "sad", ""]
    assert corpus.merged == "excited:joy"


def test_other_classes_are_dropped_and_counted(tmp_path: Path) -> None:
    corpus = read(written(tmp_path), classes=["joy", "sad"])
    assert len(corpus) == 3 and corpus.merged == "dropped 1 rows of other classes"


def test_it_is_composed_from_overrides(tmp_path: Path) -> None:
    overrides = [
        "corpus=table",
        f"corpus.path={written(tmp_path)}",
        'corpus.dimensions=["valence:1:5"]',
        "corpus.classes=[joy,sad]",
    ]
    corpus = compose([*overrides, "corpus.merge=[excited:joy]"]).corpus.read(tmp_path)
    assert corpus.scheme == {"classes": ["joy", "sad"], "dimensions": {"valence": [1.0, 5.0]}}


@pytest.mark.parametrize(
    ("change", "knobs", "message"),
    [
        ({"file": None}, {}, "column 'file' is missing; it has speaker, emotion"),
        ({"speaker": None}, {}, "column 'speaker' is missing"),
        ({"speaker": ["", "1", "1", "1"]}, {}, "rows have no speaker: line 2"),
        ({}, {"dimensions": ["arousal:1:5"]}, "column 'arousal' is missing"),
        ({"valence": ["high", "1", "1", "1"]}, {"dimensions": ["valence:1:5"]}, "column 'valence' holds something that is not a"),
        ({"start": ["soon", "1", "1", "1"]}, {}, "column 'start' holds something that is not a number"),
        ({}, {"dimensions": ["valence:2:5"]}, "'valence' holds a value outside its scale 2 to 5 .*: line 4 '1.5'"),
        ({}, {"classes": ["envy"]}, "corpus.classes names 'envy'; the table has excited, joy, sad"),
        ({"start": ["", "0.5", "0.5", ""], "end": ["", "1.5", "1.5", ""]}, {}, "appears more than once"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, change: dict[str, Any], knobs: dict[str, Any], message: str) -> None:
    rows = {name: cells for name, cells in {**ROWS, **change}.items() if cells is not None}
    with pytest.raises(CorpusError, match=message):
        read(written(tmp_path, rows), **knobs)


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"add corpus\.path=FILE\.csv"):
        Table().read(tmp_path)
    with pytest.raises(CorpusError, match=r"no file .*no\.csv; correct corpus\.path"):
        read(tmp_path / "no.csv")
    with pytest.raises(CorpusError, match="has no utterances"):
        read(written(tmp_path, {name: [] for name in ROWS}))


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"merge": ["excited"]}, "corpus.merge takes entries like excited:happy, got 'excited'"),
        ({"dimensions": ["valence"]}, "corpus.dimensions takes entries like valence:1:5, got 'valence'"),
        ({"dimensions": ["valence:low:high"]}, "entries like valence:1:5"),
        ({"dimensions": ["valence:5:1"]}, "the scale of valence must rise, got 5 to 1"),
    ],
)
def test_wrong_knobs_are_refused(knobs: dict[str, list[str]], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Table(**knobs)


def test_votes_become_shares_of_the_classes_kept(tmp_path: Path) -> None:
    votes = {"votes.joy": ["2", "0", "", "0"], "votes.excited": ["1", "0", "", "0"], "votes.sad": ["1", "2", "", "0"]}
    rows = {**ROWS, **votes, "votes.envy": ["4", "0", "", "3"], "split": ["train", "dev", "dev", ""]}
    corpus = read(written(tmp_path, rows), merge=["excited:joy"], classes=["sad", "joy"])
    assert corpus.votes is not None and corpus.column("split").tolist() == ["train", "dev", "dev", ""]
    np.testing.assert_allclose(corpus.votes, [[0.25, 0.75], [1, 0], [np.nan, np.nan], [np.nan, np.nan]])
    assert read(written(tmp_path)).votes is None
    for cell, message in (
        ("-1", "column 'votes.joy' holds votes below 0; .*: line 5 '-1'"),
        ("many", "'votes.joy' holds something"),
    ):
        with pytest.raises(CorpusError, match=message):
            read(written(tmp_path, {**ROWS, "votes.joy": ["1", "1", "1", cell]}))


def test_milliseconds_late_in_a_long_file_still_tell_segments_apart(tmp_path: Path) -> None:
    rows = {"file": ["a.wav", "a.wav"], "speaker": ["1", "2"], "start": ["5000.001", "5000.002"], "end": ["5001", "5001"]}
    assert read(written(tmp_path, rows)).column("utterance").tolist() == ["a.wav#5000.001-5001", "a.wav#5000.002-5001"]
