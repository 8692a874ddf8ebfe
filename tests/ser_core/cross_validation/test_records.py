"""The fold record: written whole or not at all, once, claimed by one process, its test part in files of its own."""

import dataclasses
import json
import multiprocessing
import pickle
import time
from pathlib import Path

import pandas as pd
import pytest

from ser_core.cross_validation.records import FILES, FoldKey, FoldRecord, RunStore, SealedRecord, TestPart
from ser_core.errors import RecordError

KEY = FoldKey("0123456789abcdef", "0123456789ab", 3)
PREDICTIONS = pd.DataFrame({"utterance": ["a", "b"], "emotion.target": ["joy", ""], "dimensions.valence.target": [1.5, None]})


def record(**changes: object) -> FoldRecord:
    fields = {
        "key": KEY,
        "seed": 1,
        "held_out": "speaker 03",
        "config": {"seed": 1, "optim": {"clip": 0.1}},
        "card": {"x": [1, 2]},
        "sizes": {"train": 4},
        "dev": {"uar": 1 / 3},
        "epochs": [{"epoch": 1.0}],
        "chosen_epoch": 1,
        "seconds": 0.5,
        "skipped": {"c": "silent"},
        "environment": {"device": "cpu"},
    }
    return FoldRecord(**{**fields, **changes})  # type: ignore[arg-type]


def part(uar: float = 0.7) -> TestPart:
    return TestPart(KEY, {"uar": uar}, {"majority": {"uar": 0.25}}, PREDICTIONS)


def names(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file() and not file.name.endswith(".lock")}


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    assert KEY not in store
    store.write(record(), PREDICTIONS, part())
    assert KEY in RunStore(str(tmp_path))
    assert store.load(KEY) == record()
    pd.testing.assert_frame_equal(store.dev_predictions(KEY), PREDICTIONS, check_dtype=False)
    opened = store.open_test(KEY)
    assert (opened.metrics, opened.baselines) == (part().metrics, part().baselines)
    place = "folds/0123456789abcdef/0123456789ab/fold-03/"
    files = ("record.json", "test.json", "predictions-dev.parquet", "predictions-test.parquet")
    assert names(tmp_path) == {place + file for file in files}


def test_test_parts_read_together_are_those_read_one_by_one(tmp_path: Path) -> None:
    store, keys = RunStore(tmp_path), [dataclasses.replace(KEY, fold=fold) for fold in (1, 2, 3, 4)]
    tables = [PREDICTIONS, PREDICTIONS.drop(columns="emotion.target"), PREDICTIONS[:1], PREDICTIONS.assign(speaker=["x", "y"])]
    for key, table in zip(keys, tables, strict=True):
        store.write(record(key=key), table, dataclasses.replace(part(), key=key, predictions=table))
    for key, opened in zip(keys, store.open_tests(keys), strict=True):
        alone = pd.read_parquet(store.place(key) / "predictions-test.parquet")
        pd.testing.assert_frame_equal(opened.predictions, alone, check_exact=True)
        assert (opened.key, opened.metrics) == (key, part().metrics)
    assert store.open_tests([]) == []


def test_a_fold_is_written_once(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.write(record(), PREDICTIONS, part())
    store.write(record(seed=2), PREDICTIONS, part(0.1))
    assert store.load(KEY).seed == 1 and store.open_test(KEY).metrics == {"uar": 0.7}


def test_a_record_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    with pytest.raises(TypeError):
        store.write(record(card={"x": object()}), PREDICTIONS, part())
    assert KEY not in store and not names(tmp_path)


def test_the_test_part_is_sealed(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.write(record(), PREDICTIONS, part())
    for file in store.place(KEY).glob("*test*"):
        file.unlink()
    assert store.load(KEY) == record() and len(store.dev_predictions(KEY)) == 2
    assert "0.7" not in (store.place(KEY) / "record.json").read_text()
    assert not {field.name for field in dataclasses.fields(FoldRecord)} & {"test", "metrics", "predictions", "baselines"}
    with pytest.raises(RecordError):
        store.open_test(KEY)


def test_a_missing_or_damaged_record_says_what_to_do(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    with pytest.raises(RecordError, match=r"no fold record at .*fold-03; run the study that trains it first"):
        store.load(KEY)
    store.write(record(), PREDICTIONS, part())
    file = store.place(KEY) / "record.json"
    file.write_text(file.read_text()[:-20])
    with pytest.raises(RecordError, match=r"record\.json is damaged .*; delete its folder and run the study again"):
        store.load(KEY)


def test_keys_sort_and_print() -> None:
    assert str(KEY) == "0123456789abcdef/0123456789ab/fold-03"
    assert sorted([FoldKey("b", "a", 1), FoldKey("a", "b", 2), FoldKey("a", "b", 1)])[0] == FoldKey("a", "b", 1)


def train_if_missing(folder: str, log: str) -> None:
    with RunStore(folder).claim(KEY) as missing:
        if missing:
            with Path(log).open("a") as lines:
                lines.write(json.dumps({"trained": True}) + "\n")
            time.sleep(0.3)
            RunStore(folder).write(record(), PREDICTIONS, part())


def test_of_two_processes_that_want_a_fold_one_trains_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    arguments = (str(tmp_path / "store"), str(tmp_path / "log"))
    processes = [context.Process(target=train_if_missing, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert len((tmp_path / "log").read_text().splitlines()) == 1


def test_a_fold_from_another_store_is_written_to_the_byte_and_without_being_read(tmp_path: Path, monkeypatch) -> None:
    there, here = RunStore(tmp_path / "there"), RunStore(tmp_path / "here")
    there.write(record(), PREDICTIONS, part())
    sealed = pickle.loads(pickle.dumps(there.seal(KEY)))
    size = sum((there.place(KEY) / name).stat().st_size for name in FILES)
    assert sealed.size == size
    for reading in ("open_tests", "load", "dev_predictions", "_read"):
        monkeypatch.setattr(RunStore, reading, lambda *given: pytest.fail("the record was read on its way"))
    here.receive(sealed)
    assert sealed.size == 0, "the bytes are kept in memory"
    assert names(tmp_path / "here") == names(tmp_path / "there")
    assert all((here.place(KEY) / name).read_bytes() == (there.place(KEY) / name).read_bytes() for name in FILES)


def test_a_fold_that_is_there_stays_and_an_incomplete_one_is_refused(tmp_path: Path) -> None:
    there, here = RunStore(tmp_path / "there"), RunStore(tmp_path / "here")
    there.write(record(), PREDICTIONS, part(0.1))
    here.write(record(), PREDICTIONS, part(0.7))
    here.receive(there.seal(KEY))
    assert here.open_test(KEY).metrics == {"uar": 0.7}
    other = dataclasses.replace(KEY, fold=4)
    for files in ({}, {"../record.json": b""}, {**there.seal(KEY).take_files(), "more": b""}):
        with pytest.raises(RecordError, match="arrived incomplete"):
            here.receive(SealedRecord(other, files))
    assert other not in here and names(tmp_path / "here") == names(tmp_path / "there")


def test_a_checkpoint_is_sent_up_to_a_size_and_deleted_by_nothing(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    assert store.read_state(KEY, 10) == b""
    store.write_state(KEY, b"12345")
    assert (store.read_state(KEY, 5), store.read_state(KEY, 4)) == (b"12345", b"")
    assert store.state_place(KEY).read_bytes() == b"12345"
    store.write_state(KEY, b"")
    store.write_state(KEY, b"")
    assert names(tmp_path) == set()
