"""The short-time spectrum that several checks share, computed once per utterance, and the voice in it."""

import numpy as np
import scipy.fft
from jaxtyping import Float, Float32

FRAME = 1024
"""Samples at 16 kHz: 64 ms, long enough to part the harmonics of a voice."""
HOP = 256
SIZE = 2 * FRAME
BINS_HZ = np.fft.rfftfreq(SIZE, 1 / 16_000)
WEIGHTS = np.hanning(FRAME).astype(np.float32)
LOUD_DB = 25.0
"""Frames at most this far below the loudest tell about the voice."""


def power_of(wave: Float32[np.ndarray, "samples"]) -> Float32[np.ndarray, "frames bins"]:
    """Returns the power of each bin in frames of 64 ms every 16 ms; the first frame is centred on the first sample."""
    padded = np.pad(wave.astype(np.float32, copy=False), FRAME // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
    spectrum = np.asarray(scipy.fft.rfft(frames * WEIGHTS, SIZE, axis=1))
    return np.square(np.real(spectrum)) + np.square(np.imag(spectrum))


def mel_filters(bands: int = 40, lowest_hz: float = 60.0, highest_hz: float = 7600.0) -> Float32[np.ndarray, "bins bands"]:
    """Returns triangular filters on the mel scale."""
    lowest, highest = (2595 * np.log10(1 + edge / 700) for edge in (lowest_hz, highest_hz))
    edges = 700 * (10 ** (np.linspace(lowest, highest, bands + 2) / 2595) - 1)
    rising = (BINS_HZ[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - BINS_HZ[:, None]) / np.diff(edges)[1:]
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


MEL = mel_filters()


def voice_of(power: Float32[np.ndarray, "frames bins"]) -> Float[np.ndarray, "numbers"]:
    """Returns mean and spread of 24 cepstral coefficients over loud frames, without the level; empty if nothing is loud."""
    energy = power.sum(1)
    loud = power[energy >= energy.max(initial=0.0) * 10 ** (-LOUD_DB / 10)]
    if len(loud) < 3 or not energy.max():
        return np.zeros(0)
    bands = loud @ MEL
    cepstrum = np.asarray(scipy.fft.dct(np.log(bands + 1e-8 * bands.max()), axis=1, norm="ortho"))[:, 1:25]
    return np.r_[cepstrum.mean(0), cepstrum.std(0)].astype(float)
