"""What a trial may use, and starting or joining Ray with it. Nothing here runs unless there is something to train."""

import dataclasses
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from ser_core.compose import compose_tree
from ser_core.contents import write_whole
from ser_core.options import Option, at_least

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # else each worker would start through `uv run` anew
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_memory_monitor_refresh_ms": "0",  # its kill would abort the whole study, not one trial
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",  # records are what is resumed from, never Tune's own state
}


@dataclasses.dataclass(frozen=True)
class Cluster(Option):
    """Where trials run and how many at once; part of no fold's identity."""

    key: ClassVar[str] = "cluster"
    address: str = ""
    """Ray cluster to join, as ray://head:10001 or auto; empty starts one on this machine and stops it afterwards."""
    workers: int = 0
    """Trials at once, at least 0; 0 is as many as the machine's cores (or GPUs) carry."""
    cpus_per_trial: float = 1.0
    """CPU cores that Ray sets aside for a trial, above 0; run.threads says how many it uses."""
    gpus_per_trial: float = 0.0
    """GPUs of a trial, at least 0; a fraction lets trials share one, whose memory they must then share too."""
    folds_per_trial: int = 0
    """Folds that one trial trains, at least 0; 0 is all of them. Smaller trials spread better over many workers."""
    retries: int = 2
    """How often a trial whose worker died is started again, at least 0."""
    tracking: str = ""
    """MLflow tracking address; empty is a SQLite database beside the records."""

    def __post_init__(self) -> None:
        for field in ("workers", "gpus_per_trial", "folds_per_trial", "retries"):
            at_least(self, field, 0)
        at_least(self, "cpus_per_trial", 0.01)

    def trials_at_once(self) -> int:
        """How many trials run at the same time."""
        if self.workers:
            return self.workers
        if self.gpus_per_trial:
            import torch

            return max(1, int(torch.cuda.device_count() / self.gpus_per_trial))
        return max(1, int(len(os.sched_getaffinity(0)) / self.cpus_per_trial))


@dataclasses.dataclass(frozen=True)
class Settings:
    """The part of the tree that `ser_core` does not know."""

    cluster: Cluster = dataclasses.field(default_factory=Cluster)
    """Where trials run."""


def split_overrides(overrides: Sequence[str]) -> tuple[list[str], Cluster]:
    """The experiment's overrides, and the cluster that the `cluster.*` ones make. Raises SettingError as `compose`."""
    ours = [override for override in overrides if override.startswith("cluster.")]
    return [each for each in overrides if each not in ours], compose_tree(Settings, {}, ours, None).cluster


@contextmanager
def ray_running(cluster: Cluster, store: Path) -> Iterator[None]:
    """Joins or starts Ray, and stops what it started. Leftovers of a killed study in this store are ended first."""
    os.environ.update({name: value for name, value in ENVIRONMENT.items() if name not in os.environ})
    import logging

    import ray

    end_leftovers(store)
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if cluster.address:
        ray.init(address=cluster.address, **quiet)
    else:
        cpus = max(1, round(cluster.trials_at_once() * cluster.cpus_per_trial + 0.49))
        ray.init(num_cpus=cpus, include_dashboard=False, object_store_memory=200 * 2**20, **quiet)
        _remember_children(store)
    try:
        yield
    finally:
        ray.shutdown()
        if not cluster.address:
            _started(store).unlink(missing_ok=True)


def end_leftovers(store: Path) -> int:
    """Ends Ray processes that a killed driver of this store left behind; those of living drivers are let be."""
    import psutil

    ended = 0
    for file in (store / "ray").glob("started-*.json"):
        started = json.loads(file.read_text())
        if psutil.pid_exists(started["driver"][0]) and _same(started["driver"]):
            continue
        for child in filter(_same, started["children"]):
            parent = psutil.Process(child[0])
            for process in [*parent.children(recursive=True), parent]:
                process.kill()
                ended += 1
        file.unlink(missing_ok=True)
    return ended


def _same(identity: Sequence[float]) -> bool:
    """Whether the process of this (pid, start time) still runs."""
    import psutil

    try:
        return abs(psutil.Process(int(identity[0])).create_time() - identity[1]) < 1.0
    except psutil.NoSuchProcess:
        return False


def _started(store: Path) -> Path:
    return store / "ray" / f"started-{os.getpid()}.json"


def _remember_children(store: Path) -> None:
    """Notes which processes are ours, for `end_leftovers` of the next driver."""
    import psutil

    driver = psutil.Process()
    file = _started(store)
    file.parent.mkdir(parents=True, exist_ok=True)
    children = [[child.pid, child.create_time()] for child in driver.children()]
    write_whole(file, json.dumps({"driver": [driver.pid, driver.create_time()], "children": children}))
