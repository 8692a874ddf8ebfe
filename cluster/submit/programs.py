"""Runs a launcher's own program, such as kubectl or sky, and turns its failures into one sentence."""

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ser_core.errors import BridgeworkError

LAST_WORDS = 300
"""Letters of an error message that are shown."""


def find_program(name: str, remedy: str) -> str:
    """Returns the path of a program. Raises BridgeworkError with the remedy when it is not installed."""
    found = shutil.which(name)
    if not found:
        raise BridgeworkError(f"{name} is not installed on this machine; {remedy}")
    return found


def run_program(
    command: Sequence[str], given: str | None = None, environment: Mapping[str, str] | None = None, seconds: float = 600
) -> str:
    """Returns what a program prints. Raises BridgeworkError with its last words when it fails or takes too long."""
    try:
        ran = subprocess.run(  # noqa: S603
            command, input=given, capture_output=True, text=True, timeout=seconds, env={**os.environ, **(environment or {})}
        )
    except subprocess.TimeoutExpired:
        raise BridgeworkError(f"{_named(command)} took over {seconds:.0f} s; run it by hand to see why") from None
    if ran.returncode:
        raise BridgeworkError(f"{_named(command)} failed: {last_words(ran.stderr.strip() or ran.stdout)}")
    return ran.stdout


def stream_program(command: Sequence[str]) -> Iterator[str]:
    """Yields what a program prints, line by line. Raises BridgeworkError when it fails."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603
        assert process.stdout
        last = ""
        for line in process.stdout:
            last = line
            yield line
    if process.returncode:
        raise BridgeworkError(f"{_named(command)} failed: {last_words(last)}")


def last_words(said: str) -> str:
    """Returns the last line of a message, which names the reason, shortened at its beginning.

    >>> last_words("E1129 memcache.go: Unhandled\\nThe connection was refused\\n")
    'The connection was refused'
    """
    lines = [line for line in said.splitlines() if line.strip()]
    last = " ".join(lines[-1].split()) if lines else "no message"
    return last if len(last) <= LAST_WORDS else f"...{last[-LAST_WORDS:].partition(' ')[2]}"


def _named(command: Sequence[str]) -> str:
    """Returns a program with its first words that are no options, such as `kubectl get rayjob`."""
    words = [word for before, word in itertools.pairwise(command) if not word.startswith("-") and before != "-n"]
    return f"`{' '.join([Path(command[0]).name, *words[:2]])}`"
