"""Cuts long recordings into windows, and leaves out windows without speech if asked.

0 ----- window ----- 5 s
      2.5 ----- window ----- 7.5      hop 2.5 s; the last window ends with the file
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from ser_core.errors import AudioError, SettingError
from ser_core.trained.emotion_model import Utterance

FRAME = 0.02
"""Seconds of a frame whose level is measured."""
ABOVE_NOISE_DB = 9.0
"""A frame counts as active if its level is this far above the noise floor (10th percentile) of its recording."""
LEAST_ACTIVE = 0.1
"""Share of active frames from which a window counts as speech."""


def window_starts(seconds: float, window: float, hop: float) -> list[tuple[float, float]]:
    """Returns start and end of each window, in seconds. A recording shorter than a window is one window.

    >>> window_starts(12.0, 5.0, 2.5)
    [(0.0, 5.0), (2.5, 7.5), (5.0, 10.0), (7.0, 12.0)]
    >>> window_starts(3.0, 5.0, 2.5)
    [(0.0, 3.0)]
    """
    if seconds <= window:
        return [(0.0, seconds)]
    count = math.ceil((seconds - window) / hop - 1e-9)
    starts = [*(hop * number for number in range(count)), seconds - window]
    return [(round(start, 6), round(start + window, 6)) for start in starts]


def windows(file: str, window: float, hop: float, active_only: bool = False, text: str = "") -> Iterator[Utterance]:
    """Yields the windows of a file. Raises SettingError for sizes that make none, AudioError for a file without a length."""
    if not (window > 0 and 0 < hop <= window):
        raise SettingError(f"--window {window:g} --hop {hop:g}: both must be above 0, and the hop at most the window")
    seconds = duration(file)
    active = active_frames(file) if active_only else None
    for start, end in window_starts(seconds, window, hop):
        if active is None or active[int(start / FRAME) : max(int(start / FRAME) + 1, int(end / FRAME))].mean() >= LEAST_ACTIVE:
            yield Utterance(file, start, end, text)


def duration(file: str) -> float:
    """Returns the length of a file in seconds. Raises AudioError if its header cannot be read."""
    try:
        found = soundfile.info(file)
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        raise AudioError(f"has no readable header: {str(error).splitlines()[0]}") from None
    return found.frames / found.samplerate


def active_frames(file: str) -> np.ndarray:
    """Returns for each frame whether it is louder than the noise floor of its recording. Reads the file block by block."""
    levels = []
    with soundfile.SoundFile(Path(file)) as sound:
        size = max(1, round(FRAME * sound.samplerate))
        for block in sound.blocks(blocksize=size * 500, dtype="float32", always_2d=True):
            mono = block.mean(axis=1)
            whole = mono[: len(mono) // size * size].reshape(-1, size)
            levels.append(np.sqrt(np.square(whole).mean(axis=1) + 1e-12))
    level = 20 * np.log10(np.concatenate(levels)) if levels else np.zeros(1)
    return level > np.quantile(level, 0.1) + ABOVE_NOISE_DB
