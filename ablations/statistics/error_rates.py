"""Error rates and power of each test in simulated studies, without training.

    python -m ablations.statistics.error_rates
A study has F folds and S seeds. The difference of two variants in a fold is
    effect + data: shared by all folds (share r) and specific to the fold (1 - r) + seed        standard deviation 1
after averaging over seeds. r is the share that folds have in common because their training sets overlap: 1/F, as Nadeau & Bengio
assume, or 0 if the trained models count as fixed. Tests on utterances see answers drawn from the folds' differences, with 100
utterances and one speaker per fold.
"""

import dataclasses
import functools
import math
import sys
from collections.abc import Callable, Iterator

import numpy as np

from ablations.paired_study import LEVEL, MARGIN
from ablations.statistics.bayes import correlated_bayes
from ablations.statistics.corrected_t import corrected_t, over_seeds
from ablations.statistics.mcnemar import mcnemar, over_dependent
from ablations.statistics.pooled_scores import draw, interval
from ablations.statistics.signed_rank import signed_rank

SPREAD = 0.03
"""Standard deviation of a fold's difference, as a share of correct answers: 3 points."""
SAME_FOLD = 0.8
"""Share of a difference's variance that all seeds of a fold have in common, since it comes from the data."""
UTTERANCES = 100
"""Test utterances in each fold."""
AGREEMENT = 0.8
"""Share of utterances on which two variants are right or wrong together, apart from their mean difference."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """One kind of study."""

    folds: int
    seeds: int
    overlap: float
    """r, the correlation of two folds' differences."""
    effect: float
    """True difference, in standard deviations of a fold's difference."""

    @property
    def ratio(self) -> float:
        return 1 / (self.folds - 1)


def differences(setting: Setting, random: np.random.Generator) -> np.ndarray:
    """Simulates the differences of one study [seeds folds], in shares of correct answers."""
    shared = math.sqrt(setting.overlap) * random.standard_normal((1, 1))
    fold = math.sqrt(1 - setting.overlap) * random.standard_normal((1, setting.folds))
    seed = random.standard_normal((setting.seeds, setting.folds))
    noise = math.sqrt(SAME_FOLD) * (shared + fold) + math.sqrt(1 - SAME_FOLD) * seed
    # Dividing by the sd of a fold's mean over seeds makes the effect comparable between numbers of seeds.
    return SPREAD * (setting.effect + noise / math.sqrt(SAME_FOLD + (1 - SAME_FOLD) / setting.seeds))


def answers(gaps: np.ndarray, random: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns per seed whether baseline and variant are correct [utterances], fold after fold; accuracies differ by `gaps`."""
    skill = np.clip(random.normal(0.7, 0.08, gaps.shape[1]), 0.3, 0.9)
    found = []
    for row in gaps:
        ease, other = random.random((2, len(row), UTTERANCES))
        other = np.where(random.random(ease.shape) < AGREEMENT, ease, other)
        found.append(((ease < skill[:, None]).ravel(), (other < (skill + row)[:, None]).ravel()))
    return found


def _corrected(gaps: np.ndarray, setting: Setting, random: np.random.Generator) -> bool:
    return corrected_t(over_seeds(gaps), setting.ratio).p < LEVEL


def _bayes(gaps: np.ndarray, setting: Setting, random: np.random.Generator) -> bool:
    found = correlated_bayes(over_seeds(gaps), setting.ratio, MARGIN)
    return max(found.worse, found.better) > 1 - LEVEL / 2


def _bayes_without_region(gaps: np.ndarray, setting: Setting, random: np.random.Generator) -> bool:
    found = correlated_bayes(over_seeds(gaps), setting.ratio, 0.0)
    return max(found.worse, found.better) > 1 - LEVEL / 2


def _pairs(gaps: np.ndarray, setting: Setting, random: np.random.Generator) -> bool:
    return corrected_t(gaps.ravel(), setting.ratio).p < LEVEL


def _plain(gaps: np.ndarray, setting: Setting, random: np.random.Generator) -> bool:
    return corrected_t(over_seeds(gaps), 0).p < LEVEL


def _signed_rank(gaps: np.ndarray, setting: Setting, random: np.random.Generator) -> bool:
    return signed_rank(over_seeds(gaps)) < LEVEL


def _mcnemar(gaps: np.ndarray, setting: Setting, random: np.random.Generator) -> bool:
    return over_dependent([mcnemar(*right) for right in answers(gaps, random)]) < LEVEL


def _speakers(gaps: np.ndarray, setting: Setting, random: np.random.Generator) -> bool:
    """Applies the interval of pooled_scores.py. All speakers have equally many utterances, so the pooled score is their mean."""
    pooled = np.mean([theirs.astype(float) - ours for ours, theirs in answers(gaps, random)], axis=0)
    speakers = pooled.reshape(setting.folds, -1).mean(axis=1)
    weights = _weights(setting.folds)
    found = interval(float(speakers.mean()), weights @ speakers / setting.folds, setting.folds)
    return found.low > 0 or found.high < 0


@functools.cache
def _weights(speakers: int) -> np.ndarray:
    return draw(speakers, 2000, seed=0)


Decision = Callable[[np.ndarray, Setting, np.random.Generator], bool]
DECISIONS: dict[str, Decision] = {
    "corrected t (verdicts)": _corrected,
    "Bayesian t, no region": _bayes_without_region,
    "Bayesian t, region 2 points": _bayes,
    "bootstrap over speakers": _speakers,
    "McNemar on utterances": _mcnemar,
    "Wilcoxon over folds": _signed_rank,
    "plain paired t": _plain,
    "corrected t over (seed, fold)": _pairs,
}
"""Decision from the differences of a study, by name. The platform does not use the last two."""


def rejections(decision: Decision, setting: Setting, runs: int, seed: int = 0) -> float:
    """Returns the share of `runs` simulated studies in which the test decides that the variants differ."""
    # The seed does not depend on the test, so that all tests judge the same simulated studies.
    random = np.random.default_rng([seed, setting.folds, setting.seeds])
    return float(np.mean([decision(differences(setting, random), setting, random) for _ in range(runs)]))


SIZES = ((5, 1), (5, 3), (10, 1), (10, 3))
"""Folds and seeds of the studies in the table."""


def table(runs: int) -> Iterator[str]:
    """Yields the lines of a Markdown table: percentage of studies in which each test decides that the variants differ."""
    sizes = " / ".join(f"{folds} x {seeds}" for folds, seeds in SIZES)
    yield f"| folds x seeds: {sizes} | nothing to find, r = 1/F | nothing to find, r = 0 | true difference d = 1, r = 1/F |"
    yield "|---|---:|---:|---:|"
    for name, decision in DECISIONS.items():
        cells = []
        for overlapping, effect in ((True, 0.0), (False, 0.0), (True, 1.0)):
            settings = [Setting(folds, seeds, overlapping / folds, effect) for folds, seeds in SIZES]
            cells.append(" / ".join(f"{100 * rejections(decision, setting, runs):.1f}" for setting in settings))
        yield f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    for line in table(int(sys.argv[1]) if len(sys.argv) > 1 else 4000):
        print(line, flush=True)
