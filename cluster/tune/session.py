"""Starts or joins Ray and leaves nothing behind: no process, no folder, and no port that answers without our token.

    <store>/ray/<host>-<pid>-<start>/    Tune's folder while the driver lives; its name says whose it is
    <store>/ray/logs/...                 Ray's logs of a start that failed (cluster/launch/ray_start.py)
    /tmp/ser-<pid>-<start>/              Ray's sockets and logs, open to this user alone
Every Ray process carries the driver's name in its environment, by which the next driver finds what a killed one left.
Ray listens on all addresses whatever it is told; its ports want the token, which lives in the environment alone.
"""

import dataclasses
import logging
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cluster.launch.ray_start import join, start_with_patience
from cluster.tune.resources import Cluster

MARK = "SER_DRIVER"
"""Environment variable that names the driver of a Ray process."""
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # else each worker would start through `uv run` anew
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_memory_monitor_refresh_ms": "0",  # its kill would abort the whole study, not one trial
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_raylet_start_wait_time_s": "240",  # else a driver ends itself when a busy raylet is silent for 30 s,
    "RAY_agent_register_timeout_ms": "240000",  # and a raylet when one of its agents is
    "RAY_enable_metrics_collection": "0",  # else three ports tell everyone about this machine
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is ours: Tune would return as if all had been trained
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",  # records are what is resumed from, never Tune's own state
}


@dataclasses.dataclass(frozen=True)
class Driver:
    """A process that runs a study, named so that another can tell whether it still lives."""

    host: str
    pid: int
    started: int
    """Start of the process in seconds since 1970: a pid alone is used again."""

    @classmethod
    def current(cls) -> "Driver":
        import psutil

        return cls(socket.gethostname(), os.getpid(), int(psutil.Process().create_time()))

    @classmethod
    def named(cls, name: str) -> "Driver":
        """The driver whose `name` this is."""
        host, pid, started = name.rsplit("-", 2)
        return cls(host, int(pid), int(started))

    @property
    def name(self) -> str:
        return f"{self.host}-{self.pid}-{self.started}"

    @property
    def session(self) -> Path:
        """Ray's folder; short, since the paths of sockets may have 107 bytes."""
        temporary = tempfile.gettempdir()
        return Path(temporary if len(temporary) < 30 else "/tmp") / f"ser-{self.pid}-{self.started}"  # noqa: S108

    def dead(self) -> bool:
        """Whether it ran on this machine and is no more; of other machines nothing is known."""
        import psutil

        if self.host != socket.gethostname():
            return False
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started) > 2
        except psutil.NoSuchProcess:
            return True

    def processes(self) -> list[Any]:
        """The Ray processes it started, with all their children."""
        import psutil

        found: dict[int, Any] = {}
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.name:
                    found |= {each.pid: each for each in [process, *process.children(recursive=True)]}
            except psutil.Error:
                continue
        return list(found.values())


@contextmanager
def ray_running(cluster: Cluster, store: Path) -> Iterator[Path]:
    """Joins or starts Ray, yields a folder for Tune, and stops and deletes what it began.

    Leftovers of a killed study in this store are ended first.
    """
    settings = ENVIRONMENT if cluster.address else {**ENVIRONMENT, **_token()}
    os.environ.update({name: value for name, value in settings.items() if name not in os.environ})
    import ray  # reads the environment as it is imported

    end_leftovers(store)
    driver = Driver.current()
    folder = store / "ray" / driver.name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _begin(cluster, driver, store)
        yield folder
    finally:
        ray.shutdown()
        os.environ.pop(MARK, None)
        for left in (folder, driver.session):
            shutil.rmtree(left, ignore_errors=True)


def _token() -> dict[str, str]:
    """A fresh token for a Ray of our own, in the environment of its processes alone: Ray's own file is open to all."""
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


def _begin(cluster: Cluster, driver: Driver, store: Path) -> None:
    """Joins the cluster of that address, or starts one for this machine alone. Raises BridgeworkError when it cannot."""
    import ray

    if cluster.address:
        join(cluster.address, lambda: ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR))
        return
    os.environ[MARK] = driver.name
    logs = store / "ray" / "logs" / driver.name
    start_with_patience(lambda: _start(cluster, driver), lambda: _clear_failed_start(driver, logs), logs)


def _start(cluster: Cluster, driver: Driver) -> None:
    """Starts a Ray for this machine alone."""
    import ray

    driver.session.mkdir(mode=0o700, exist_ok=True)
    try:
        ray.init(
            address="local",
            num_cpus=cluster.cores(),
            include_dashboard=False,
            object_store_memory=200 * 2**20,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _node_ip_address="127.0.0.1",
            _temp_dir=str(driver.session / "ray"),
        )
    except Exception:
        ray.shutdown()  # else the next attempt finds half of this one
        raise


def _clear_failed_start(driver: Driver, logs: Path) -> None:
    """Ends the processes of a start that failed, and copies their logs."""
    _end(driver.processes())
    for session in (driver.session / "ray").glob("session_*[0-9]"):
        with suppress(OSError, shutil.Error):  # a full disk, perhaps what the start failed of
            shutil.copytree(session / "logs", logs / session.name)
    shutil.rmtree(driver.session, ignore_errors=True)


def end_leftovers(store: Path) -> int:
    """Ends Ray processes that a killed driver of this store left behind; those of living drivers are let be."""
    ended = 0
    for folder in (store / "ray").glob("*-*-*"):
        driver = Driver.named(folder.name)
        if not driver.dead():
            continue
        ended += _end(driver.processes())
        for left in (driver.session, folder):
            shutil.rmtree(left, ignore_errors=True)
    return ended


def _end(processes: list[Any]) -> int:
    """Kills these processes and waits until they are gone; returns how many there were."""
    import psutil

    ended = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
            ended += 1
    psutil.wait_procs(processes, timeout=10)
    return ended
