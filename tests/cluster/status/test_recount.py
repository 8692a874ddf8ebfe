"""A study is counted from its records when its summary is missing or older, and never when it is fresh."""

import dataclasses
import json
import os
from pathlib import Path

import pytest

from cluster.status import recount
from cluster.status.recount import named_summary, summaries, summary_of
from cluster.status.summary import DAMAGED, FAILED, FINISHED, INTERRUPTED, NAME, STOPPED, Summary, read_summary, write_summary
from cluster.study_record import Ended, StudyRecord
from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError
from tests.cluster.recorded import make, write


@pytest.fixture
def study(tmp_path: Path) -> tuple[StudyRecord, RunStore, Path]:
    """Two trials of three folds, four of them recorded."""
    store, trials = RunStore(tmp_path), [make(3)(["x=0.1"]), make(3)(["x=0.9"])]
    record = StudyRecord("study-1", "search", "study", "Which?", "uar", [], trials, "ser search line")
    record.save(store)
    for key in [*trials[0].keys, trials[1].keys[0]]:
        write(store, key)
    return record, store, record.folder(store)


def written(folder: Path, state: str, **fields: object) -> Summary:
    """Writes what a driver of this study wrote at its end."""
    made = Summary("study-1", "search", "study", "Which?", "ser search line", state, total=6, done=4, **fields)  # type: ignore[arg-type]
    write_summary(made, folder / NAME)
    return made


def test_without_a_summary_the_records_are_counted(study: tuple[StudyRecord, RunStore, Path]) -> None:
    record, store, folder = study
    found = summary_of(folder)
    assert (found.study, found.question, found.command) == ("study-1", "Which?", "ser search line")
    assert (found.state, found.done, found.total, found.seconds, found.counted) == (STOPPED, 4, 6, 4.0, True)
    for key in record.keys:
        write(store, key)
    assert summary_of(folder).state == FINISHED
    assert read_summary(folder / NAME) == summary_of(folder), "written for the next"


def test_folds_of_trials_that_ended_early_are_not_missing(study: tuple[StudyRecord, RunStore, Path]) -> None:
    record, store, folder = study
    record.ended[record.trials[1].keys[0].fingerprint] = Ended(1, "behind", pruned=True)
    record.save(store)
    found = summary_of(folder)
    assert (found.state, found.done, found.pruned, found.spared) == (FINISHED, 4, 1, 2)


def test_a_fresh_summary_costs_no_look_at_records(
    study: tuple[StudyRecord, RunStore, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, folder = study
    made = written(folder, INTERRUPTED)
    monkeypatch.setattr(recount, "recount", lambda *given: pytest.fail("a record was counted"))
    assert summary_of(folder) == made


def test_a_study_that_has_grown_since_is_counted_again_and_keeps_what_its_driver_knew(
    study: tuple[StudyRecord, RunStore, Path],
) -> None:
    _, _, folder = study
    written(folder, FAILED, failed=1, seconds=77.0)
    os.utime(folder / NAME, (1, 1))
    found = summary_of(folder)
    assert (found.state, found.done, found.failed, found.seconds, found.counted) == (FAILED, 4, 1, 77.0, False)


def test_a_driver_that_died_is_counted_each_time(study: tuple[StudyRecord, RunStore, Path]) -> None:
    record, store, folder = study
    written(folder, "running", host=os.uname().nodename, pid=2**22 + 1)
    assert (summary_of(folder).state, summary_of(folder).done) == (STOPPED, 4)
    write(store, record.trials[1].keys[1])
    assert summary_of(folder).done == 5


def test_tracebacks_that_are_left_say_that_folds_failed(study: tuple[StudyRecord, RunStore, Path]) -> None:
    _, _, folder = study
    (folder / "failures").mkdir()
    (folder / "failures" / "x-0-9--seed-0--fold-2.txt").write_text("Traceback")
    found = summary_of(folder)
    assert (found.state, found.failed, found.failures[0].where) == (FAILED, 1, "x-0-9--seed-0--fold-2")


def test_studies_are_found_by_id_and_by_name_the_latest_first(study: tuple[StudyRecord, RunStore, Path], tmp_path: Path) -> None:
    record, store, folder = study
    dataclasses.replace(record, id="study-2").save(store)
    os.utime(folder / "study.json", (1, 1))
    assert [each.study for each in summaries(tmp_path)] == ["study-2", "study-1"]
    assert named_summary(tmp_path, "study").study == "study-2"
    assert named_summary(tmp_path, "study-1").study == "study-1"
    with pytest.raises(RecordError, match=r"no study 'other'.*study-2, study-1"):
        named_summary(tmp_path, "other")
    (folder / "study.json").write_text(json.dumps({"kind": "search"}))
    assert summaries(tmp_path)[0].state == DAMAGED, "it hides no others"
    with pytest.raises(RecordError, match=r"damaged.*delete it"):
        named_summary(tmp_path, "study-1")
