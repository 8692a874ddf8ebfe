"""Several drivers at one search: no configuration twice, one budget, and nothing lost when one of them dies."""

import contextlib
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from cluster.search.budget import Budget
from cluster.search.optuna_trials import trial_name
from cluster.search.shared_study import check_storage
from cluster.study_record import load_study, studies
from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError, SettingError
from tests.cluster.conftest import SMALL, ended, records, ser, shown, started, until
from tests.cluster.postgres import database, serving
from tests.cluster.recorded import Search, write

DRIVER = """
import sys, time
from pathlib import Path
sys.path.insert(0, "tests/cluster")
from cluster.search.budget import Budget
from recorded import Search
source = Search(Path(sys.argv[1]), folds=3, budget=Budget(6), storage=sys.argv[2]).source()
trial, _ = source.next()
print(trial.keys[0].fingerprint, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def server():
    with serving() as address:
        yield address


@pytest.fixture
def storage(server):
    with database(server, f"test-{uuid.uuid4().hex[:8]}") as address:
        yield address


def trained(source, piece, folder):
    """Trains a trial as Tune would."""
    trial, missing = piece
    for fold in missing:
        write(RunStore(folder), trial.keys[fold - 1])
        if source.reported(trial, fold, True, False):
            break
    source.finished(trial)
    with source.drivers.turn(source):  # a study notes after every fold
        pass
    return trial_name(trial)


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "nsga2"])
def test_two_drivers_share_one_budget_and_train_nothing_twice(sampler, storage, tmp_path):
    search = Search(tmp_path, folds=3, sampler=sampler, budget=Budget(12), storage=storage)
    sources = [search.source(), search.source()]
    assert [source.drivers.number for source in sources] == [1, 2]
    done, going = [], [source.next() for source in sources]  # both have a trial under way at any time
    while any(going):
        for index, source in enumerate(sources):
            if going[index]:
                done.append(trained(source, going[index], tmp_path))
                going[index] = source.next()
    assert len(done) == len(set(done)) == 12
    for source in sources:
        with source.drivers.turn(source):
            assert set(source.trials) == set(done)
    found = load_study(RunStore(tmp_path), "made")
    assert sorted(trial.keys[0].fingerprint for trial in found.trials) == sorted(done)
    assert sorted(found.trained) == sorted(done) and len(found.asked) == 12
    told = [trial.state.name for trial in sources[0].study.trials]
    assert told.count("COMPLETE") >= 12 and "RUNNING" not in told


def test_a_driver_prunes_by_what_others_have_recorded(storage, tmp_path):
    search = Search(tmp_path, folds=9, sampler="qmc", pruning="asha", budget=Budget(20), storage=storage)
    one, other = search.source(), search.source()
    for _ in range(10):
        trained(one, one.next(), tmp_path)
    before = dict(other.ended)
    while piece := other.next():
        trained(other, piece, tmp_path)
    assert before == {} and set(one.ended) < set(other.ended)
    ranks = [end.reason for name, end in other.ended.items() if name not in one.ended]
    assert ranks and all(int(reason.split(" of ")[1].split()[0]) > 3 for reason in ranks)


def test_what_a_killed_driver_was_at_is_trained_by_another(storage, tmp_path):
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(tmp_path), storage], cwd=root, stdout=subprocess.PIPE, text=True
    ) as process:
        lost = process.stdout.readline().strip()
        survivor = Search(tmp_path, folds=3, budget=Budget(6), storage=storage).source()
        assert survivor.drivers.number == 2
        first = trained(survivor, survivor.next(), tmp_path)
        assert first != lost and not survivor.drivers.left(survivor.study)
        process.kill()
        process.wait(30)
    done = [first]
    while piece := survivor.next():
        done.append(trained(survivor, piece, tmp_path))
    assert lost in done and len(done) == len(set(done)) == 6
    assert Search(tmp_path, folds=3, budget=Budget(6), storage=storage).source().drivers.number == 1  # the seat is free again


def test_a_lost_database_is_made_again_from_the_records(server, tmp_path):
    whole = Search(tmp_path, folds=3, sampler="qmc", budget=Budget(5))
    with database(server, f"test-{uuid.uuid4().hex[:8]}") as whole.storage:
        first = whole.driven()
    with database(server, f"test-{uuid.uuid4().hex[:8]}") as whole.storage:
        again = whole.driven(cut=0)
        assert again.next() is None and set(again.trials) == set(first.trials)
        assert [trial.state.name for trial in again.study.trials] == ["COMPLETE"] * 5


def test_addresses_that_will_not_do_say_why():
    with pytest.raises(SettingError, match="a single driver needs none"):
        check_storage("sqlite:///here.db")
    with pytest.raises(SettingError, match="PGPASSWORD"):
        check_storage("postgresql://ser:secret@host/db")
    assert check_storage("postgresql://ser@host/db")


def test_a_database_out_of_reach_is_a_sentence(tmp_path):
    with pytest.raises(RecordError, match=r"cannot be used .*the records are intact"):
        Search(tmp_path, storage="postgresql://ser@127.0.0.1:9/none").source()


def test_a_database_that_dies_ends_the_search_with_a_sentence_and_loses_nothing(tmp_path):
    words = ["search", "bridge_tokens", *SMALL, "--trials", "3", "--sampler", "random", "--pruning", "none"]
    with contextlib.ExitStack() as living:
        address = living.enter_context(database(living.enter_context(serving()), "short"))
        with started(tmp_path, *words, "--storage", address) as process:
            until(lambda: records(tmp_path), 120, "the first fold")
            living.close()
            ran = ended(process)
    assert ran.code == 2 and "cannot be used" in ran.err and "the records are intact" in ran.err and "Traceback" not in ran.err
    (study,) = studies(RunStore(tmp_path / "bridgework"))
    assert study.trials and len(study.asked) == len(study.trials)


def test_two_real_drivers_one_of_them_killed(storage, tmp_path):
    words = ["search", "bridge_tokens", *SMALL, "--trials", "6", "--sampler", "random", "--pruning", "none"]
    words = [*words, "cluster.workers=1", "--storage", storage]
    assert ser(tmp_path, "corpus", "check", *SMALL).code == 0  # spoken once, before both begin
    with started(tmp_path, *words) as lost:
        until(lambda: records(tmp_path), 120, "the first fold")
        with started(tmp_path, *words) as other:
            until(lambda: list(tmp_path.glob("bridgework/studies/*/drivers/driver-2.name")), 60, "the second driver")
            lost.kill()
            ran = ended(other)
    assert ran.code == 0, ran.err
    assert "6 configurations" in ran.out
    again = ser(tmp_path, *words)
    assert again.code == 0 and "0 folds trained" in again.out and "ray" not in again.loaded
    study = next(tmp_path.glob("bridgework/studies/search-*"))
    runs = [run for run in shown(tmp_path) if run.tags["ser.study"] == study.name]
    folds = [run.tags["ser.key"] for run in runs if run.kind == "fold"]
    assert len(folds) == len(set(folds)) == len(records(tmp_path)) and {run.status for run in runs} == {"FINISHED"}
    assert storage not in (study / "study.json").read_text()
