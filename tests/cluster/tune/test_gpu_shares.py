"""Trials share a GPU by what folds were measured to take. There is none: Ray is told of one, and records say what they took."""

import json
import subprocess
import sys

import pytest

from cluster.tune.gpu_shares import GpuShares, share
from cluster.tune.resources import Cluster
from ser_core.cross_validation.records import RunStore
from ser_core.errors import SettingError

RUN = """
import json, sys, time, types
from pathlib import Path
from cluster.tune import session, train
from cluster.tune.resources import Cluster
from cluster.tune.tune_adapter import StartedSource
from cluster.trial import Trial
from ser_core.cross_validation.records import FoldKey

begin, folder = session._begin, Path(sys.argv[1])


def begin_with_a_gpu(*given):
    import ray

    init = ray.init
    ray.init = lambda **knobs: init(**{**knobs, "num_cpus": 4, "num_gpus": 1})
    begin(*given)


def train_trial(payload):
    import ray
    from ray import tune

    given = ray.get_runtime_context().get_assigned_resources()["GPU"]
    begun = time.time()
    (folder / f"begun-{payload['pieces'][0]['fingerprint']}").touch()
    while given < 1 and len(list(folder.glob("begun-*"))) < 5 and time.time() - begun < 200:
        time.sleep(0.1)  # for the other three, however long a busy machine needs to start them
    with open(folder / "log", "a") as log:
        log.write(json.dumps([given, begun, time.time()]) + "\\n")
    tune.report({"piece": 0, "fold": 1, "trained": True, "failure": ""})


class Source:
    epochs, fixed, wanted = False, False, 5
    left = [Trial(name, 0, (), (FoldKey(name, "split", 1),)) for name in "abcde"]

    def next(self):
        return (self.left.pop(0), [1]) if self.left else None

    def reported(self, *given):
        return False

    def finished(self, trial):
        pass


train.train_trial, session._begin = train_trial, begin_with_a_gpu
spent = types.SimpleNamespace(spent={"gpu_share": 0.2})
store = types.SimpleNamespace(folder=folder, load=lambda key: spent, state_place=lambda key: folder / "none")
train.train(StartedSource(Source()), Cluster(share_gpus=True), store, lambda *heard: None, print)
"""


def test_the_first_trial_has_a_gpu_by_itself_and_the_next_share_it(tmp_path):
    ran = subprocess.run([sys.executable, "-c", RUN, str(tmp_path)], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    trials = sorted((json.loads(line) for line in (tmp_path / "log").read_text().splitlines()), key=lambda trial: trial[1])
    assert [given for given, *_ in trials] == [1.0, 0.25, 0.25, 0.25, 0.25]
    (_, _, first_end), *others = trials
    assert all(begun >= first_end for _, begun, _ in others)
    assert max(begun for _, begun, _ in others) < min(end for *_, end in others)  # all four at once


@pytest.mark.parametrize(
    ("measured", "expected"), [(0.0, 1.0), (0.2, 1 / 4), (0.44, 1.0), (0.43, 1 / 2), (2.0, 1.0), (1e-6, 1 / 16)]
)
def test_parts_of_a_gpu_are_equal_and_hold_what_was_measured(measured, expected):
    assert share(measured) == expected
    assert share(measured) >= min(measured, 1.0)


def test_without_sharing_trials_are_given_what_was_asked_for(tmp_path):
    shares = GpuShares(Cluster(gpus_per_trial=0.5), RunStore(tmp_path))
    assert shares.gpus == 0.5 and not shares.wait(3)


@pytest.mark.parametrize("cluster", [{"gpus_per_trial": 0.5, "share_gpus": True}])
def test_sharing_and_a_fixed_part_contradict_each_other(cluster):
    with pytest.raises(SettingError, match="leave one of them out"):
        Cluster(**cluster)


def test_sharing_without_a_gpu_is_a_sentence():
    with pytest.raises(SettingError, match="Ray finds no GPU"):
        Cluster(share_gpus=True).trials_at_once(8, 0)
