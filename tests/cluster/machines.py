"""Machines of a small cluster as Linux namespaces: own address, host name and /tmp; a folder of the driver is empty on them.

    machine 0 (10.77.0.1) --bridge-- machine 1 (10.77.0.2) -- machine 2 (10.77.0.3)
Needs root. The bridge lies in the namespace of machine 0, so the real network is not touched.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

RAY = str(Path(sys.executable).with_name("ray"))
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_memory_monitor_refresh_ms": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_raylet_start_wait_time_s": "240",
    "RAY_agent_register_timeout_ms": "240000",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "f" * 64,
}


def why_not() -> str:
    """Why this system cannot make such machines; "" if it can."""
    if os.getuid():
        return "only root may make network namespaces"
    try:
        name = f"ser-try-{os.getpid()}"
        subprocess.run(["ip", "netns", "add", name], check=True, capture_output=True)
        subprocess.run(["ip", "netns", "del", name], check=True, capture_output=True)
        subprocess.run(["unshare", "-m", "-u", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no namespaces here: {error}"
    return ""


class Machine:
    """One machine. `hidden` are folders that are empty on it; `setup` are further shell commands, such as bind mounts."""

    def __init__(self, number: int, hidden: Sequence[Path] = (), setup: Sequence[str] = ()) -> None:
        self.number, self.name, self.space = number, f"machine{number}", f"ser{os.getpid()}-{number}"
        self.address = f"10.77.0.{number + 1}"
        mounts = ["mount -t tmpfs tmpfs /tmp", *(f"mount -t tmpfs tmpfs {folder}" for folder in hidden), *setup]
        script = " && ".join([f"hostname {self.name}", *mounts, "echo ready", "exec sleep infinity"])
        enter = ["ip", "netns", "exec", self.space, "unshare", "-m", "-u", "--propagation", "private", "sh", "-c", script]
        self.holder = subprocess.Popen(enter, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert self.holder.stdout and self.holder.stdout.readline() == "ready\n"

    def popen(self, command: Sequence[str], **named) -> "subprocess.Popen[str]":
        """Starts a command on the machine."""
        inside = ["nsenter", "-t", str(self.holder.pid), "-m", "-u", "-n", f"--wd={named.pop('cwd', '/')}"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "PYTEST", "MLFLOW"))}
        environment |= QUIET | {"TMPDIR": "/tmp", "HOME": "/tmp", **named.pop("env", {})}
        pipe = subprocess.PIPE
        return subprocess.Popen([*inside, *command], env=environment, stdout=pipe, stderr=pipe, text=True, **named)

    def start_ray(self, *options: str, **named) -> None:
        """Starts the head on machine 0, a worker node elsewhere. Tries three times, as a busy system lets Ray time out."""
        head = ["--head", "--port=6379", *(options or ["--include-dashboard=false"])]
        where = head if self.number == 0 else ["--address=10.77.0.1:6379"]
        size = [f"--num-cpus={int(self.number > 0)}", "--object-store-memory=100000000", f"--node-ip-address={self.address}"]
        for _ in range(3):
            with self.popen([RAY, "start", *where, *size, "--disable-usage-stats"], **named) as process:
                said = process.communicate(timeout=240)
            if process.returncode == 0:
                return
            self.kill_processes()
            time.sleep(2)
        raise AssertionError("\n".join(said))

    def pids(self) -> list[int]:
        """Processes of the machine except the one that holds it."""
        said = subprocess.run(["ip", "netns", "pids", self.space], capture_output=True, text=True)
        return [int(pid) for pid in said.stdout.split() if int(pid) != self.holder.pid]

    def kill_processes(self) -> None:
        """Kills everything that runs on the machine, as a power cut would."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def files(self, pattern: str) -> list[str]:
        """Paths on the machine that match a shell pattern."""
        with self.popen(["sh", "-c", f"ls -d {pattern} 2>/dev/null"]) as process:
            return process.communicate()[0].split()

    def close(self) -> None:
        self.kill_processes()
        self.holder.kill()
        self.holder.communicate()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextlib.contextmanager
def network(count: int) -> Iterator[None]:
    """Namespaces for this many machines, joined by a bridge."""
    spaces = [f"ser{os.getpid()}-{number}" for number in range(count)]
    try:
        for space in spaces:
            _ip("netns", "add", space)
            _ip("-n", space, "link", "set", "lo", "up")
        hub = spaces[0]
        _ip("-n", hub, "link", "add", "hub", "type", "bridge")
        _ip("-n", hub, "addr", "add", "10.77.0.1/24", "dev", "hub")
        _ip("-n", hub, "link", "set", "hub", "up")
        for number, space in enumerate(spaces[1:], start=1):
            _ip("-n", hub, "link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns", space)
            _ip("-n", hub, "link", "set", f"port{number}", "master", "hub", "up")
            _ip("-n", space, "addr", "add", f"10.77.0.{number + 1}/24", "dev", "eth0")
            _ip("-n", space, "link", "set", "eth0", "up")
        yield
    finally:
        for space in spaces:
            subprocess.run(["ip", "netns", "del", space], capture_output=True)


@contextlib.contextmanager
def machines(hidden: Sequence[Path], setups: Sequence[Sequence[str]]) -> Iterator[list[Machine]]:
    """A head without cores, and a worker machine for each list of setup commands. `hidden` folders exist on the head alone."""
    made: list[Machine] = []
    with network(len(setups) + 1):
        try:
            made.append(Machine(0))
            for number, setup in enumerate(setups, start=1):
                made.append(Machine(number, hidden, setup))
            for machine in made:
                machine.start_ray()
            yield made
        finally:
            for machine in made:
                machine.close()
