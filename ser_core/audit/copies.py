"""How a copy is found at another speed, tempo or pitch, in noise or in a room, while other takes are not confused.

    power --bands on a log axis--> dB over a floor --minus the local mean--> picture [frames bands]
    windows at the loudest moments --at 25 changes of speed, tempo, pitch--> nearest neighbours --> candidates
    candidates --correlated at every shift--> the same recording, or another take
A change of speed stretches time and shifts bands. Noise and reverberation fill valleys but keep the ridges of the harmonics;
another take of the same sentence has its ridges elsewhere. The search costs about 10 ms per utterance; it grows as n to the 1.3.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import scipy.fft
import scipy.ndimage
from jaxtyping import Float32, Int8

from ser_core.audit.spectrum import BINS_HZ, HOP

STEPS = 24
"""Bands per octave; a step up is 2.9 % of speed."""
BANDS = 112
LOWEST_HZ = 150.0
FLOOR_DB = 20.0
"""Energy this far below the loudest counts as silence, because noise may hide it."""
LOCAL = 11
"""Frames and bands of the local mean: 0.18 s and half an octave. Wider, takes of a sentence look alike."""
SECONDS = 20.0
"""Only this much of an utterance is compared, which bounds the memory."""
MOST_STEPS = 4
"""Changes up to 2 ** (4 / 24), or 12 %, are searched."""
CHANGES = [(0, 0)] + [
    change for step in range(-MOST_STEPS, MOST_STEPS + 1) if step for change in ((step, step), (step, 0), (0, step))
]
"""Steps of time and of bands: speed changes both, tempo only time, pitch only bands."""
WINDOW = np.arange(-32, 33, 2)
"""Frames of a window around a loud moment: half a second each way."""
STORED, ASKED = 6, 3
"""Loud moments of each utterance that are stored, and that are looked up."""
NUMBERS = 96
"""Numbers that describe a window: a random projection, which keeps correlations up to 0.1."""
LEAST_ALIKE = 0.45
"""Minimum correlation of two windows for their utterances to be candidates."""
CELL, PROBES = 2000, 8
"""Windows per cell of the search, and cells that a window is compared with; corpora up to 2,600 utterances are searched fully."""
MOST_CANDIDATES = 6
"""Pairs that are compared in full for each utterance, so that the cost grows with the corpus and not with its square."""
BLOCK = 1024
"""Windows that are cut out at once, which bounds the memory."""
GAP = 40
"""Empty frames between utterances, more than a window reaches."""
SAME = 0.76
"""Minimum correlation of two pictures to be the same recording; other takes reach 0.73 in RAVDESS and 0.56 in EmoDB."""
PROMISING = 0.4
"""Correlation from which finer changes of speed are tried."""
LEAST_SECONDS = 0.6
"""Minimum overlap of two utterances."""

Picture = Int8[np.ndarray, "_ bands"]
NOTHING = np.zeros((0, BANDS), np.int8)


def _filters() -> np.ndarray:
    centres = LOWEST_HZ * 2 ** (np.arange(BANDS) / STEPS)
    widths = np.maximum(centres * (2 ** (1 / STEPS) - 1), 10.0)
    weights = np.maximum(0, 1 - np.abs(BINS_HZ[:, None] - centres) / widths)
    return (weights / weights.sum(0)).astype(np.float32)


FILTERS = _filters()
PROJECTION = np.random.default_rng(0).standard_normal((len(WINDOW) * 52, NUMBERS)).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Copy:
    """Two utterances that are the same recording up to a change: rows, correlation, factors of time and of pitch."""

    one: int
    other: int
    alike: float
    tempo: float
    pitch: float


def picture(power: Float32[np.ndarray, "frames bins"]) -> Picture:
    """Returns what stands out from its surroundings, in twentieths of a neper; empty if nothing is loud."""
    bands = power[: round(SECONDS * 16_000 / HOP)] @ FILTERS
    loudest = float(np.percentile(bands.max(axis=1), 95)) if len(bands) else 0.0
    if loudest <= 0 or len(bands) * HOP < LEAST_SECONDS * 16_000:
        return NOTHING
    heights = np.log(bands + loudest * 10 ** (-FLOOR_DB / 10))
    for axis in (0, 1):
        heights = heights - scipy.ndimage.uniform_filter1d(heights, LOCAL, axis=axis, mode="nearest")
    return np.clip(np.rint(20 * heights), -127, 127).astype(np.int8)


def changed_copies(pictures: Sequence[Picture]) -> list[Copy]:
    """Returns pairs of utterances that are the same recording up to speed, tempo, pitch, noise or a room; lower row first."""
    best: dict[tuple[int, int], Copy] = {}
    for pair, (time, bands) in _candidates(pictures):
        alike, time, bands = _refined(pictures[pair[0]], pictures[pair[1]], time, bands)
        if alike >= SAME:
            best[pair] = Copy(*pair, alike, 2 ** (time / STEPS), 2 ** (bands / STEPS))
    return [best[pair] for pair in sorted(best)]


def _refined(one: Picture, other: Picture, time: float, bands: int) -> tuple[float, float, int]:
    """Returns the best correlation near a change or without any, and its steps: half a step wrong drifts by 45 ms in 3 s."""
    tried: list[tuple[float, int]] = [(time, bands), (0.0, 0)]
    best = max((correlation(one, other, step, shift), step, shift) for step, shift in tried)
    if not PROMISING <= best[0] < SAME:
        return best
    for finer in ((-0.5, -0.25, 0.25, 0.5), (-0.125, 0.125)):
        _, step, shift = best
        best = max(best, *((correlation(one, other, step + fine, shift), step + fine, shift) for fine in finer))
    return best


def _moments(shown: Picture) -> np.ndarray:
    """Returns the frames where most stands out, most first, at least a quarter of a second apart."""
    strength = scipy.ndimage.uniform_filter1d(np.square(shown, dtype=np.float32).sum(1), 9, mode="constant")
    peaks = np.flatnonzero((strength == scipy.ndimage.maximum_filter1d(strength, 15)) & (strength > 0))
    return peaks[np.argsort(-strength[peaks], kind="stable")]


def _described(joined: Picture, moments: np.ndarray, change: tuple[int, int]) -> Float32[np.ndarray, "moments numbers"]:
    """Returns the windows around moments after undoing a change, as unit vectors."""
    steps = np.rint(WINDOW / 2 ** (change[0] / STEPS)).astype(int)
    bands = np.arange(MOST_STEPS, BANDS - MOST_STEPS, 2) + change[1]
    numbers = np.empty((len(moments), NUMBERS), np.float32)
    for begin in range(0, len(moments), BLOCK):
        window = joined[(moments[begin : begin + BLOCK, None] + steps)[:, :, None], bands]
        numbers[begin : begin + BLOCK] = window.reshape(len(window), -1).astype(np.float32) @ PROJECTION
    return numbers / np.maximum(np.linalg.norm(numbers, axis=1, keepdims=True), 1e-9)


def _smoothed(shown: Picture) -> Picture:
    """Averages three frames and two bands, so that a window a frame off still fits."""
    if not len(shown):
        return shown
    blurred = scipy.ndimage.uniform_filter1d(shown.astype(np.float32), 3, axis=0)
    return np.rint(scipy.ndimage.uniform_filter1d(blurred, 2, axis=1)).astype(np.int8)


def _candidates(pictures: Sequence[Picture]) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yields (two rows, lower first; the change of the second), most alike first, a few for each utterance."""
    gap = np.zeros((GAP, BANDS), np.int8)
    starts = GAP + np.cumsum([0, *(len(shown) + GAP for shown in pictures)])
    moments = [
        _moments(shown) + start if len(shown) else np.zeros(0, int) for shown, start in zip(pictures, starts, strict=False)
    ]
    if not sum(map(len, moments)):
        return
    joined = np.concatenate([gap, *(part for shown in pictures for part in (_smoothed(shown), gap))])
    known, mine = np.concatenate([each[:STORED] for each in moments]), _owners(moments, STORED)
    asked, theirs = np.concatenate([each[:ASKED] for each in moments]), _owners(moments, ASKED)
    windows = _described(joined, known, (0, 0))
    cells = _cells(windows)
    found: dict[tuple[int, int], tuple[float, tuple[int, int]]] = {}
    for change in CHANGES:
        for place, question, alike in _neighbours(windows, cells, _described(joined, asked, change), mine, theirs):
            one, other = int(mine[place]), int(theirs[question])
            pair = (min(one, other), max(one, other))
            if pair not in found or alike > found[pair][0]:
                found[pair] = (alike, change if one < other else (-change[0], -change[1]))
    taken: Counter[int] = Counter()
    for pair, (_, change) in sorted(found.items(), key=lambda item: (-item[1][0], item[0])):
        if min(taken[pair[0]], taken[pair[1]]) < MOST_CANDIDATES:
            taken.update(pair)
            yield pair, change


def _owners(moments: Sequence[np.ndarray], most: int) -> np.ndarray:
    return np.repeat(np.arange(len(moments)), [min(most, len(each)) for each in moments])


def _cells(known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sorts windows into cells around some of them; returns those, and the cell of each window."""
    pivots = known[np.random.default_rng(1).choice(len(known), max(1, len(known) // CELL), replace=False)]
    return pivots, np.concatenate([(block @ pivots.T).argmax(1) for block in np.array_split(known, 1 + len(known) // 8192)])


def _neighbours(
    known: np.ndarray, cells: tuple[np.ndarray, np.ndarray], asked: np.ndarray, mine: np.ndarray, theirs: np.ndarray
) -> Iterator[tuple[int, int, float]]:
    """Yields (known window, asked window, correlation) of windows of different utterances that are alike.

    Each asked window takes the most alike of each of the cells nearest to it. `mine` and `theirs` are the utterances.
    """
    pivots, home = cells
    for block in np.array_split(np.arange(len(asked)), 1 + len(asked) // 4096):
        near = np.argsort(-(asked[block] @ pivots.T), axis=1, kind="stable")[:, :PROBES]
        for cell in range(len(pivots)):
            questions, places = block[(near == cell).any(1)], np.flatnonzero(home == cell)
            alike = asked[questions] @ known[places].T
            question, place = np.nonzero(alike >= LEAST_ALIKE)
            other = mine[places[place]] != theirs[questions[question]]
            question, place = question[other], place[other]
            value = alike[question, place]
            order = np.lexsort((-value, question))
            rank = np.arange(len(order)) - np.searchsorted(question[order], question[order])
            for number in order[rank < MOST_CANDIDATES].tolist():
                yield int(places[place[number]]), int(questions[question[number]]), float(value[number])


def correlation(one: Picture, other: Picture, time: float, bands: int) -> float:
    """Returns the correlation of two pictures over their overlap, at the best shift, after undoing a change of the second.

    `time` and `bands` are the steps of the change; 0 if the pictures overlap by less than LEAST_SECONDS or half of the shorter.
    """
    places = np.arange(round(len(other) * 2 ** (time / STEPS))) / 2 ** (time / STEPS)
    first = one[:, max(0, -bands) : BANDS - max(0, bands)].astype(np.float32)
    second = other[np.clip(np.rint(places).astype(int), 0, len(other) - 1)][:, max(0, bands) : BANDS + min(0, bands)]
    second = second.astype(np.float32)
    size = int(scipy.fft.next_fast_len(len(first) + len(second), real=True) or 0)
    ours, theirs = (np.asarray(scipy.fft.rfft(each, size, axis=0)) for each in (first, second))
    product = ours * np.conj(theirs)
    shift = int(np.asarray(scipy.fft.irfft(product.sum(1), size)).argmax())
    shift -= size if shift >= len(first) else 0
    begin, end = max(0, shift), min(len(first), shift + len(second))
    if (end - begin) < max(min(len(first), len(second)) / 2, LEAST_SECONDS * 16_000 / HOP):
        return 0.0
    ours, theirs = first[begin:end], second[begin - shift : end - shift]
    return float((ours * theirs).sum() / max(1e-9, np.sqrt(np.square(ours).sum() * np.square(theirs).sum())))
