"""Whether one speaker has two ids, or two speakers share one, by their voices.

    log-mel spectrum of loud frames --cosines--> mean and spread [48] --minus class means, whitened within speakers--> voice
    distance of two ids: (difference of halves A) . (difference of halves B), which is 0 on average for one speaker
    all pairs of ids --> what other speakers reach          halves of one id --> what one speaker reaches
The error rates come from the corpus itself. A pair is reported if it is nearer than other pairs are (their distances are about
log-normal; fewer than 5 % of corpora would show a false pair) and as near as the halves of one speaker. An id with another room
or microphone sounds like another speaker and is missed.
The distance is the cross-validated Mahalanobis distance (Walther et al. 2016, NeuroImage 137).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import scipy.stats
from jaxtyping import Float

from ser_core.audit.finding import EXAMPLES, Finding, percent
from ser_core.audit.listening import Heard
from ser_core.corpus.corpus import Corpus

FEWEST_UTTERANCES, FEWEST_SPEAKERS = 8, 5
"""Utterances an id needs to be compared, and ids a corpus needs."""
REPEATS = 8
"""Random halves over which a distance is averaged."""
FALSE_ALARMS = 0.05
"""Chance of any false pair in a corpus."""
MOST_MISSED = 0.5
"""Share of speakers that are not found again under two ids, from which the check has nothing to say."""
SAME_DEVIATIONS = 4.0
"""A pair must also be as near as halves of one speaker: at most this many standard deviations above their mean."""
SHRINKAGE = 0.1
OUTLIER, LEAST_SPLIT = 4.0, 5.0
"""An id has two voices if its best split is this many deviations above those of other ids, and at least this wide."""
AXES = 10
"""Directions between speakers along which an id is split."""


@dataclasses.dataclass(frozen=True)
class Voices:
    """Voices [rows numbers] without what their class explains, and the id of each row as a number."""

    values: np.ndarray
    rest: np.ndarray
    """The same without the mean of the id."""
    owners: np.ndarray
    names: np.ndarray

    def whitened(self, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Returns the voices in units of what varies within an id, estimated from `rows`."""
        rest = self.rest[rows]
        spread = rest.T @ rest / len(rest)
        spread = (1 - SHRINKAGE) * spread + SHRINKAGE * np.diag(np.diag(spread)) + 1e-9 * np.eye(len(spread))
        return self.values @ np.linalg.cholesky(np.linalg.inv(spread))


def voices(corpus: Corpus, heard: Sequence[Heard]) -> list[Finding]:
    """Reports ids that sound like one speaker, and ids that sound like two."""
    found = _prepared(corpus, heard)
    return [] if found is None else [*_one_under_two(found), *_two_under_one(found)]


def _prepared(corpus: Corpus, heard: Sequence[Heard]) -> Voices | None:
    if corpus.why_unknown:
        return None
    speakers, labels = corpus.column("speaker"), corpus.column("emotion")
    usable = np.array([len(each.voice) > 0 for each in heard], dtype=bool)
    names, counts = np.unique(speakers[usable], return_counts=True)
    names = names[counts >= FEWEST_UTTERANCES]
    if len(names) < FEWEST_SPEAKERS:
        return None
    rows = np.flatnonzero(usable & np.isin(speakers, names))
    values = np.stack([heard[row].voice for row in rows.tolist()])
    owners = np.searchsorted(names, speakers[rows])
    classes = (labels[rows][:, None] == np.unique(labels[rows])[1:]).astype(float)
    inner, inner_classes = values - _means(values, owners)[owners], classes - _means(classes, owners)[owners]
    effect = np.linalg.lstsq(inner_classes, inner, rcond=None)[0]
    return Voices(values - classes @ effect, inner - inner_classes @ effect, owners, names)


def _means(values: np.ndarray, owners: np.ndarray) -> np.ndarray:
    totals = np.zeros((owners.max() + 1, values.shape[1]))
    np.add.at(totals, owners, values)
    return totals / np.maximum(np.bincount(owners), 1)[:, None]


def distances(values: np.ndarray, owners: np.ndarray, generator: np.random.Generator) -> Float[np.ndarray, "ids ids"]:
    """Returns the cross-validated distance of all pairs of ids."""
    total = np.zeros((owners.max() + 1,) * 2)
    for _ in range(REPEATS):
        order = generator.permutation(len(owners))
        order = order[np.argsort(owners[order], kind="stable")]
        starts = np.r_[0, np.cumsum(np.bincount(owners))]
        half = (np.arange(len(order)) - starts[owners[order]]) % 2 == 0
        first, second = (_means(values[order[part]], owners[order[part]]) for part in (half, ~half))
        product = first @ second.T
        total += np.diag(product)[:, None] + np.diag(product)[None] - product - product.T
    return total / REPEATS


def _one_under_two(found: Voices) -> list[Finding]:
    generator = np.random.default_rng(0)
    values = found.whitened()
    apart = distances(values, found.owners, generator)
    one, other = np.triu_indices(len(found.names), 1)
    pairs = apart[one, other]
    logs = np.log(np.maximum(pairs, 1e-3))
    middle = float(np.median(logs))
    spread = 1.4826 * float(np.median(np.abs(logs - middle)))
    unlike = float(np.exp(middle + scipy.stats.norm.ppf(FALSE_ALARMS / len(pairs)) * spread))
    halves = found.owners * 2
    for owner in range(len(found.names)):
        rows = generator.permutation(np.flatnonzero(found.owners == owner))
        halves[rows[: len(rows) // 2]] += 1
    again = distances(values, halves, generator)[np.arange(len(found.names)) * 2, np.arange(len(found.names)) * 2 + 1]
    limit = min(unlike, float(again.mean() + SAME_DEVIATIONS * again.std()))
    missed = float((again >= limit).mean())
    near = [place for place in np.argsort(pairs, kind="stable").tolist() if pairs[place] < limit]
    if not near or missed > MOST_MISSED:
        return []
    named = [f"{found.names[one[place]]} and {found.names[other[place]]}" for place in near]
    return [
        Finding(
            "one voice under two ids",
            "warn",
            f"Speakers {', '.join(named[:EXAMPLES])} sound like one speaker: their voices differ by {pairs[near[0]]:.1f} (one "
            f"voice is about 0, and chance may take it below), those of other pairs by {np.exp(middle):.1f}; "
            f"{percent(1 - missed)} of speakers split at random are found so, and fewer than {percent(FALSE_ALARMS)} of corpora "
            "would show a false pair.",
            "Listen to both; if they are one person, give them one id in the speaker column so that folds hold both out.",
            {"pairs": len(near), "limit": round(limit, 2), "missed": round(missed, 3), "compared": len(pairs)},
            [f"{name}: {pairs[place]:.1f}" for name, place in zip(named, near, strict=True)][:EXAMPLES],
        )
    ]


def split_widths(found: Voices) -> Float[np.ndarray, "ids"]:
    """Returns the distance of the two halves into which each id falls best, along the directions in which other ids differ."""
    widths = np.zeros(len(found.names))
    for owner in range(len(found.names)):
        rows = found.owners == owner
        values = found.whitened(~rows)
        centres = np.delete(_means(values, found.owners), owner, axis=0)
        axes = np.linalg.svd(centres - centres.mean(0), full_matrices=False)[2][: min(AXES, len(centres) - 1)]
        own = (values[rows] - values[rows].mean(0)) @ axes.T
        side = own @ np.linalg.svd(own, full_matrices=False)[2][0] > 0
        for _ in range(30):
            if min(side.sum(), (~side).sum()) < 3:
                break
            near = np.square(own - own[side].mean(0)).sum(1) < np.square(own - own[~side].mean(0)).sum(1)
            if (near == side).all():
                break
            side = near
        if min(side.sum(), (~side).sum()) >= 3:
            widths[owner] = np.linalg.norm(own[side].mean(0) - own[~side].mean(0))
    return widths


def _two_under_one(found: Voices) -> list[Finding]:
    widths = split_widths(found)
    logs = np.log(np.maximum(widths, 1e-3))
    middle = float(np.median(logs))
    limit = max(LEAST_SPLIT, float(np.exp(middle + OUTLIER * 1.4826 * np.median(np.abs(logs - middle)))))
    wide = [owner for owner in np.argsort(-widths, kind="stable").tolist() if widths[owner] > limit]
    if not wide:
        return []
    names = [str(found.names[owner]) for owner in wide]
    return [
        Finding(
            "two voices under one id",
            "warn",
            f"Speaker {', '.join(names[:EXAMPLES])} falls into two voices {widths[wide[0]]:.1f} apart, others into halves "
            f"{np.exp(middle):.1f} apart.",
            "Listen to a few utterances; if they are two people, or two microphones, give them two ids in the speaker column.",
            {"speakers": len(wide), "limit": round(limit, 2)},
            [f"{name}: {widths[owner]:.1f}" for name, owner in zip(names, wide, strict=True)][:EXAMPLES],
        )
    ]
