"""A real Postgres server of the test session's own: on loopback, in a temporary folder, open to whoever is on this machine."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Its address without a database, as postgresql://ser@127.0.0.1:PORT."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    assert binaries, "Postgres is missing: apt-get install postgresql"
    folder = Path(tempfile.mkdtemp(prefix="ser-postgres-", dir="/tmp"))
    user = _not_root(folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data, programs = folder / "data", binaries[-1].parent
    try:
        _run([*user, programs / "initdb", "--pgdata", data, "--username", "ser", "--auth", "trust", "--no-sync"])
        with subprocess.Popen(
            [*user, programs / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-c", "fsync=off"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as server:
            try:
                _run([programs / "pg_isready", "--host", "127.0.0.1", "--port", str(port), "--timeout", "1"], patience=60)
                yield f"postgresql://ser@127.0.0.1:{port}"
            finally:
                server.terminate()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def database(server: str, name: str) -> Iterator[str]:
    """The address of an empty database, dropped afterwards."""
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        yield f"{server}/{name}"
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def _not_root(folder: Path) -> list[str]:
    """What a command begins with to run as somebody else: Postgres refuses to be root."""
    if os.getuid():
        return []
    user = pwd.getpwnam("postgres")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _run(words: list[str | Path], patience: int = 1) -> None:
    """Runs a command; tries again as long as it fails, once a second."""
    for left in range(patience, 0, -1):
        done = subprocess.run(words, capture_output=True, text=True, cwd="/", timeout=60)
        if done.returncode == 0:
            return
        assert left > 1, done.stderr
