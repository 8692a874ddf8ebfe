"""What a recording tells before anybody listens to the words: silence at its ends, its bandwidth, its noise, level and length.

    wave --10 ms blocks--> where speech begins and ends --> silence           power --mean--> steepest edge --> bandwidth
Artefacts (silence at the ends, digital zeros, edges, noise in the treble, file format) come from recorders, editors and codecs.
Level, peak and duration are natural cues: anger is loud and sadness is slow.
"""

import dataclasses
from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Float32

from ser_core.audio import SAMPLE_RATE_HZ
from ser_core.audit.spectrum import BINS_HZ, FRAME

BLOCK = 160
"""Samples at 16 kHz per block, 10 ms."""
SPEECH_DB = 25.0
"""Blocks at most this far below the loud ones are speech."""
DIGITAL = 1.5 / 32_768
"""Samples below this magnitude are digital silence: a bit of 16."""
EDGE_HZ = 250.0
"""Width on both sides over which an edge of the spectrum is measured."""
LOWEST_EDGE_HZ = 2500.0
"""Below, formants make edges of their own."""
QUIET = 1e-14
"""Power added before logarithms, far below 24 bits."""


@dataclasses.dataclass(frozen=True)
class Cues:
    """Measurements of one recording that do not depend on what is said or how."""

    silence_before: float = 0.0
    """Seconds before the first speech."""
    silence_after: float = 0.0
    """Seconds after the last speech."""
    zeros_before: float = 0.0
    """Seconds of digital silence at the start."""
    zeros_after: float = 0.0
    """Seconds of digital silence at the end."""
    edge: float = 0.0
    """Largest drop of the spectrum over a few hundred Hz, in dB: a low-pass of a codec or of resampling."""
    treble_floor: float = 0.0
    """Level from 6.2 to 7.8 kHz in the quietest tenth of the frames, in dB of full scale: noise of the recorder."""
    level: float = 0.0
    """Root mean square in dB of full scale."""
    peak: float = 0.0
    """Largest magnitude of any channel in dB of full scale."""
    seconds: float = 0.0


def measure_cues(channels: np.ndarray, rate: int, wave: np.ndarray, power: Float32[np.ndarray, "frames bins"]) -> Cues:
    """Measures decoded frames [frames channels], their mono waveform at 16 kHz and its power."""
    loud = np.flatnonzero(np.abs(channels).max(axis=1) >= DIGITAL)
    first, last = (int(loud[0]), int(loud[-1])) if len(loud) else (0, len(channels) - 1)
    count = len(wave) // BLOCK
    blocks = np.square(wave[: count * BLOCK].reshape(count, BLOCK)).mean(1) if count else np.zeros(1)
    speech = np.flatnonzero(blocks >= np.percentile(blocks, 95) * 10 ** (-SPEECH_DB / 10))
    density = power / (FRAME * FRAME / 4)
    treble = density[:, (BINS_HZ > 6200) & (BINS_HZ < 7800)].mean(1)
    return Cues(
        silence_before=float(speech[0]) * BLOCK / SAMPLE_RATE_HZ,
        silence_after=float(len(blocks) - 1 - speech[-1]) * BLOCK / SAMPLE_RATE_HZ,
        zeros_before=first / rate,
        zeros_after=(len(channels) - 1 - last) / rate,
        edge=steepest_edge(density.mean(0)),
        treble_floor=float(10 * np.log10(np.percentile(treble, 10) + QUIET)),
        level=float(10 * np.log10(np.square(wave).mean() + QUIET)),
        peak=float(20 * np.log10(np.abs(channels).max() + QUIET)),
        seconds=len(channels) / rate,
    )


def steepest_edge(density: Float32[np.ndarray, "bins"]) -> float:
    """Returns the largest fall of a mean spectrum, in dB, between the medians of EDGE_HZ below and above a frequency."""
    width = 4
    count = len(density) // width
    levels = 10 * np.log10(density[: count * width].reshape(count, width).mean(1) + QUIET)
    side = round(EDGE_HZ / (BINS_HZ[1] * width))
    medians = np.median(np.lib.stride_tricks.sliding_window_view(levels, side), axis=1)
    falls = medians[:-side] - medians[side:]
    return float(falls[round(LOWEST_EDGE_HZ / (BINS_HZ[1] * width)) - side :].max())


def file_format(path: Path, rate: int, channels: int) -> str:
    """Returns the kind of a file in words: its ending, coding, sample rate and channels."""
    try:
        subtype = soundfile.info(str(path)).subtype
    except (soundfile.LibsndfileError, RuntimeError):
        subtype = ""
    return f"{path.suffix.lower().lstrip('.')} {subtype} {rate} Hz, {channels} channels".replace("  ", " ")
