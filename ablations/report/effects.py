"""Main effects and interactions of factors, and the gain of each step of a path, as contrasts of variants per fold.

scores [variants folds] --contrast--> one value per fold --corrected t--> estimate with interval --Holm--> section
A main effect is the mean of all variants at a value minus the mean of all variants at the first value. An interaction of two
factors is half the change in the effect of one when the other leaves its first value. Effects that a fractional design cannot
separate share a row.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from ablations.designs import DESIGNS, Factorial
from ablations.designs.factor import Factor, parse_factor, short
from ablations.paired_study import PairedStudy
from ablations.report.cells import half_width, heading
from ablations.section import Section
from ablations.statistics.corrected_t import CorrectedT, corrected_t, holm, over_seeds
from ablations.statistics.words import probability


def contrasts(factors: Sequence[Factor], levels: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the weights [variants] of every main effect and two-factor interaction by name, with aliases joined.

    `levels` holds the index of each factor's value [variants factors].
    """
    keys = [factor.key for factor in factors]
    found: dict[str, np.ndarray] = {}
    for place, factor in enumerate(factors):
        for level in range(1, len(factor.values)):
            name = f"{short(factor.key, keys)}={factor.values[level]}"
            found[name] = _mean(levels[:, place] == level) - _mean(levels[:, place] == 0)
    for one, other in itertools.combinations(range(len(factors)), 2):
        for here, there in itertools.product(*(range(1, len(factors[place].values)) for place in (one, other))):
            names = (f"{short(keys[place], keys)}={factors[place].values[at]}" for place, at in ((one, here), (other, there)))
            corner = {
                (a, b): _mean((levels[:, one] == (here if a else 0)) & (levels[:, other] == (there if b else 0)))
                for a, b in itertools.product((0, 1), repeat=2)
            }
            found[" x ".join(names)] = (corner[1, 1] - corner[0, 1] - corner[1, 0] + corner[0, 0]) / 2
    return _joined(found)


def effects_section(study: PairedStudy, factorial: Factorial) -> list[Section]:
    """Returns the effects of a crossed design or the steps of a path; empty for other designs and for a single factor."""
    factors, names = [parse_factor(text) for text in factorial.factors], list(study.pairs)
    if factorial.design == "path":
        title, weights = "Step by step", {name: _step(place, len(names)) for place, name in enumerate(names) if place}
        notes = ("Each step against the variant above it, paired by seed and fold.",)
    elif DESIGNS[factorial.design].crossed and len(factors) > 1:
        title, weights = "Main effects and interactions", contrasts(factors, np.array(factorial.designed().levels))
        notes = (
            "A main effect is the mean over all variants with that value minus the mean over those with the first value; an "
            "interaction is half the change in one factor's effect when the other factor changes. This design cannot separate "
            "effects that share a row.",
        )
    else:
        return []
    found = estimate_contrasts(study, weights)
    adjusted = holm([test.p for test in found.values()])
    rows = [
        (name, half_width(test.mean, study.metric, "+"), _p(test.p), _p(p))
        for (name, test), p in zip(found.items(), adjusted, strict=True)
    ]
    read = f"± is half the 95 % interval (corrected resampled t over folds); Holm p counts the {len(rows)} rows."
    return [Section(f"{title} ({heading(study.metric)})", ("Effect", "Δ", "p", "Holm p"), tuple(rows), (*notes, read))]


def estimate_contrasts(study: PairedStudy, weights: dict[str, np.ndarray]) -> dict[str, CorrectedT]:
    """Estimates each contrast of the variants' scores over folds. `weights` follow the order of the variants."""
    scores, ratio = np.stack(list(study.scores().values())), study.test_to_train
    return {name: corrected_t(over_seeds(np.tensordot(each, scores, axes=1)), ratio) for name, each in weights.items()}


def _mean(chosen: np.ndarray) -> np.ndarray:
    return chosen / chosen.sum()


def _step(place: int, count: int) -> np.ndarray:
    """Returns the contrast of a variant against the one before it."""
    return np.eye(count)[place] - np.eye(count)[place - 1]


def _joined(found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Joins contrasts that are equal up to their sign. The joined name shows the sign."""
    kept: dict[str, np.ndarray] = {}
    for name, weights in found.items():
        same = next((other for other, each in kept.items() if np.allclose(each, weights)), None)
        opposite = next((other for other, each in kept.items() if np.allclose(each, -weights)), None)
        if twin := same or opposite:
            kept = {(f"{other} {'+' if same else '-'} {name}" if other == twin else other): each for other, each in kept.items()}
        else:
            kept[name] = weights
    return kept


def _p(value: float) -> str:
    return probability(value).removeprefix("= ") if value == value else "—"
