"""How the same recording is found after a change of level, a re-encoding or a trim, while other takes are not confused.

    wave --STFT--> energy of 33 bands --does the step between neighbours grow?--> one 32-bit word per 16 ms
    clips that share a word at some shift --count differing bits over all loud words at that shift--> same or not
Haitsma and Kalker, A Highly Robust Audio Fingerprinting System, ISMIR 2002; frames and bands are sized for short utterances.
Cost: about 2 ms per second of speech. Copies at another speed or pitch, or in loud noise, are the business of copies.py.
"""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import scipy.fft
from jaxtyping import Float, UInt32

FRAME = 2048
"""Samples at 16 kHz: 128 ms, long compared with the hop, so that a trim between two hops changes few bits."""
HOP = 256
EDGES = np.unique(np.geomspace(300, 3400, 34) * FRAME / 16_000).astype(int)
"""First FFT bin of each band and the end of the last."""
LOUD_DB = 40.0
"""Words with a frame this far below the clip's loudest are not compared, because they describe the noise floor."""
MOST_DIFFERING = 0.25
"""Maximum share of differing bits for two clips to be the same; unrelated clips are near 0.5."""
FEWEST_WORDS = 20
"""Minimum number of loud words that two clips must share, 0.32 s."""
COMMONEST = 60
"""Words that occur more often propose no pairs: they indicate a common sound, not a common recording."""

Words = tuple[UInt32[np.ndarray, "_"], np.ndarray]
"""The words of a clip, and a mask of the loud ones."""
SILENCE: Words = (np.zeros(0, np.uint32), np.zeros(0, bool))


def fingerprint(wave: Float[np.ndarray, "samples"]) -> Words:
    """Returns the words of a waveform at 16 kHz; none if it is shorter than two frames."""
    count = (len(wave) - FRAME) // HOP + 1
    if count < 2:
        return SILENCE
    frames = np.lib.stride_tricks.sliding_window_view(wave, FRAME)[::HOP]
    spectrum = np.asarray(scipy.fft.rfft(frames * np.hanning(FRAME).astype(np.float32), axis=1))
    power = np.abs(spectrum) ** 2
    bands = np.add.reduceat(power[:, : EDGES[-1]], EDGES[:-1], axis=1)
    steps = np.diff(bands, axis=1)
    bits = (np.diff(steps, axis=0) > 0)[:, :32]
    energy = bands.sum(1)[1:]
    words = bits @ (np.uint32(1) << np.arange(bits.shape[1], dtype=np.uint32))
    return words.astype(np.uint32), energy > energy.max() * 10 ** (-LOUD_DB / 10)


def same_recordings(clips: Sequence[Words]) -> list[tuple[int, int]]:
    """Returns pairs of clips (lower number first) that are the same recording over at least half of the shorter one."""
    found: set[tuple[int, int]] = set()
    for one, other, shift in _proposed(clips):
        if (one, other) not in found and _alike(clips[one], clips[other], shift):
            found.add((one, other))
    return sorted(found)


def _proposed(clips: Sequence[Words]) -> Iterator[tuple[int, int, int]]:
    """Yields (clip, clip, shift) for every pair of clips that share a loud word that is not a common one."""
    if not clips:
        return
    places = [np.flatnonzero(loud) for _, loud in clips]
    words = np.concatenate([words[place] for (words, _), place in zip(clips, places, strict=True)])
    owners = np.repeat(np.arange(len(clips)), [len(place) for place in places])
    times = np.concatenate(places)
    order = np.argsort(words, kind="stable")
    words, owners, times = words[order], owners[order], times[order]
    starts = np.flatnonzero(np.r_[True, words[1:] != words[:-1]])
    proposals = set()
    for start, end in itertools.pairwise([*starts.tolist(), len(words)]):
        if 1 < end - start <= COMMONEST and owners[start] != owners[end - 1]:
            for one, other in itertools.combinations(range(start, end), 2):
                if owners[one] != owners[other]:
                    proposals.add((int(owners[one]), int(owners[other]), int(times[other] - times[one])))
    yield from proposals


def _alike(one: Words, other: Words, shift: int) -> bool:
    """Whether the overlapping loud words agree up to a few bits if the second clip starts `shift` words earlier."""
    return differing(one, other, shift) <= MOST_DIFFERING


def differing(one: Words, other: Words, shift: int) -> float:
    """Returns the share of differing bits at a shift; 1 if the clips overlap too little."""
    first, last = max(0, -shift), min(len(one[0]), len(other[0]) - shift)
    if last <= first:
        return 1.0
    loud = one[1][first:last] & other[1][first + shift : last + shift]
    shared = int(loud.sum())
    if shared < FEWEST_WORDS or shared < min(one[1].sum(), other[1].sum()) / 2:
        return 1.0
    unequal = np.bitwise_count(one[0][first:last] ^ other[0][first + shift : last + shift])[loud]
    return float(unequal.sum()) / (32 * shared)
