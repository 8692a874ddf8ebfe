"""Searches without training: a synthetic objective, or a study's records in another order, through any sampler and pruner.

    score(configuration, fold) = effect + fold + seed of the run + residual        points of a percentage, Gaussian
    repeat: ask a point, look at fold after fold, ask the pruner after each, until the budget of folds is spent
    regret = effect of the best point of all - effect of the finished trial with the best mean
Every pruner meets the same points, folds and residuals (with a sampler that learns, the same until it learns another thing), so
differences between pruners are paired. One trial runs at a time.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from cluster.search.pruners.pruner import Pruner
from cluster.search.samplers.sampler import Sampler
from search_spaces.space import Float, Space
from ser_core.errors import SettingError

SPACE = Space("synthetic", "Where is the top of a hill in four dimensions?", {f"x{axis}": Float(0, 1) for axis in range(4)})
STEEPNESS = np.array([1.0, 0.5, 0.25, 0.125])
"""How much each dimension of the hill matters."""
Seen = tuple[float, np.ndarray]
"""True effect of a configuration, and its scores per fold [folds]."""


@dataclasses.dataclass(frozen=True)
class Variances:
    """Standard deviations of a synthetic study, in points of a percentage."""

    configuration: float = 2.0
    """Between random configurations."""
    fold: float = 2.0
    """Between folds, common to all configurations."""
    residual: float = 1.0
    """Of a fold of a run beyond that."""
    seed: float = 0.5
    """Between runs of one configuration, the same in all folds."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if not 0 <= getattr(self, field.name) < float("inf"):
                raise SettingError(f"--{field.name}-sd must be at least 0, got {getattr(self, field.name)}")


class World(Protocol):
    """What a simulated search looks at."""

    top: float
    """Effect of the best configuration of all."""

    def ask(self) -> Seen | None:
        """The next configuration, or None when there is none."""
        ...

    def tell(self, mean: float, folds: int, pruned: bool) -> None:
        """What became of it."""
        ...


class Hill:
    """A quadratic hill with its top anywhere; points come from a sampler (random ones without Optuna, which is faster)."""

    top = 0.0

    def __init__(self, seed: int, folds: int, variances: Variances, sampler: Sampler, trials: int) -> None:
        self.points, self.noise = (np.random.default_rng([seed, stream]) for stream in (1, 2))
        self.variances = variances
        self.summit = self.points.uniform(0.1, 0.9, len(STEEPNESS))
        self.folds = self.noise.normal(0, variances.fold, folds)
        spread = np.std(self._below_top(self.points.uniform(size=(4000, len(STEEPNESS)))))
        self.scale = variances.configuration / float(spread)
        self.study = None if sampler.name == "random" else _study(sampler, seed, trials)
        self.asked: Any = None

    def ask(self) -> Seen | None:
        if self.study is None:
            point = self.points.uniform(size=len(STEEPNESS))
        else:
            self.asked = self.study.ask()
            SPACE.overrides(self.asked)
            point = np.array([self.asked.params[name] for name in SPACE.ranges])
        effect = -self.scale * float(self._below_top(point))
        run = self.noise.normal(0, self.variances.seed)
        return effect, effect + run + self.folds + self.noise.normal(0, self.variances.residual, len(self.folds))

    def tell(self, mean: float, folds: int, pruned: bool) -> None:
        from optuna.trial import TrialState

        if self.study is None:
            return
        if pruned:
            self.asked.report(mean, step=folds)
            self.study.tell(self.asked, state=TrialState.PRUNED)
        else:
            self.study.tell(self.asked, mean)

    def _below_top(self, points: np.ndarray) -> np.ndarray:
        return ((points - self.summit) ** 2 * STEEPNESS).sum(axis=-1)


class Records:
    """Finished trials of a study in random order: scores per fold [trials folds], in points; their mean is their effect."""

    def __init__(self, seed: int, scores: np.ndarray) -> None:
        self.top = float(scores.mean(axis=1).max())
        self.waiting: Iterator[np.ndarray] = iter(np.random.default_rng(seed).permutation(scores))

    def ask(self) -> Seen | None:
        scores = next(self.waiting, None)
        return None if scores is None else (float(scores.mean()), scores)

    def tell(self, mean: float, folds: int, pruned: bool) -> None:
        pass


def _study(sampler: Sampler, seed: int, trials: int) -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler.check(SPACE, 1)
    study = optuna.create_study(direction="maximize", sampler=sampler.build(seed, trials, 0))
    for answers, _ in zip(sampler.points(SPACE, seed) or (), range(100 * trials), strict=False):
        study.enqueue_trial(answers)
    return study


@dataclasses.dataclass(frozen=True)
class SimulatedSearch:
    """How one simulated search went."""

    regret: float
    """In points; how far the chosen configuration lies below the best of all."""
    begun: int
    finished: int


def simulate_search(world: World, pruner: Pruner, budget: int) -> SimulatedSearch:
    """Looks at folds until `budget` of them are spent; a trial that the end of the budget cuts off is not chosen."""
    seen: list[list[float]] = []
    whole: list[tuple[float, float]] = []
    spent = 0
    while spent < budget and (found := world.ask()):
        effect, scores = found
        values, pruned = scores.tolist(), False
        judged = min(len(values), budget - spent)
        for done in range(1, judged + 1):
            spent += 1
            if done < len(values) and pruner.stop(values[:done], seen, len(values)):
                judged, pruned = done, True
                break
        mean = sum(values[:judged]) / judged
        world.tell(mean, judged, pruned or judged < len(values))
        seen.append(values[:judged])
        if judged == len(values):
            whole.append((mean, effect))
    if not whole:
        raise SettingError(f"a budget of {budget} folds finishes no trial; give a larger --trials")
    return SimulatedSearch(world.top - max(whole)[1], len(seen), len(whole))


@dataclasses.dataclass(frozen=True)
class Line:
    """Outcome of one pruner over all repetitions, with standard errors of the mean."""

    folds: int
    pruning: str
    regret: float
    regret_error: float
    difference: float
    """Of regret to that of the first pruner, paired by repetition; below 0 is better."""
    difference_error: float
    begun: float
    """Trials looked at, on average."""
    finished: float


def compare_pruners(worlds: Sequence[Sequence[World]], pruners: Sequence[Pruner], folds: int, budget: int) -> list[Line]:
    """One line per pruner; `worlds` holds for each repetition one equal world per pruner."""
    outcomes = [[simulate_search(world, pruner, budget) for world, pruner in zip(row, pruners, strict=True)] for row in worlds]
    regrets = np.array([[one.regret for one in row] for row in outcomes])
    lines = []
    for column, pruner in enumerate(pruners):
        differences = regrets[:, column] - regrets[:, 0]
        lines.append(
            Line(
                folds,
                pruner.name,
                float(regrets[:, column].mean()),
                standard_error(regrets[:, column]),
                float(differences.mean()),
                standard_error(differences),
                float(np.mean([row[column].begun for row in outcomes])),
                float(np.mean([row[column].finished for row in outcomes])),
            )
        )
    return lines


def standard_error(values: np.ndarray) -> float:
    """Of the mean.

    >>> round(standard_error(np.array([1.0, 2.0, 3.0, 4.0])), 4)
    0.6455
    """
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def variance_split(scores: np.ndarray) -> Variances:
    """Standard deviations of configurations, folds and residuals from finished trials [trials folds], by two-way layout.

    A run's seed cannot be told from its configuration here, and stands within it.
    """
    trials, folds = scores.shape
    residuals = scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0) + scores.mean()
    residual = float((residuals**2).sum() / ((trials - 1) * (folds - 1)))
    fold = float(scores.mean(axis=0).var(ddof=1)) - residual / trials
    configuration = float(scores.mean(axis=1).var(ddof=1)) - residual / folds
    return Variances(*(max(0.0, each) ** 0.5 for each in (configuration, fold, residual)), seed=0.0)
