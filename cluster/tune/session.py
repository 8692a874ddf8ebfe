"""Starts or joins Ray and cleans up afterwards: no process or folder remains, and no port answers without our token.

    <store>/ray/<host>-<pid>-<start>/    Tune's folder while the driver lives; its name identifies the driver
    <store>/ray/logs/...                 Ray's logs of a failed start (cluster/launch/ray_start.py)
    /tmp/ser-<pid>-<start>/              Ray's sockets and logs, readable only by this user
Every Ray process carries the driver's name in its environment, so the next driver finds what a killed one left behind.
Ray always listens on all addresses. Its ports require the token, which exists only in the environment.
"""

import dataclasses
import logging
import os
import secrets
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cluster.launch.package_folder import check_lasting
from cluster.launch.ray_start import join, start_with_patience, warn_without_token, watch_head
from cluster.tune.resources import Cluster

MARK = "SER_DRIVER"
"""Environment variable that names the driver of a Ray process."""
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # else each worker would start through `uv run` again
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_memory_monitor_refresh_ms": "0",  # killing a worker would abort the whole study, not one trial
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_raylet_start_wait_time_s": "240",  # else a driver exits when a busy raylet is silent for 30 s,
    "RAY_agent_register_timeout_ms": "240000",  # and a raylet exits when one of its agents is silent
    "RAY_enable_metrics_collection": "0",  # else three ports expose details of this machine
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # we handle Ctrl-C: Tune would return as if everything had trained
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",  # we resume from records, never from Tune's own state
}


@dataclasses.dataclass(frozen=True)
class Driver:
    """A process that runs a study. Its name lets other processes check whether it is still alive."""

    host: str
    pid: int
    started: int
    """Start of the process in seconds since 1970, since the system reuses pids."""

    @classmethod
    def current(cls) -> "Driver":
        import psutil

        return cls(socket.gethostname(), os.getpid(), int(psutil.Process().create_time()))

    @classmethod
    def named(cls, name: str) -> "Driver":
        """Returns the driver with this `name`."""
        host, pid, started = name.rsplit("-", 2)
        return cls(host, int(pid), int(started))

    @property
    def name(self) -> str:
        return f"{self.host}-{self.pid}-{self.started}"

    @property
    def session(self) -> Path:
        """Ray's folder. It is short because socket paths are limited to 107 bytes."""
        temporary = tempfile.gettempdir()
        return Path(temporary if len(temporary) < 30 else "/tmp") / f"ser-{self.pid}-{self.started}"  # noqa: S108

    def dead(self) -> bool:
        """Whether the driver ran on this machine and has ended. False for drivers on other machines."""
        import psutil

        if self.host != socket.gethostname():
            return False
        try:
            # The system reuses pids, so compare start times too; they are rounded to seconds in the name.
            return abs(psutil.Process(self.pid).create_time() - self.started) > 2
        except psutil.NoSuchProcess:
            return True

    def processes(self) -> list[Any]:
        """Returns the Ray processes that the driver started, with all their children."""
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
    """Joins or starts Ray, yields a folder for Tune, then stops Ray and deletes the folder.

    First ends the leftover processes of killed studies in this store. Raises SettingError for a store that Ray would delete.
    """
    check_lasting(store)
    # On a joined cluster, errors reach you as sentences; Ray's own warnings while it tries to connect do not help.
    settings = {**ENVIRONMENT, "RAY_BACKEND_LOG_LEVEL": "error"} if cluster.address else {**ENVIRONMENT, **_token()}
    os.environ.update({name: value for name, value in settings.items() if name not in os.environ})
    import ray  # reads the environment on import

    # Before anything starts: leftovers of a killed driver still hold cores and memory.
    end_leftovers(store)
    driver = Driver.current()
    folder = store / "ray" / driver.name
    folder.mkdir(parents=True, exist_ok=True)
    stop_watching: Callable[[], None] | None = None
    try:
        with _sigterm_kept():
            _begin(cluster, driver, store)
        if cluster.address:
            stop_watching = watch_head(ray.get_runtime_context().gcs_address)
        yield folder
    finally:
        if stop_watching:
            stop_watching()
        with _sigterm_kept() as restore:
            _when_processes_end(restore)
            ray.shutdown()
        os.environ.pop(MARK, None)
        for left in (folder, driver.session):
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _sigterm_kept() -> Iterator[Callable[[], None]]:
    """Restores the handler of SIGTERM: `ray.init` sets one that aborts this process, and `ray.shutdown` removes every handler.

    Yields a function that restores it earlier.
    """
    handler = signal.getsignal(signal.SIGTERM)

    def restore() -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)

    try:
        yield restore
    finally:
        restore()


def _when_processes_end(restore: Callable[[], None]) -> None:
    """Calls `restore` before Ray ends its processes, which takes seconds: a second SIGTERM meanwhile would end this process."""
    from ray._private import worker

    if node := worker._global_node:
        end = node.kill_all_processes

        def restore_and_end(*given: Any, **named: Any) -> Any:
            restore()
            return end(*given, **named)

        node.kill_all_processes = restore_and_end


def _token() -> dict[str, str]:
    """Returns a new token for a Ray that we start. It stays in the environment, since Ray's token file is readable by all."""
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


def _begin(cluster: Cluster, driver: Driver, store: Path) -> None:
    """Joins the cluster at the address, or starts one on this machine. Raises BridgeworkError when that fails."""
    import ray

    if cluster.address:
        join(cluster.address, lambda: ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR))
        warn_without_token(cluster.address)
        return
    os.environ[MARK] = driver.name
    logs = store / "ray" / "logs" / driver.name
    start_with_patience(lambda: _start(cluster, driver), lambda: _clear_failed_start(driver, logs), logs)


def _start(cluster: Cluster, driver: Driver) -> None:
    """Starts a Ray on this machine only."""
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
        ray.shutdown()  # else the next attempt finds a half-started Ray
        raise


def _clear_failed_start(driver: Driver, logs: Path) -> None:
    """Ends the processes of a failed start and copies their logs."""
    _end(driver.processes())
    for session in (driver.session / "ray").glob("session_*[0-9]"):
        with suppress(OSError, shutil.Error):  # the disk may be full, perhaps the cause of the failed start
            shutil.copytree(session / "logs", logs / session.name)
    shutil.rmtree(driver.session, ignore_errors=True)


def end_leftovers(store: Path) -> int:
    """Ends Ray processes that killed drivers of this store left behind, and leaves those of living drivers alone."""
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
    """Kills these processes, waits until they are gone, and returns their number."""
    import psutil

    ended = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
            ended += 1
    psutil.wait_procs(processes, timeout=10)
    return ended
