"""Databases written by audformat itself and read back cell by cell; what is missing is named; nothing they hold is run."""

import os
import pickle
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import audformat
import numpy as np
import pandas as pd
import pytest

from ser_core.config.compose import compose
from ser_core.corpus.audformat_database import Audformat
from ser_core.corpus.corpus import Corpus
from ser_core.corpus.emodb import EmoDB
from ser_core.errors import CorpusError, SettingError
from tests.shared_material import shared

FILES = ["audio/a.wav", "audio/b.wav", "audio/c.wav", "audio/d.wav"]
SEGMENTS = (["audio/a.wav", "audio/a.wav", "audio/c.wav"], ["0s", "1.5s", "0s"], ["1.5s", "2.25s", None])


def database(root: Path, labels: str = "misc", **saving: Any) -> Path:
    """A filewise table of emotions, a segmented one of ratings, another of speakers, who are a list, a dict or a misc table."""
    db = audformat.Database("made", source="nowhere", usage=audformat.define.Usage.RESEARCH, license="CC-BY-4.0")
    db.schemes["emotion"] = audformat.Scheme(labels=["joy", "excited", "sad"])
    db.schemes["valence"] = audformat.Scheme(audformat.define.DataType.FLOAT, minimum=1, maximum=5)
    db.schemes["loose"] = audformat.Scheme(audformat.define.DataType.FLOAT)
    db.schemes["transcription"] = audformat.Scheme(audformat.define.DataType.STRING)
    people = {"s1": {"gender": "female", "age": 31}, "03": {"gender": "male", "age": 44}}
    if labels == "misc":
        db["speaker"] = audformat.MiscTable(pd.Index(list(people), name="speaker", dtype="string"))
        for field in ("gender", "age"):
            db["speaker"][field] = audformat.Column()
            db["speaker"][field].set([about[field] for about in people.values()])
    named: Any = {"misc": "speaker", "dict": people, "list": list(people)}[labels]
    db.schemes["speaker"] = audformat.Scheme(audformat.define.DataType.STRING, labels=named)
    db["files"] = audformat.Table(audformat.filewise_index(FILES))
    db["files"]["speaker"] = audformat.Column(scheme_id="speaker")
    db["files"]["speaker"].set(["s1", "03", "s1", "03"])
    db["files"]["transcription"] = audformat.Column(scheme_id="transcription")
    db["files"]["transcription"].set(["Oh, so.", None, 'say "hi"', "007"])
    db["emotion"] = audformat.Table(audformat.filewise_index(FILES[::-1]))
    db["emotion"]["emotion"] = audformat.Column(scheme_id="emotion")
    db["emotion"]["emotion"].set(["joy", "excited", None, "sad"])
    db["ratings"] = audformat.Table(audformat.segmented_index(*SEGMENTS))
    for column in ("valence", "loose"):
        db["ratings"][column] = audformat.Column(scheme_id=column)
        db["ratings"][column].set([1.0, np.nan, 4.5])
    root.mkdir(exist_ok=True)
    db.save(str(root), **{"storage_format": "csv", **saving})
    (root / "audio").mkdir(exist_ok=True)
    for file in FILES:
        (root / file).touch()
    return root


def read(root: Path, **knobs: Any) -> Corpus:
    return Audformat(root=str(root), **knobs).read(Path("unused"))


@pytest.mark.parametrize("storage", ["csv", "parquet"])
@pytest.mark.parametrize("labels", ["misc", "dict"])
def test_every_cell_of_files_comes_through(tmp_path: Path, storage: str, labels: str) -> None:
    corpus = read(database(tmp_path / "db", labels, storage_format=storage), gender="gender", text="transcription")
    columns = ["utterance", "file", "speaker", "gender", "emotion", "text"]
    assert corpus.table[columns].to_numpy().tolist() == [
        ["audio/a.wav", str(tmp_path / "db/audio/a.wav"), "s1", "female", "sad", "Oh, so."],
        ["audio/b.wav", str(tmp_path / "db/audio/b.wav"), "03", "male", "", ""],
        ["audio/c.wav", str(tmp_path / "db/audio/c.wav"), "s1", "female", "excited", 'say "hi"'],
        ["audio/d.wav", str(tmp_path / "db/audio/d.wav"), "03", "male", "joy", "007"],
    ]
    assert corpus.table[["start", "end"]].isna().all(axis=None)
    assert (corpus.name, corpus.classes, corpus.merged) == ("made", ("excited", "joy", "sad"), "none")
    assert corpus.licence == "CC-BY-4.0; usage: research" and corpus.text_source == "column transcription"


def test_segments_take_what_is_said_of_their_file(tmp_path: Path) -> None:
    root = database(tmp_path)
    corpus = read(root, tables=["ratings"], emotion="emotion/emotion", dimensions=["valence"], session="age")
    columns = ["utterance", "speaker", "session", "emotion", "start", "end", "valence"]
    rows = corpus.table[columns].astype(object).where(corpus.table[columns].notna(), "absent").to_numpy().tolist()
    assert rows == [
        ["audio/a.wav#0-1.5", "s1", "31", "sad", 0.0, 1.5, 1.0],
        ["audio/a.wav#1.5-2.25", "s1", "31", "sad", 1.5, 2.25, "absent"],
        ["audio/c.wav", "s1", "31", "excited", "absent", "absent", 4.5],
    ]
    assert corpus.scheme["dimensions"] == {"valence": [1.0, 5.0]}
    given = read(root, tables=["ratings"], emotion="", dimensions=["valence:0:10", "ratings/loose:1:5"])
    assert given.scheme == {"classes": [], "dimensions": {"valence": [0.0, 10.0], "loose": [1.0, 5.0]}}


def test_classes_are_merged_and_chosen(tmp_path: Path) -> None:
    corpus = read(database(tmp_path), merge=["excited:joy"], classes=["joy"])
    assert corpus.column("emotion").tolist() == ["", "joy", "joy"]
    assert corpus.merged == "excited:joy; dropped 1 rows of other classes"


@pytest.mark.parametrize("by", ["name", "split"])
def test_split_tables_give_the_split(tmp_path: Path, by: str) -> None:
    db = audformat.Database("made")
    db.schemes["emotion"] = audformat.Scheme(labels=["joy", "sad"])
    names = {"name": ("emotion.train", "emotion.test"), "split": ("one", "two")}[by]
    for part, name, files in zip(("train", "test"), names, (FILES[:3], FILES[3:]), strict=True):
        if by == "split":
            db.splits[f"my-{part}"] = audformat.Split(audformat.define.SplitType.TRAIN)
        db[name] = audformat.Table(audformat.filewise_index(files), split_id=f"my-{part}" if by == "split" else None)
        for column, cell in (("emotion", "joy"), ("speaker", part)):
            db[name][column] = audformat.Column(scheme_id="emotion" if column == "emotion" else None)
            db[name][column].set([cell] * len(files))
    root = database(tmp_path)
    db.save(str(root), storage_format="csv")
    corpus = read(root, tables=["emotion"] if by == "name" else list(names))
    own = ["train", "test"] if by == "name" else ["my-train", "my-test"]
    assert corpus.column("split").tolist() == [own[0]] * 3 + [own[1]]
    assert corpus.column("speaker").tolist() == ["train"] * 3 + ["test"]
    with pytest.raises(CorpusError, match=f"{', '.join(sorted(names))} have it; choose with corpus.tables"):
        read(root)


class Poison:
    """What runs when it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        return os.mkdir, (str(self.proof),)


@pytest.mark.parametrize("storage", ["csv", "parquet"])
def test_a_poisoned_pickle_beside_the_tables_is_never_opened(tmp_path: Path, storage: str) -> None:
    root, proof = database(tmp_path / "db", storage_format=storage), tmp_path / "proof"
    before = read(root, gender="gender")
    for table in ("emotion", "files", "speaker", "ratings"):
        pickled = root / f"db.{table}.pkl"
        pickled.write_bytes(pickle.dumps(Poison(proof)))
        os.utime(pickled, (time.time() + 60, time.time() + 60))
    after = read(root, gender="gender")
    assert after.table.equals(before.table) and not proof.exists()
    assert len(list(root.glob("*.pkl"))) == 4
    audformat.Database.load(str(root))["emotion"].get()
    assert proof.is_dir(), "audformat has become safe here: the detour may go"


@pytest.mark.parametrize("table", ["emotion", "files", "speaker"])
def test_a_table_that_is_a_pickle_alone_is_refused(tmp_path: Path, table: str) -> None:
    root, proof = database(tmp_path / "db"), tmp_path / "proof"
    (root / f"db.{table}.csv").unlink()
    with pytest.raises(CorpusError, match=rf"table {table} has no file db\.{table}\.csv or \.parquet"):
        read(root, gender="gender")
    (root / f"db.{table}.pkl").write_bytes(pickle.dumps(Poison(proof)))
    with pytest.raises(CorpusError, match=rf"table {table} is only stored as .*pkl, and a pickle is never opened.*db\.save"):
        read(root, gender="gender")
    assert not proof.exists()


def test_a_header_that_runs_something_is_not_read(tmp_path: Path) -> None:
    root, proof = database(tmp_path / "db"), tmp_path / "proof"
    header = root / "db.yaml"
    header.write_text(header.read_text() + f"author: !!python/object/apply:os.mkdir ['{proof}']\n")
    for use in (lambda: read(root), lambda: Audformat(root=str(root)).terms()):
        with pytest.raises(CorpusError, match="is not plain YAML, so it is not read"):
            use()
    assert not proof.exists()
    audformat.Database.load(str(root))
    assert proof.is_dir(), "audformat has become safe here: the detour may go"


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"tables": ["emotions"]}, "no table 'emotions' of corpus.tables; choose from emotion, files, ratings"),
        (
            {"emotion": "mood"},
            "one table must have the column 'mood' of corpus.emotion, but there are emotion/emotion, files/speaker",
        ),
        (
            {"speaker": "who"},
            r"corpus\.speaker=who is in no table; choose from emotion/emotion, files/speaker, files/transcription",
        ),
        (
            {"speaker": "people/speaker"},
            r"corpus\.speaker=people/speaker does not exist; choose from emotion/emotion, files/speaker",
        ),
        ({"gender": "sex"}, r"corpus\.gender=sex is in no table; .*, and the labels of the speakers have gender, age"),
        ({"dimensions": ["loose"]}, "the scheme of column 'loose' has no minimum and maximum; give its scale"),
        ({"text": "ratings/loose"}, "ratings/loose has segments, table emotion has whole files"),
        ({"classes": ["envy"]}, r"corpus\.classes names 'envy'; the table has excited, joy, sad"),
    ],
)
def test_what_is_missing_is_named_with_what_is_there(tmp_path: Path, knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        read(database(tmp_path), **knobs)


def test_speakers_whose_labels_say_nothing_have_no_gender(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="the labels of the speakers have no fields"):
        read(database(tmp_path, "list"), gender="gender")
    assert read(database(tmp_path, "list")).column("gender").tolist() == [""] * 4


def test_damage_is_named(tmp_path: Path) -> None:
    root = database(tmp_path)
    for name, old, new, message in (
        ("db.emotion.csv", "joy", "envy", "column emotion/emotion has 'envy', which its scheme does not list: excited, joy, sad"),
        ("db.emotion.csv", "audio/d.wav", "audio/a.wav", r"table emotion has a row twice: audio/a\.wav|appears more than once"),
        ("db.files.csv", "audio/d.wav", "audio/a.wav", r"table files has a row twice: audio/a\.wav"),
        ("db.files.csv", "03", "", "row 1 has no speaker"),
        ("db.yaml", "name: made", "nome: made", r"db\.yaml is not the header of a database"),
        ("db.yaml", "", "just words # ", "is not the header of a database|is not plain YAML"),
    ):
        whole = (root / name).read_text()
        (root / name).write_text(whole.replace(old, new) if old else new)
        with pytest.raises(CorpusError, match=message):
            read(root)
        (root / name).write_text(whole)
    shutil.rmtree(root / "audio")
    with pytest.raises(CorpusError, match=r"none of 4 audio files exists"):
        read(root)
    (root / "db.yaml").unlink()
    with pytest.raises(CorpusError, match=r"no db\.yaml in"):
        read(root)


def test_it_is_composed_from_overrides_and_wrong_knobs_are_refused(tmp_path: Path) -> None:
    root = database(tmp_path)
    overrides = ["corpus=audformat", f"corpus.root={root}", "corpus.speaker=files/speaker", "corpus.tables=[emotion]"]
    assert len(compose(overrides).corpus.read(tmp_path)) == 4
    assert Audformat(root=str(root)).terms() == "licence:        CC-BY-4.0\nusage:          research"
    for knobs, message in (
        ({"speaker": ""}, "corpus.speaker must name a column"),
        ({"emotion": ""}, "corpus.tables must name the tables"),
        ({"dimensions": ["valence:1"]}, "entries like valence:1:5"),
        ({"merge": ["joy"]}, "entries like excited:happy"),
    ):
        with pytest.raises(SettingError, match=message):
            Audformat(**knobs)  # type: ignore[arg-type]


@pytest.mark.shared
def test_the_real_emodb_as_a_database_reads_as_emodb(tmp_path: Path) -> None:
    own = EmoDB(root=str(shared("data", "emodb"))).read(tmp_path)
    db = audformat.Database("emodb", license="CC0-1.0")
    db.schemes["emotion"] = audformat.Scheme(labels=list(own.classes))
    genders = dict(zip(own.column("speaker").tolist(), own.column("gender").tolist(), strict=True))
    db.schemes["speaker"] = audformat.Scheme(labels={name: {"gender": gender} for name, gender in genders.items()})
    (tmp_path / "flac").symlink_to(shared("data", "emodb", "flac"))
    index = audformat.filewise_index([f"flac/{Path(file).name}" for file in own.column("file")])
    db["files"], db["emotion"] = audformat.Table(index), audformat.Table(index)
    for table, column, words in (("files", "speaker", "speaker"), ("files", "said", "text"), ("emotion", "emotion", "emotion")):
        db[table][column] = audformat.Column(scheme_id=column if column in db.schemes else None)
        db[table][column].set(own.column(words).tolist())
    db.save(str(tmp_path), storage_format="parquet")
    corpus = read(tmp_path, gender="gender", text="said")
    assert len(corpus) == 535 and corpus.classes == own.classes
    columns = ["speaker", "gender", "text", "emotion", "start", "end"]
    assert corpus.table[columns].equals(own.table[columns])
    assert [Path(file).stem for file in corpus.column("file")] == own.column("utterance").tolist()
