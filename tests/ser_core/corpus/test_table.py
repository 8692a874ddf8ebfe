"""Any corpus from a CSV or Parquet table, and every reason for which one is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ser_core.config.compose import compose
from ser_core.config.identity import fingerprint
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


def told(corpus: Corpus) -> str:
    return "\n".join(corpus.notices)


ABSENT = {
    "emotion": (["NA", "n/a", "NaN", "null", "None", "<NA>", "-", "?", " "], ["none", "Na!", "xxx"]),
    "gender": (["NA", "N/A", "nan", "NULL", "none", "None", "-"], ["female", "x"]),
    "text": (["NA", "nan", "NaN", "null", "NULL", "None", "<NA>", " "], ["Na", "none", "None.", "-", "nan?"]),
    "valence": (["NA", "n/a", "NaN", "null", "None", "none", "-", "?", "."], ["1", "5"]),
}


@pytest.mark.parametrize("column", ABSENT)
def test_words_for_absent_are_absent_and_counted(tmp_path: Path, column: str) -> None:
    absent, real = ABSENT[column]
    cells = [*absent, *absent[:1], *real]
    rows = {"file": [f"{n:02}.wav" for n in range(len(cells))], "speaker": ["1"] * len(cells), column: cells}
    corpus = read(written(tmp_path, rows), dimensions=["valence:1:5"] if column == "valence" else [])
    found = corpus.column(column)
    assert [str(cell) for cell in found[: len(absent) + 1]] == ["nan" if column == "valence" else ""] * (len(absent) + 1)
    assert found[len(absent) + 1 :].tolist() == ([1, 5] if column == "valence" else real)
    words = len([word for word in absent if word.strip()]) + 1
    assert f"column {column}: {words} cells contain {absent[0]} (2)" in told(corpus)


def test_as_a_name_or_when_named_a_word_for_absent_is_one_like_any_other(tmp_path: Path) -> None:
    rows = {"file": ["a.wav", "b.wav"], "speaker": ["nan", "2"], "emotion": ["None", "none"]}
    corpus = read(written(tmp_path, rows), classes=["None", "none"], similar_names="allow")
    assert corpus.column("speaker").tolist() == ["nan", "2"] and corpus.column("emotion").tolist() == ["None", "none"]
    assert "column speaker: 1 rows contain nan, which is read as the name of a speaker" in told(corpus)
    merged = read(written(tmp_path, rows), merge=["None:calm", "none:"])
    assert merged.column("emotion").tolist() == ["calm", ""]
    assert "1 cell contains none, which is read as a class" in told(read(written(tmp_path, {**rows, "speaker": ["1", "2"]})))


def test_names_that_became_floats_are_the_numbers_they_were(tmp_path: Path) -> None:
    rows = {"file": ["a.wav", "b.wav"], "speaker": ["3.0", "12.0"], "session": ["03", "14"], "emotion": ["1.0", ""]}
    corpus = read(written(tmp_path, rows))
    assert corpus.column("speaker").tolist() == ["3", "12"] and corpus.column("session").tolist() == ["03", "14"]
    assert corpus.classes == ("1",) and "column speaker: 2 numbers end in .0" in told(corpus)


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["0.1", "0,4"], [0.1, 0.4]),
        (["0 days 00:00:00.100000", "1 days 00:00:00"], [0.1, 86400]),
        (["0:00:01", "01:00:00,5"], [1, 3600.5]),
        (["100 ms", "1.5s"], [0.1, 1.5]),
        (["1e-1", "+2."], [0.1, 2]),
    ],
)
def test_times_are_seconds_however_they_are_written(tmp_path: Path, cells: list[str], numbers: list[float]) -> None:
    rows = {"file": ["a.wav", "b.wav"], "speaker": ["1", "2"], "start": cells}
    np.testing.assert_allclose(read(written(tmp_path, rows, sep=";")).column("start"), numbers)


@pytest.mark.parametrize("cell", ["1:30", "inf", "0x1", "1_000", "1,5", "50%", "soon", "1.234,5"])
def test_what_is_no_number_is_none(tmp_path: Path, cell: str) -> None:
    with pytest.raises(CorpusError, match="column 'start' holds something that is not a number: line 2"):
        read(written(tmp_path, {"file": ["a.wav"], "speaker": ["1"], "start": [cell]}))


def test_all_faults_come_at_once_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "file,speaker,label,start,end,votes.joy\na.wav,,joy,2,1,-1\n,1,joy,x,1,1\nb.wav,1,joy,,,1\nb.wav,1,joy,,,1\nc.wav\n"
    )
    with pytest.raises(CorpusError) as caught:
        read(tmp_path / "t.csv", dimensions=["valence:1:5"], columns={"lable": "emotion"})
    expected = [
        "has 10 kinds of fault",
        "fewer cells than the 6 of the header (file, speaker, label, start, end, votes.joy): line 6 has 1, the last 'c.wav'",
        "reads 'lable' as emotion, but that column is missing (did you mean label?)",
        "column 'valence' is missing; it has",
        "column 'start' holds something that is not a number: line 3 'x'",
        "column 'votes.joy' holds votes below 0; votes are counts or shares of at least 0: line 2 '-1'",
        "rows have no file: line 3",
        "rows have no speaker: line 2",
        "a segment ends before it starts: line 2 2 to 1",
        "rows name audio that is not there",
        "an utterance appears more than once (rows of its raters need a column rater): line 5 'b.wav', first in line 4",
    ]
    assert [line for line in expected if line not in str(caught.value)] == []


def test_other_names_are_suggested_and_read_when_mapped(tmp_path: Path) -> None:
    rows = {"path": ["a.wav", "b.wav"], "Spk_ID": ["1", "2"], "label": ["x", "y"], "emotion": ["p", "q"], "V": ["1", "2"]}
    with pytest.raises(
        CorpusError, match=r"(?s)did you mean path\?.*mean Spk_ID\?.*add 'corpus\.columns=\{path: file, Spk_ID: speaker\}'"
    ):
        read(written(tmp_path, rows))
    names = {"path": "file", "Spk_ID": "speaker", "label": "emotion", "V": "valence"}
    corpus = read(written(tmp_path, rows), columns=names, dimensions=["valence:1:5"])
    assert corpus.classes == ("x", "y") and corpus.column("valence").tolist() == [1, 2] and "not read" not in told(corpus)
    assert corpus.further is not None and list(corpus.further) == ["(emotion)"]
    given = ["corpus=table", "corpus.path=t.csv"]
    composed = compose([*given, "corpus.columns={path: file, my speaker: speaker}"])
    assert composed.corpus == Table(path=str(Path("t.csv").absolute()), columns={"path": "file", "my speaker": "speaker"})
    assert fingerprint(composed) == fingerprint(compose(given))
    for columns, message in (
        ({"a": "file", "b": "file"}, "all of a, b as file"),
        ({"a": "Emotion"}, r"no known column .*mean emotion\?"),
    ):
        with pytest.raises(SettingError, match=message):
            Table(columns=columns)


def test_columns_in_vain_and_nothing_to_learn_are_told(tmp_path: Path) -> None:
    rows = {"file": ["a.wav", "b.wav"], "speaker": ["1", "2"], "label": ["x", "y"], "sex": ["f", "m"], "arousal": ["1", "4"]}
    said = told(read(written(tmp_path, {**rows, "votes_x": ["1", "1"], "rater1": ["x", "y"], "age": ["3", "4"]})))
    for words in (
        "no emotion can be learned from this table: no row has an emotion (you can still learn speaker)",
        "columns label, sex, votes_x, rater1 are not read; if they are emotion, gender, votes.x, emotion.rater1, add "
        "'corpus.columns={label: emotion, sex: gender, votes_x: votes.x, rater1: emotion.rater1}'",
        'column arousal is not read; if it is arousal, add corpus.dimensions=["arousal:LOW:HIGH"] with its scale (its values '
        "range from 1 to 4)",
    ):
        assert words in said
    assert "age" not in said
    assert "every labelled row is 'x', and one class" in told(read(written(tmp_path, {**rows, "emotion": ["x", "x"]})))
    both = read(written(tmp_path, {**rows, "emotion": ["x", "y"]}), dimensions=["arousal:1:5"], columns={"sex": "gender"})
    assert "not read" not in told(both) and "learned" not in told(both)


def test_paths_of_windows_and_audio_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "wav").mkdir()
    for name in ("a", "b"):
        (tmp_path / "wav" / f"{name}.wav").touch()
    corpus = read(written(tmp_path, {"file": ["wav\\a.wav", "wav\\b.wav", "c" * 300], "speaker": ["1", "2", "3"]}))
    assert corpus.column("file")[1] == str(tmp_path / "wav/a.wav") and corpus.column("utterance")[1] == "wav/a.wav"
    assert "2 paths have backslashes" in told(corpus) and "1 of 3 rows name audio that is not there" in told(corpus)
    assert "none of them is below" in told(read(written(tmp_path, {"file": ["c.wav"], "speaker": ["1"]})))


def test_a_study_of_a_table_without_emotions_says_so(tmp_path: Path) -> None:
    file = written(tmp_path, {"file": ["a.wav", "b.wav"], "speaker": ["1", "2"], "emotion": ["NA", "NA"]})
    corpus = read(file)
    assert corpus.classes == () and "no row has an emotion" in told(corpus) and corpus.card("")["unlabelled"] == 2
    with pytest.raises(SettingError, match="no task left"):
        compose(["corpus=table", f"corpus.path={file}"]).settled(corpus).stage_plans()


def test_one_override_is_suggested_for_all_names(tmp_path: Path) -> None:
    rows = {"path": ["a.wav"], "Spk": ["1"], "my, label": ["x"], "transcript": ["so"]}
    with pytest.raises(
        CorpusError, match=r"add 'corpus\.columns=\{label: emotion, path: file, Spk: speaker, transcript: text\}'"
    ):
        read(written(tmp_path, {**rows, "label": ["y"]}), columns={"label": "emotion"})
    hidden = "corpus.columns reads label as emotion, so the table's own column emotion is not used"
    near = "corpus.columns reads words as 'txet'; did you mean text?"
    given = written(tmp_path, {"file": ["a.wav"], "speaker": ["1"], "emotion": ["x"], "label": ["y"], "words": ["so"]})
    said = told(read(given, columns={"label": "emotion", "words": "txet"}))
    assert hidden in said and near in said


def test_json_that_is_no_table_is_named(tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    file.write_text('{"file": "a.wav", "speaker": {"id": 1}, "emotion": ["x"]}\n' * 2)
    with pytest.raises(CorpusError, match=r"column 'speaker' holds lists or structures"):
        read(file)
    pd.DataFrame({"file": ["a.wav"], "speaker": ["1"]}).to_json(file)
    with pytest.raises(CorpusError, match=r"is JSON by columns; write one object per line"):
        read(file)


def test_spaces_around_a_file_are_left_out_where_that_finds_it(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / " b.wav").touch()
    corpus = read(written(tmp_path, {"file": ["a.wav ", " b.wav"], "speaker": ["1", "2"]}))
    assert sorted(Path(file).name for file in corpus.column("file")) == [" b.wav", "a.wav"]
    assert "1 paths have spaces around them" in told(corpus)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (["speaker:1:50"], "speaker is not a column of ratings"),
        (["valence:1:5", "valence:1:7"], "valence is given twice; keep one"),
    ],
)
def test_dimensions_are_columns_of_ratings_once_each(entries: list[str], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Table(dimensions=entries)


def test_similar_names_come_with_the_other_faults(tmp_path: Path) -> None:
    rows = {"file": ["a.wav", "", "c.wav"], "speaker": ["Anna", "anna", "b"], "emotion": ["x", "y", "x"]}
    with pytest.raises(CorpusError, match=r"(?s)rows have no file.*speakers 'Anna' \(1\) and 'anna' \(1\) differ only in"):
        read(written(tmp_path, rows))
