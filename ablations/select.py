"""Chooses a winner among finalists by development score, and estimates the score of that choice without looking.

    finalists --new seeds, all folds--> [seed fold] --mean--> best --within `margin` standard errors of it?--> the smallest
    fold whose test speakers are S --the same choice, without the folds in which S develop--> tested there: cross-fitted
The standard error is that of the difference to the best, paired by fold and corrected for overlapping training sets (Nadeau &
Bengio 2003). The error of the best score itself would be too large, since speakers differ far more than configurations. With a
margin of 1 this is the one-standard-error rule (Breiman et al. 1984, Classification and Regression Trees, 3.4.3).
"""

import dataclasses
import math
from collections.abc import Callable, Collection, Hashable, Sequence

import numpy as np

from ablations.pairing import ComparisonError
from ablations.statistics.corrected_t import NAN, CorrectedT, Interval, corrected_t, holm, over_seeds
from ablations.statistics.words import counted, probability

MARGIN = 0.25
"""Standard errors that a smaller model may be behind the best; from `python -m ablations.selection_rates`."""
SHARED = 0.6
"""Share of Nadeau and Bengio's correction in the interval of a cross-fitted choice; from the same simulation."""


@dataclasses.dataclass(frozen=True)
class Finalist:
    """A configuration that was trained again, with its development scores."""

    name: str
    values: np.ndarray
    """Deciding score [seeds folds]; more is better, NaN if a fold has none."""
    parameters: int
    """Parameters needed to predict the scored tasks. Heads of helper tasks do not count."""

    @property
    def mean(self) -> float:
        """Mean over folds, seeds averaged within each."""
        return float(over_seeds(self.values).mean())


@dataclasses.dataclass(frozen=True)
class Standing:
    """A finalist compared with the best one."""

    finalist: Finalist
    behind: CorrectedT
    """Best minus this one, paired by fold."""
    p_holm: float
    error: float
    """Corrected standard error of that difference; 0 for the best itself."""


@dataclasses.dataclass(frozen=True)
class Selection:
    """The chosen finalist, the best one, and the standing of all, best first."""

    chosen: str
    best: str
    standings: tuple[Standing, ...]
    why: str


def select(
    finalists: Sequence[Finalist],
    dev_to_train: float,
    score: str = "score",
    margin: float = MARGIN,
    show: Callable[[float], str] = "{:.4f}".format,
) -> Selection:
    """Selects the smallest finalist within `margin` standard errors of the best, or the better of two of the same size.

    The reason names the `score` and formats its values with `show`.

    Raises ComparisonError when no finalist has a score, or when they were not trained over the same folds and seeds.
    """
    _check(finalists, score)
    values, sizes = _table(finalists)
    best_place, chosen_place = best_and_chosen(values, sizes, dev_to_train, margin)
    best, chosen = finalists[best_place], finalists[chosen_place]
    gaps = {one.name: values[best_place] - row for one, row in zip(finalists, values, strict=True)}
    tests = {name: corrected_t(gap, dev_to_train) for name, gap in gaps.items()}
    others = [one.name for one in finalists if one is not best]
    adjusted = dict(zip(others, holm([tests[name].p for name in others]), strict=True))
    standings = tuple(
        Standing(one, tests[one.name], float(adjusted.get(one.name, NAN)), standard_error(gaps[one.name], dev_to_train))
        for one in sorted(finalists, key=lambda one: -one.mean)
    )
    own = next(each for each in standings if each.finalist is chosen)
    return Selection(chosen.name, best.name, standings, _why(own, best, score, margin, show))


def best_and_chosen(values: np.ndarray, sizes: Sequence[int] | np.ndarray, dev_to_train: float, margin: float) -> tuple[int, int]:
    """Returns which row of scores [configurations folds] has the best mean, and which one the rule chooses.

    >>> best_and_chosen(np.array([[0.80, 0.70, 0.60], [0.79, 0.71, 0.59]]), [300, 100], 0.5, margin=1)
    (0, 1)
    """
    means = values.mean(axis=1)
    best = int(means.argmax())
    gaps = values[best] - values
    errors = [standard_error(gap, dev_to_train) for gap in gaps]
    within = [place for place in range(len(values)) if gaps[place].mean() <= margin * errors[place]]
    return best, min(within, key=lambda place: (sizes[place], -means[place]))


def standard_error(gaps: np.ndarray, dev_to_train: float) -> float:
    """Returns the corrected standard error of a mean over folds; 0 for a single fold, which cannot estimate it.

    >>> round(standard_error(np.array([0.0, 0.02]), 0.5), 4)
    0.0141
    """
    return math.sqrt(1 / len(gaps) + dev_to_train) * float(gaps.std(ddof=1)) if len(gaps) > 1 else 0.0


def folds_without_tested(
    developing: Sequence[Collection[Hashable]], tested: Sequence[Collection[Hashable]]
) -> list[tuple[int, ...]]:
    """Returns for each fold the folds, counted from 0, in which nobody develops who is tested in it. Empty if there are none.

    >>> folds_without_tested(developing=["b", "c", "a"], tested=["a", "b", "c"])
    [(0, 1), (1, 2), (0, 2)]
    """
    develops = [set(names) for names in developing]
    return [tuple(place for place, names in enumerate(develops) if not names & set(test)) for test in tested]


def cross_fitted(
    finalists: Sequence[Finalist],
    kept: Sequence[Sequence[int]],
    lists: Sequence[Collection[str]],
    dev_to_train: float,
    margin: float = MARGIN,
) -> list[str]:
    """Returns the choice for each fold, made by the scores of its `kept` folds among the finalists that its list names.

    Cross-fitting: no speaker is tested with a configuration that was chosen by this speaker's own score (Chernozhukov et al.
    2018, Econometrics Journal 21, use the term for estimators fitted on one part of the data and evaluated on another).
    """
    chosen = []
    for folds, names in zip(kept, lists, strict=True):
        own = [one for one in finalists if one.name in names]
        values, sizes = _table(own)
        chosen.append(own[best_and_chosen(values[:, list(folds)], sizes, dev_to_train, margin)[1]].name)
    return chosen


def choice_interval(values: Sequence[float] | np.ndarray, test_to_train: float) -> Interval:
    """Returns the mean of a cross-fitted score or gain over folds, with its 95 % interval for new speakers.

    The choices of different folds share most of their scores, so the values of the folds are correlated and s^2 / n is too
    small. Nadeau and Bengio's s^2 (1/n + test/train) is too large, because the corpus to train on is fixed here. The part SHARED
    of their correction covers 94 to 97 % in simulated selections. A single fold, or a score without spread, gives only a mean.

    >>> found = choice_interval([.03, .05, .01, .04, .02], test_to_train=.25)
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
    (0.03, 0.004, 0.056)
    """
    return corrected_t(values, SHARED * test_to_train).mean


def _table(finalists: Sequence[Finalist]) -> tuple[np.ndarray, list[int]]:
    """Returns scores [finalists folds], averaged over seeds, and sizes."""
    return np.array([over_seeds(one.values) for one in finalists]), [one.parameters for one in finalists]


def _check(finalists: Sequence[Finalist], score: str) -> None:
    if not finalists:
        raise ComparisonError("there is nothing to choose from: no finalist has a score in every fold")
    shapes = {finalist.values.shape for finalist in finalists}
    if len(shapes) > 1:
        raise ComparisonError(f"finalists differ in folds or seeds: {sorted(shapes)} (seeds, folds); train the missing ones")
    if any(not np.isfinite(finalist.values).any(axis=0).all() for finalist in finalists):
        raise ComparisonError(f"a finalist has no {score} in some fold; choose an objective that every fold has")


def _why(chosen: Standing, best: Finalist, score: str, margin: float, show: Callable[[float], str]) -> str:
    """Returns a sentence that explains the choice."""
    one = chosen.finalist
    folds, seeds = one.values.shape[::-1]
    over = f"over {counted(folds, 'fold')} x {counted(seeds, 'seed')}"
    reach = f"{margin:g} standard error{'s' * (margin != 1)}"
    if one.name == best.name:
        nothing = f", and nothing smaller comes within {reach}" if margin else ""
        return f"{one.name} has the best {score} ({show(one.mean)} {over}){nothing}"
    p = "" if math.isnan(chosen.behind.p) else f", p {probability(chosen.behind.p)} before Holm"
    return (
        f"{one.name} is the smallest within {reach} of the best: {show(chosen.behind.mean.value)} behind {best.name} "
        f"({show(best.mean)} {score} {over}), standard error {show(chosen.error)}{p}; {one.parameters:,} against "
        f"{best.parameters:,} parameters at inference"
    )
