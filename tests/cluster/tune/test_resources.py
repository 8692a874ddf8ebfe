"""What a trial may use, and whose Ray processes are whose."""

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from omegaconf import OmegaConf

from cluster.tune.resources import Cluster, split_overrides
from cluster.tune.session import MARK, Driver, end_leftovers
from ser_core.errors import SettingError


def test_overrides_of_the_cluster_are_taken_out():
    base, cluster = split_overrides(["optim.epochs=2", "cluster.workers=3", "corpus=demo", "cluster.retries=0"])
    assert base == ["optim.epochs=2", "corpus=demo"]
    assert cluster == Cluster(workers=3, retries=0)


@pytest.mark.parametrize("setting", ["worker=3", "workers=-1", "workers=many", "cpus_per_trial=0"])
def test_a_bad_setting_of_the_cluster_is_named(setting):
    with pytest.raises(SettingError, match=setting.partition("=")[0]):
        split_overrides([f"cluster.{setting}"])


@pytest.mark.parametrize(
    ("command", "packs", "idle"),
    [
        ("run", True, ["workers", "folds_per_trial", "pack"]),
        ("corpus", True, ["workers", "folds_per_trial", "pack", "tracking"]),
        ("search", False, ["folds_per_trial", "pack"]),
        ("ablate", False, ["pack"]),
        ("ablate", True, []),
    ],
)
def test_settings_of_the_cluster_without_effect_are_named(command, packs, idle):
    given = Cluster(workers=3, folds_per_trial=0, pack=8, tracking="http://here")
    said = given.without_effect_in(command, packs)
    assert sorted(sentence.split("=")[0] for sentence in said) == sorted(f"cluster.{name}" for name in idle)
    assert Cluster().without_effect_in(command, packs) == []


def test_rays_client_is_refused_with_a_pointer():
    with pytest.raises(SettingError, match=r"ray://.* cannot run studies; .*HOST:6379"):
        split_overrides(["cluster.address=ray://head:10001"])


def test_trials_at_once():
    assert Cluster().trials_at_once(8, 0) == 8
    assert Cluster(cpus_per_trial=3).trials_at_once(8, 0) == 2
    assert Cluster(gpus_per_trial=0.25).trials_at_once(16, 1) == 4
    assert Cluster(cpus_per_trial=16).trials_at_once(8, 0) == 1
    assert Cluster(workers=5).trials_at_once(2, 0) == 5
    with pytest.raises(SettingError, match="1 GPUs"):
        Cluster(gpus_per_trial=1).trials_at_once(8, 0)


def test_a_ray_of_our_own_has_cores_for_all_workers():
    assert Cluster().cores() == len(os.sched_getaffinity(0))
    assert Cluster(workers=100, cpus_per_trial=1.5).cores() == 150
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SLURM_CPUS_PER_TASK", "1")
        assert Cluster().cores() == 1
        assert Cluster(workers=3).cores() == 3


@pytest.fixture
def sleeper():
    """Starts processes that carry a driver's name."""
    begun = []

    def start(name):
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, env={**os.environ, MARK: name})
        begun.append(process)
        return process

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def stopped(process, seconds=5):
    """Whether it has ended."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def test_leftovers_of_dead_drivers_are_ended_and_all_others_let_be(tmp_path, sleeper):
    ours = Driver.current()
    recycled = Driver(ours.host, ours.pid, ours.started - 100)
    unknown = Driver("another-machine", ours.pid, ours.started - 100)
    elsewhere = Driver(socket.gethostname(), ours.pid, ours.started - 200)
    for driver in (ours, recycled, unknown):
        (tmp_path / "ray" / driver.name / "tune").mkdir(parents=True)
    recycled.session.mkdir()
    dead, *others = [sleeper(driver.name) for driver in (recycled, ours, unknown, elsewhere)]
    assert Driver.named(unknown.name) == unknown
    assert end_leftovers(tmp_path) == 1
    assert stopped(dead)
    assert not any(stopped(other, 0.2) for other in others)
    assert sorted(each.name for each in (tmp_path / "ray").iterdir()) == sorted([ours.name, unknown.name])
    assert not recycled.session.exists()
    assert end_leftovers(tmp_path) == 0


def test_a_driver_knows_whether_it_lives():
    ours = Driver.current()
    assert not ours.dead()
    assert psutil.Process().pid == ours.pid
    assert ours.session.parent in (Path(tempfile.gettempdir()), Path("/tmp"))
    assert len(str(ours.session)) < 45


def test_a_store_without_ray_has_no_leftovers(tmp_path):
    assert end_leftovers(tmp_path) == 0


def test_a_file_stands_for_the_overrides_that_it_lists(tmp_path):
    (tmp_path / "chosen.yaml").write_text("- optim.epochs=3\n- cluster.workers=2\n- 'conditions=[noise:10]'\n")
    overrides, cluster = split_overrides(["seed=1", f"@{tmp_path / 'chosen.yaml'}", "optim.batch=8"])
    assert overrides == ["seed=1", "optim.epochs=3", "conditions=[noise:10]", "optim.batch=8"]
    assert cluster.workers == 2


def test_a_selection_written_as_yaml_is_read_as_it_was(tmp_path):
    signs = [
        "corpus.path=日本語 (b), c#d: é.csv",
        'corpus.title=it\'s  a "title" ' + "of many words " * 20,
        "a=[x, 'y: z']",
        "b=null",
    ]
    OmegaConf.save(OmegaConf.create(signs), tmp_path / "selected.yaml")
    assert split_overrides([f"@{tmp_path / 'selected.yaml'}"])[0] == signs


@pytest.mark.parametrize("content", ["a: 1", "- 3", "- [", "- a", "- corpus.title=a: b", "\x00", None])
def test_a_file_that_lists_none_is_refused_by_its_name(tmp_path, content):
    if content is not None:
        (tmp_path / "bad.yaml").write_text(content)
    with pytest.raises(SettingError, match=r"bad\.yaml"):
        split_overrides([f"@{tmp_path / 'bad.yaml'}"])
