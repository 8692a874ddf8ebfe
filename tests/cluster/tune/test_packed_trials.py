"""Trials that may be stacked (optim.pack=0) are handed to a worker together, and each is told what became of its own folds."""

import dataclasses
import json
import time

import pytest

from cluster.trial import Trial
from cluster.tune.gpu_shares import GpuShares
from cluster.tune.resources import Cluster
from cluster.tune.tune_adapter import HandedTrials, StartedSource, TrialQueue, tune_scheduler, tune_searcher
from ser_core.cross_validation.records import FoldKey, RunStore
from tests.cluster.conftest import SMALL, records, ser, shown

FREE = ("optim.pack=0", "cluster.pack=9", "cluster.workers=1")


def trial(name: str, pack: int = 0, folds: int = 4) -> Trial:
    return Trial(name, 0, (f"name={name}",), tuple(FoldKey(name, "split", fold) for fold in range(1, folds + 1)), pack)


def source(trials, tmp_path):
    return StartedSource(TrialQueue(trials, RunStore(tmp_path), folds_per_trial=2))


def sizes(begun, pack):
    found = []
    while pieces := begun.gathered(pack):
        found.append([(each.variant, folds) for each, folds in pieces])
    return found


def test_what_may_be_stacked_is_gathered_until_there_are_enough_folds(tmp_path):
    found = sizes(source([trial("a"), trial("b"), trial("c")], tmp_path), 5)
    assert found == [[("a", [1, 2]), ("a", [3, 4]), ("b", [1, 2])], [("b", [3, 4]), ("c", [1, 2]), ("c", [3, 4])]]


def test_what_may_not_be_stacked_goes_by_itself(tmp_path):
    found = sizes(source([trial("a", pack=1), trial("b", pack=3)], tmp_path), 100)
    assert [len(pieces) for pieces in found] == [1, 1, 1, 1]


def ended(seconds, folds):
    """A trial with this many folds that has taken so long."""
    return HandedTrials([(trial("z", pack=1), list(range(folds)))], 0, time.monotonic() - seconds)


def test_short_folds_travel_together_and_leave_enough_for_other_workers(tmp_path):
    begun = StartedSource(TrialQueue([trial(name, pack=1) for name in "abcdefghij"], RunStore(tmp_path), folds_per_trial=1))
    assert len(begun.gathered(16, at_once=2)) == 1, "nothing is known"
    begun.note_time(ended(0.5, 1))
    assert [(each.variant, folds) for each, folds in begun.gathered(16, at_once=2)][:4] == [
        ("a", [2]),
        ("a", [3]),
        ("a", [4]),
        ("b", [1]),
    ]
    counts = []
    while pieces := begun.gathered(16, at_once=2):
        counts.append(len(pieces))
    assert counts == sorted(counts, reverse=True) and counts[-3:] == [1, 1, 1] and sum(counts) == 40 - 1 - 9


def test_long_folds_and_those_of_a_search_go_alone(tmp_path):
    begun = StartedSource(TrialQueue([trial(name, pack=1) for name in "abcdefghij"], RunStore(tmp_path), folds_per_trial=1))
    begun.note_time(ended(60, 2))
    assert len(begun.gathered(16, at_once=1)) == 1
    asked = StartedSource(Ends([trial("a", pack=1), trial("b", pack=1)], []))
    asked.note_time(ended(0.1, 2))
    assert len(asked.gathered(16)) == 1


def test_what_travelled_with_a_worker_that_died_is_handed_out_one_by_one():
    a, b = trial("a", pack=1), trial("b", pack=1)
    handed = HandedTrials([(a, [1]), (a, [2]), (b, [1])], 2, reported={(0, 1)})
    assert [(each.pieces, each.retries) for each in handed.again(error=True)] == [([(a, [2])], 1), ([(b, [1])], 1)]
    stacked = HandedTrials([(trial("a"), [1]), (trial("b"), [1])], 2)
    assert len(stacked.again(error=True)) == 1, "a stack is one program"


class Ends:
    """A source that ends trials by name."""

    epochs = fixed = False

    def __init__(self, trials, ending):
        self.trials, self.ending, self.told, self.done = iter(trials), ending, [], []

    def next(self):
        found = next(self.trials, None)
        return found and (found, [1, 2])

    def reported(self, trial, fold, trained, failed):
        self.told.append((trial.variant, fold, trained, failed))
        return trial.variant in self.ending

    def finished(self, trial):
        self.done.append(trial.variant)


@dataclasses.dataclass
class Tunes:
    trial_id: str = "one"


@pytest.mark.parametrize("ending", [("a",), ("a", "b")])
def test_trials_that_are_trained_together_end_when_all_of_them_do(ending, tmp_path):
    begun = StartedSource(ends := Ends([trial("a"), trial("b")], ending))
    searcher, running = tune_searcher(begun, tmp_path, Cluster(pack=4), GpuShares(Cluster(), RunStore(tmp_path)))
    scheduler = tune_scheduler(begun, running)
    sent = searcher.suggest("one")
    assert [piece["overrides"] for piece in sent["pieces"]] == [["name=a"], ["name=b"]]
    answers = [
        scheduler.on_trial_result(None, Tunes(), {"piece": piece, "fold": 1, "trained": True, "failure": why})
        for piece, why in ((0, ""), (1, "it diverged"))
    ]
    assert ends.told == [("a", 1, True, False), ("b", 1, False, True)]
    assert answers == ["CONTINUE", "STOP" if ending == ("a", "b") else "CONTINUE"]
    searcher.on_trial_complete("one")
    assert ends.done == ["a", "b"]


def test_what_a_worker_dies_over_is_handed_out_again_as_often_as_was_asked(tmp_path):
    begun = StartedSource(ends := Ends([trial("a", pack=1), trial("b", pack=1)], ()))
    searcher, handed_out = tune_searcher(begun, tmp_path, Cluster(retries=1), GpuShares(Cluster(), RunStore(tmp_path)))
    scheduler = tune_scheduler(begun, handed_out)
    first, second = searcher.suggest("one"), searcher.suggest("two")
    assert searcher.suggest("none") is None, "a worker may yet die"
    for name in ("one", "three"):
        scheduler.on_trial_error(None, Tunes(name))
        searcher.on_trial_complete(name, error=True)
        assert ends.told == ([] if name == "one" else [("a", 0, False, True)])
        assert (searcher.suggest("three") == first) == (name == "one")
    assert ends.done == ["a"]
    searcher.on_trial_complete("two")
    assert ends.done == ["a", "b"] and second["pieces"][0]["overrides"] == ["name=b"]
    assert searcher.suggest("four") == type(searcher).FINISHED


def test_a_worker_trains_variants_as_one_program_and_one_that_diverges_fails_alone(tmp_path):
    words = ("ablate", "--factor", "optim.learning_rate=0.001,0.02,1e30", *SMALL, *FREE, "--seeds", "1")
    ran = ser(tmp_path, *words)
    assert ran.code == 1
    assert "4 folds failed" in ran.out and ran.err.count("loss became non-finite") == 4
    kept = records(tmp_path)
    stacked = [json.loads((tmp_path / place / "record.json").read_text())["spent"]["stacked"] for place in kept]
    assert stacked == [9.0] * 8
    folds = [run for run in shown(tmp_path) if run.kind == "fold" and run.status == "FINISHED"]
    assert len(folds) == 8


def test_a_search_asks_for_as_many_configurations_as_are_trained_together(tmp_path):
    ran = ser(tmp_path, "search", "optimiser", *SMALL, *FREE, "--trials", "4", "--pruning", "none", "--sampler", "random")
    assert ran.code == 0
    assert "16 folds trained" in ran.out
    stacked = [json.loads((tmp_path / place / "record.json").read_text())["spent"]["stacked"] for place in records(tmp_path)]
    assert min(stacked) >= 4 and max(stacked) == 12
