"""Planted studies: what verdicts say where the truth is known, without training.

    python -m ablations.statistics.planted            prints the three tables of ablations/README.md (about 4 minutes)
stated difference   one study states what it finds; another study has exactly that true difference: is it found after Holm?
one split           answers of two systems over test speakers: how often does the test over speakers see what is not there?
three words         a true difference of 0, of the margin, or twice the margin: which word does the verdict use?
Differences of folds are correlated by 1/F, as Nadeau & Bengio assume; see error_rates.py.
"""

import math
import sys
from collections.abc import Iterator

import numpy as np

from ablations.paired_study import LEVEL, MARGIN
from ablations.statistics.corrected_t import corrected_t, holm
from ablations.statistics.equivalence import tost
from ablations.statistics.power import factor
from ablations.statistics.speakers import contributions, crossed_t
from ser_core.metrics import METRICS
from ser_core.metrics.sums import confusion_counts, moments

CLASSES = 4
UTTERANCES = 40
"""Median number of utterances of a test speaker."""


def differences(runs: int, variants: int, folds: int, random: np.random.Generator) -> np.ndarray:
    """Simulates differences per fold with standard deviation 1 and correlation 1/F [runs variants folds]."""
    shared, own = random.standard_normal((runs, variants, 1)), random.standard_normal((runs, variants, folds))
    return math.sqrt(1 / folds) * shared + math.sqrt(1 - 1 / folds) * own


def p_values(values: np.ndarray) -> np.ndarray:
    """Returns the p of the corrected t test over the last axis, for many studies at once."""
    from scipy.special import stdtr

    folds = values.shape[-1]
    error = values.std(axis=-1, ddof=1) * math.sqrt(1 / folds + 1 / (folds - 1))
    return 2 * stdtr(folds - 1, -abs(values.mean(axis=-1)) / error)


def power_at_the_stated_difference(folds: int, variants: int, runs: int, seed: int = 0, corrected: bool = True) -> float:
    """Returns how often Holm finds a true difference that an earlier study of the same size states as detectable.

    `corrected=False` states what this program stated before: quantiles of one test, whatever the number of variants.
    """
    from scipy.special import stdtrit

    random = np.random.default_rng([seed, folds, variants])
    earlier = differences(runs, 1, folds, random)[:, 0].std(axis=1, ddof=1) * math.sqrt(1 / folds + 1 / (folds - 1))
    plain = float(stdtrit(folds - 1, 1 - LEVEL / 2) + stdtrit(folds - 1, 0.8))
    stated = earlier * (factor(folds - 1, folds - 1, LEVEL / variants) if corrected else plain)
    values = differences(runs, variants, folds, random)
    values[:, 0] += stated[:, None]
    return float(np.mean([holm(p)[0] < LEVEL for p in p_values(values)]))


def class_answers(speakers: int, seeds: int, unequal: float, random: np.random.Generator) -> np.ndarray:
    """Simulates two systems with the same expected UAR, each better with other speakers; returns contributions to the gap.

    Speakers differ in size (log-normal with `unequal`), in their classes, and in which system finds which class.
    """
    speaker, size = _speakers(speakers, unequal, random)
    often = random.dirichlet(np.full(CLASSES, 3.0), speakers).cumsum(axis=1)
    truth = (random.random(size)[:, None] > often[speaker]).sum(axis=1).clip(max=CLASSES - 1)
    hard, scores = random.random(size), []
    for _ in range(2):
        skill = np.clip(0.6 + 0.1 * random.standard_normal((speakers, CLASSES))[speaker, truth], 0.05, 0.95)
        for _ in range(seeds):
            ease = np.where(random.random(size) < 0.7, hard, random.random(size))
            wrong = (truth + random.integers(1, CLASSES, size)) % CLASSES
            scores.append(_without_each(confusion_counts(truth, np.where(ease < skill, truth, wrong), speaker, speakers), "uar"))
    return contributions(np.array(scores[seeds:]) - np.array(scores[:seeds]))


def ratings(speakers: int, seeds: int, unequal: float, random: np.random.Generator) -> np.ndarray:
    """Simulates two systems with the same expected CCC, each with its own bias per speaker; returns contributions to the gap."""
    speaker, size = _speakers(speakers, unequal, random)
    truth = random.normal(0, 0.6, speakers)[speaker] + random.normal(0, 0.8, size)
    scores = []
    for _ in range(2):
        bias = 0.3 * random.standard_normal(speakers)[speaker]
        for _ in range(seeds):
            said = 0.6 * truth + bias + random.normal(0, 0.4, size)
            scores.append(_without_each(moments(truth, said, speaker, speakers), "ccc"))
    return contributions(np.array(scores[seeds:]) - np.array(scores[:seeds]))


def seed_noise(speakers: int, seeds: int, unequal: float, random: np.random.Generator) -> np.ndarray:
    """Simulates one configuration trained twice: each seed shifts all speakers by .3 of the noise of a single speaker."""
    shift = 0.3 * random.standard_normal((seeds, 1))
    return shift + random.standard_normal((seeds, speakers))


def _speakers(speakers: int, unequal: float, random: np.random.Generator) -> tuple[np.ndarray, int]:
    sizes = np.maximum(3, UTTERANCES * random.lognormal(0, unequal, speakers)).astype(int)
    return np.repeat(np.arange(speakers), sizes), int(sizes.sum())


def _without_each(sums: np.ndarray, metric: str) -> np.ndarray:
    total, formula = sums.sum(axis=0, keepdims=True), METRICS[metric].vectorised
    assert formula
    return formula(np.concatenate([total, total - sums]))


SPLITS = {
    "UAR, speakers of equal size": (class_answers, 0.0),
    "UAR, speakers of very unequal size": (class_answers, 1.0),
    "CCC, speakers of very unequal size": (ratings, 1.0),
    "one configuration twice: seeds alone": (seed_noise, 0.0),
}
"""Studies with one split and nothing to find, by name: how contributions are simulated, and how unequal speakers are."""


def false_positives(name: str, speakers: int, seeds: int, runs: int, seed: int = 0) -> float:
    """Returns the share of studies with one split in which the test over speakers finds a difference that is not there."""
    simulate, unequal = SPLITS[name]
    random = np.random.default_rng([seed, speakers, seeds])
    return float(np.mean([crossed_t(simulate(speakers, seeds, unequal, random)).p < LEVEL for _ in range(runs)]))


def words(folds: int, spread: float, true: float, runs: int, seed: int = 0) -> tuple[float, float, float]:
    """Returns the shares of different, equivalent and undecided for a true difference, with one variant.

    `spread` is the standard deviation of a fold's difference.
    """
    random = np.random.default_rng([seed, folds])
    tests = [corrected_t(one, 1 / (folds - 1)) for one in true + spread * differences(runs, 1, folds, random)[:, 0]]
    different = np.array([one.p < LEVEL for one in tests])
    equivalent = np.array([tost(one, MARGIN) < LEVEL for one in tests]) & ~different
    return float(different.mean()), float(equivalent.mean()), float((~different & ~equivalent).mean())


def tables(runs: int) -> Iterator[str]:
    """Yields the lines of the three Markdown tables, in percent of `runs` studies."""
    yield "| variants: 1 / 2 / 4 / 8 | stated now | stated before |"
    yield "|---|---:|---:|"
    for folds in (5, 10):
        cells = [
            " / ".join(
                f"{100 * power_at_the_stated_difference(folds, many, 5 * runs, corrected=now):.0f}" for many in (1, 2, 4, 8)
            )
            for now in (True, False)
        ]
        yield f"| {folds} folds | {' | '.join(cells)} |"
    yield ""
    yield "| nothing to find; test speakers: 8 / 20 / 40 | 1 seed | 3 seeds |"
    yield "|---|---:|---:|"
    for name in SPLITS:
        cells = [" / ".join(f"{100 * false_positives(name, many, seeds, runs):.1f}" for many in (8, 20, 40)) for seeds in (1, 3)]
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""
    yield "| different / equivalent / undecided; true difference | 0 | the margin (2 points) | twice the margin |"
    yield "|---|---:|---:|---:|"
    for folds, spread in ((5, 0.03), (10, 0.03), (10, 0.015), (20, 0.015)):
        cells = [
            " / ".join(f"{100 * share:.0f}" for share in words(folds, spread, true * MARGIN, runs)) for true in (0.0, 1.0, 2.0)
        ]
        yield f"| {folds} folds, differences vary by {100 * spread:g} points | {' | '.join(cells)} |"


if __name__ == "__main__":
    for line in tables(int(sys.argv[1]) if len(sys.argv) > 1 else 2000):
        print(line, flush=True)
