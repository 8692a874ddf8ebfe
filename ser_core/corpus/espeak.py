"""How espeak-ng speaks reproducibly, to the last bit: a new process speaks all lines in order.

    [Line, Line, ...] --JSON--> espeak_process.py --PCM16--> press --> one wave per line

The library carries the phases of its flutter and its sources from one line to the next, and resets them neither for a new
voice nor for a new start, so a line sounds slightly different after another line. In a new process, the same list always sounds
the same. The process also keeps a foreign library and its crashes out of a training run.
"""

import dataclasses
import importlib.metadata
import json
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float64, Int16

from ser_core.errors import CorpusError

SAMPLE_RATE_HZ = 22050
"""Sample rate of the library's output."""
PROCESS = Path(__file__).with_name("espeak_process.py")
PARAMETERS = ("rate", "volume", "pitch", "range")
"""The settings that the library itself has."""
REMEDY = "reinstall it with `uv sync --reinstall-package espeakng-loader`, or choose a recorded corpus with corpus=NAME"


@dataclasses.dataclass(frozen=True)
class Line:
    """A sentence and how to speak it."""

    text: str
    voice: str
    """Language and variant, such as en-us+f3."""
    rate: float = 175
    """Words per minute, 80 to 450."""
    volume: float = 100
    """Loudness in percent, 0 to 200; 100 is the voice's default."""
    pitch: float = 50
    """Pitch, 0 to 99; 50 is the voice's default."""
    range: float = 50
    """Liveliness of the melody, 0 (monotone) to 99; 50 is the voice's default."""
    effort: float = 0
    """Vocal effort, -1 (soft) to 1 (pressed); 0 is the voice's default. See `press`."""
    smile: float = 0
    """Lip spreading, -1 (rounded) to 1 (spread); 0 is the voice's default. See `press`."""


def library() -> str:
    """Returns the path of espeak-ng's library. Only speaking needs it, so a model in use runs without the package."""
    import espeakng_loader

    return espeakng_loader.get_library_path()


def version() -> str:
    """Returns the version of the package that contains the library; each version contains exactly one."""
    return importlib.metadata.version("espeakng-loader")


def speak(lines: Sequence[Line]) -> Iterator[Float64[np.ndarray, "samples"]]:
    """Yields the wave of each line, in order, at SAMPLE_RATE_HZ. Raises CorpusError if the library does not speak."""
    with tempfile.TemporaryFile() as wishes, tempfile.TemporaryFile() as complaints:
        voices = [{"text": line.text, "voice": line.voice} for line in lines]
        parameters = [{parameter: round(getattr(line, parameter)) for parameter in PARAMETERS} for line in lines]
        wishes.write(json.dumps([one | other for one, other in zip(voices, parameters, strict=True)]).encode())
        wishes.seek(0)
        command = [sys.executable, "-P", str(PROCESS), library()]
        with subprocess.Popen(command, stdin=wishes, stdout=subprocess.PIPE, stderr=complaints) as process:  # noqa: S603
            assert process.stdout is not None
            for line in lines:
                samples = read_samples(process.stdout)
                if samples is None:
                    process.wait()
                    complaints.seek(0)
                    reason = complaints.read().decode(errors="replace").strip() or f"exit code {process.returncode}"
                    raise CorpusError(f"espeak-ng cannot speak ({reason}); {REMEDY}")
                yield press(samples / 2**15, line.effort, line.smile)


def read_samples(spoken: IO[bytes]) -> Int16[np.ndarray, "samples"] | None:
    """Reads the next spoken line; None if the process ended before it."""
    head = spoken.read(4)
    if len(head) < 4:
        return None
    (size,) = struct.unpack("<i", head)
    body = spoken.read(size)
    return np.frombuffer(body, "<i2").astype(np.int16) if len(body) == size else None


def press(wave: Float64[np.ndarray, "samples"], effort: float, smile: float) -> Float64[np.ndarray, "samples"]:
    """Tilts the spectrum like vocal effort and raises it near 3.7 kHz like spread lips, at the same loudness."""
    tilted = wave - 0.7 * effort * np.concatenate([np.zeros(1), wave[:-1]])
    shaped = tilted - 0.5 * smile * np.concatenate([np.zeros(3), tilted[:-3]])
    return shaped * np.sqrt(np.mean(wave**2) / np.mean(shaped**2))
