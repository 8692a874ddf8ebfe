"""Sound files damaged in many ways."""

import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import soundfile

STRANGE = ("gone.wav", "folder.wav", "pipe.wav", "not finite.wav")
"""Names of what is no sound at all: a broken link, a folder, a pipe, and samples that are not numbers."""
Damage = Callable[[bytes, random.Random], bytes]


def _flipped(content: bytes, draw: random.Random) -> bytes:
    """Flips a few bits, half of them in the header."""
    found = bytearray(content)
    for most in (64, 64, len(found)):
        found[draw.randrange(most)] ^= 1 << draw.randrange(8)
    return bytes(found)


def _overwritten(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(content))
    return content[:start] + draw.randbytes(200) + content[start + 200 :]


DAMAGES: Mapping[str, Damage] = {
    "cut": lambda content, draw: content[: draw.randrange(len(content))],
    "flipped": _flipped,
    "overwritten": _overwritten,
    "random": lambda content, draw: draw.randbytes(draw.randrange(1, 4000)),
    "empty": lambda content, draw: b"",
    "headless": lambda content, draw: content[draw.randrange(1, 60) :],
    "longer": lambda content, draw: content + draw.randbytes(1000),
    "text": lambda content, draw: b"file,emotion\na.wav,anger\n" * draw.randrange(1, 50),
}


def sounds_in(folder: Path) -> list[bytes]:
    """Sound files to damage: a second of noise as WAV, float WAV, FLAC, OGG and MP3."""
    wave = np.random.default_rng(0).normal(0, 0.1, 16000)
    found = []
    for name, kind in (("a.wav", "PCM_16"), ("b.wav", "FLOAT"), ("c.flac", "PCM_16"), ("d.ogg", "VORBIS"), ("e.mp3", None)):
        soundfile.write(folder / name, wave, 16000, subtype=kind)
        found.append((folder / name).read_bytes())
    return found


def damage(folder: Path, count: int) -> list[Path]:
    """Writes `count` damaged files, and what is no file, into a new folder. The same count gives the same files."""
    folder.mkdir()
    (folder.parent / "sounds").mkdir()
    sounds, draw, kinds = sounds_in(folder.parent / "sounds"), random.Random(0), list(DAMAGES)
    for number in range(count - 4):
        which, kind = draw.randrange(len(sounds)), kinds[number % len(kinds)]
        ending = ("wav", "wav", "flac", "ogg", "mp3")[which]
        (folder / f"{number:03} {kind}.{ending}").write_bytes(DAMAGES[kind](sounds[which], draw))
    gone, inside, pipe, infinite = (folder / name for name in STRANGE)
    gone.symlink_to(folder / "nowhere.wav")
    inside.mkdir()
    os.mkfifo(pipe)
    soundfile.write(infinite, np.full(16000, np.nan), 16000, subtype="FLOAT")
    return sorted(folder.iterdir())
