"""Starts or joins Ray on a machine that may be busy: retries with more time, and explains a failure in one sentence.

    attempt of 30 s --fails--> clean up --> attempt of 60 s --> attempt of 120 s --> BridgeworkError that names Ray's logs
Two time limits of Ray 2.60 are too short under load, and neither is configurable. First, the raylet exits when one of its agents
(Python processes) has not written its port to a file within 15 s. We choose and write the ports beforehand, so it need not wait.
Second, `ray.init` waits 30 s for the raylet, then raises and leaves all processes running. We wait longer in each attempt and
clean up after it.
"""

import inspect
import os
import re
import secrets
import shutil
import socket
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cluster.notices import print_notices
from ser_core.errors import BridgeworkError

PATIENCE = (30, 60, 120)
"""Seconds that each attempt waits for one Ray process. The attempt as a whole may take longer."""
SILENCE = 100
"""Extra seconds after which we assume that Ray hangs. We cannot interrupt it then, so we end this process too."""
AGENT_PORTS = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port", "runtime_env_agent_port")
"""Ports of the raylet's agents: arguments of Ray's `start_raylet`, and names of the files that the raylet waits for."""
ANSWER = 10
"""Seconds that the machine at `cluster.address` has to accept a connection."""

HEAD_GONE = 40
"""Seconds without an answer after which the head of a joined cluster counts as lost."""
LOOK = 5.0
"""Seconds between two looks at the head."""
REPEAT = "Records are kept: start Ray there again and repeat the command, which continues where it stopped"


def start_with_patience(
    start: Callable[[], None], clean_up: Callable[[], object], logs: Path, patience: Sequence[int] = PATIENCE
) -> None:
    """Calls `start` until it succeeds, once per entry of `patience`, and `clean_up` after each failure.

    `clean_up` ends the processes of the attempt and copies its logs to `logs`. They stay there if no attempt succeeds.
    Raises BridgeworkError when no attempt succeeds.
    """
    failures: list[str] = []
    for seconds in patience:
        try:
            with _end_if_silent(seconds + SILENCE, clean_up, logs), _patience_of(seconds):
                start()
        except Exception as error:  # Ray raises plain Exceptions, and various others, for the same reason
            failures.append(_first_line(error))
            clean_up()
            if len(failures) < len(patience):
                print_notices([f"Ray has not started ({failures[-1]}); the next attempt allows more time"])
        else:
            shutil.rmtree(logs, ignore_errors=True)
            return
    raise BridgeworkError(f"Ray has not started in {len(failures)} attempts ({failures[-1]}). {what_helps(logs)}")


def what_helps(logs: Path) -> str:
    """Returns a message with the load of the machine, the remedies, and the path of Ray's logs."""
    import psutil

    temporary = tempfile.gettempdir()
    state = (
        f"The machine has a load of {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores, "
        f"{psutil.virtual_memory().available / 1e9:.1f} GB of free memory and "
        f"{shutil.disk_usage(temporary).free / 1e9:.1f} GB of free space in {temporary}"
    )
    kept = f"; Ray's logs are in {logs}" if logs.exists() else ""
    return (
        f"{state}: stop other jobs or wait until it is less busy, lower cluster.workers, free memory or space, and repeat the "
        f"command, which continues where it stopped{kept}"
    )


@contextmanager
def _patience_of(seconds: int) -> Iterator[None]:
    """Lets Ray wait this long for its two processes, but stops waiting when the raylet ends."""
    from ray._private import services

    start_raylet, get_node = services.start_raylet, services.get_node

    def start_with_ports(*given: Any, **named: Any) -> Any:
        ports = dict(zip(AGENT_PORTS, free_ports(len(AGENT_PORTS)), strict=True))
        raylet = inspect.signature(start_raylet).bind(*given, **named).arguments
        for name, port in ports.items():
            Path(raylet["session_dir"], f"{name}_{raylet['node_id']}").write_text(str(port))
        return start_raylet(**{**raylet, **ports})

    def wait_for_node(address: str, name: str) -> Any:
        end = time.monotonic() + seconds
        with _nodes(address) as names:
            while name not in names():
                if not _raylet_lives():
                    raise BridgeworkError("its raylet process ended at once")
                if time.monotonic() > end:
                    raise BridgeworkError(f"its raylet process did not answer within {seconds} s")
                time.sleep(0.1)
        return get_node(address, name)

    services.start_raylet, services.get_node = start_with_ports, wait_for_node
    os.environ.update(RAY_gcs_server_port_wait_time_s=str(seconds))
    try:
        yield
    finally:
        services.start_raylet, services.get_node = start_raylet, get_node


def free_ports(count: int) -> list[int]:
    """Returns free TCP ports below the kernel's range for outgoing connections, which could otherwise take them."""
    found: dict[int, socket.socket] = {}
    try:
        while len(found) < count:
            port = secrets.randbelow(32768 - 10000) + 10000
            with suppress(OSError):
                found[port] = socket.create_server(("", port))
    finally:
        for server in found.values():
            server.close()
    return list(found)


@contextmanager
def _nodes(address: str) -> Iterator[Callable[[], set[str]]]:
    """Yields a function that returns the node ids of the Ray at this address without waiting."""
    from ray._private import services
    from ray._private.state import GlobalState

    state = GlobalState()
    state._initialize_global_state(services._get_gcs_client_options(address))
    try:
        yield lambda: {node["NodeID"] for node in state.node_table()}
    finally:
        state.disconnect()


def _raylet_lives() -> bool:
    """Whether a child of this process is a running raylet."""
    import psutil

    for child in psutil.Process().children():
        try:
            if "raylet" in child.name() and child.status() != psutil.STATUS_ZOMBIE:
                return True
        except psutil.Error:
            continue
    return False


@contextmanager
def _end_if_silent(seconds: int, clean_up: Callable[[], object], logs: Path) -> Iterator[None]:
    """Ends this process with a message if the block hangs in Ray's compiled code."""

    def end() -> None:
        clean_up()
        print_notices([f"Ray has not answered for {seconds} s. {what_helps(logs)}"])
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def watch_head(address: str, seconds: int = HEAD_GONE) -> Callable[[], None]:
    """Ends this process with one sentence when the head at HOST:PORT has not answered for so long. Returns a function to stop.

    Ray's own code ends the process after a minute, with a text about its internals.
    """
    ended = threading.Event()

    def watch() -> None:
        last = time.monotonic()
        while not ended.wait(LOOK):
            try:
                _check_answer(address, LOOK)
                last = time.monotonic()
            except OSError:
                if time.monotonic() - last > seconds and not ended.is_set():
                    print_notices([f"the head of the cluster at {address} has not answered for {seconds} s. {REPEAT}"])
                    os._exit(1)

    threading.Thread(target=watch, name="watch-head", daemon=True).start()
    return ended.set


def warn_without_token(address: str) -> None:
    """Prints a warning if a joined cluster asks for no token. Call it after joining."""
    if os.environ.get("RAY_AUTH_MODE", "").lower() != "token":
        print_notices(
            [
                f"the cluster at {address} asks for no token: anyone who can reach its ports can run programs as you. Set "
                "RAY_AUTH_MODE=token and a token (`ray get-auth-token --generate`) on all its machines, and here"
            ]
        )


def join(address: str, connect: Callable[[], object]) -> None:
    """Calls `connect`, which joins the Ray at this address. Raises BridgeworkError if no Ray answers there."""
    try:
        _check_answer(address)
        with warnings.catch_warnings(), _silent_stderr():
            warnings.simplefilter("ignore", UserWarning)  # Ray's client warns about the error that it then raises
            connect()
    except Exception as error:  # ConnectionError, ValueError, RuntimeError and Ray's own errors
        why = _first_line(error)
        if "token" in why or "Failed to connect" in why:  # the port answers, so Ray refuses us
            remedy = (
                "It answers but refuses the connection: set RAY_AUTH_MODE=token here and give the cluster's token by "
                "RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token, and use the same version of Ray"
            )
        else:
            remedy = (
                "Start Ray with `ray start --head` and give its address as HOST:6379, or leave cluster.address out to start Ray "
                "on this machine"
            )
        raise BridgeworkError(f"cluster.address={address}: could not join Ray there ({why.split('. ')[0]}). {remedy}") from error


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Discards what compiled code writes to stderr: Ray repeats each failed attempt there, once per second."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _check_answer(address: str, seconds: float = ANSWER) -> None:
    """Raises OSError if HOST:PORT accepts no connection. Ray itself would retry for minutes."""
    if found := re.fullmatch(r"\[?([^/\[\]]+?)\]?:(\d+)", address):
        with socket.create_connection((found[1], int(found[2])), timeout=seconds):
            pass


def _first_line(error: BaseException) -> str:
    """Returns the first non-empty line of the message, without its full stop."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(" .:") if lines else type(error).__name__
