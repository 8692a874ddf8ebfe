"""Simulates searches without training: a synthetic objective or replayed records, with any sampler and pruner.

    score(configuration, fold) = effect + fold + seed of the run + residual        points of a percentage, Gaussian
    repeat: ask for a point, score it fold by fold, ask the pruner after each fold, until the budget of folds is spent
    regret = effect of the best possible point - effect of the finished trial with the best mean
Every pruner sees the same points, folds and residuals, so differences between pruners are paired. With a sampler that learns,
the points are the same until its history differs. One trial runs at a time.
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
"""Weight of each dimension of the hill."""
Seen = tuple[float, np.ndarray]
"""True effect of a configuration and its scores per fold [folds]."""


@dataclasses.dataclass(frozen=True)
class Variances:
    """Standard deviations of a synthetic study, in points of a percentage."""

    configuration: float = 2.0
    """SD between random configurations."""
    fold: float = 2.0
    """SD between folds, common to all configurations."""
    residual: float = 1.0
    """Residual SD of a single fold of a run."""
    seed: float = 0.5
    """SD between runs of one configuration, the same in all folds."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if not 0 <= getattr(self, field.name) < float("inf"):
                raise SettingError(f"--{field.name}-sd must be at least 0, got {getattr(self, field.name)}")


class World(Protocol):
    """The environment of a simulated search."""

    top: float
    """Effect of the best possible configuration."""

    def ask(self) -> Seen | None:
        """Returns the next configuration, or None when there are no more."""
        ...

    def tell(self, mean: float, folds: int, pruned: bool) -> None:
        """Receives the outcome of the configuration: its mean over `folds`, and whether it was pruned."""
        ...


class Hill:
    """A quadratic hill with a random top. Points come from a sampler; random points bypass Optuna, which is faster."""

    top = 0.0

    def __init__(self, seed: int, folds: int, variances: Variances, sampler: Sampler, trials: int) -> None:
        # Two streams, so that the points do not depend on the number of folds for which scores are drawn.
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
    """Finished trials of a study in random order. Scores are [trials folds], in points; the mean of a trial is its effect."""

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
    """Result of one simulated search."""

    regret: float
    """How far the chosen configuration is below the best possible one, in points."""
    begun: int
    finished: int


def simulate_search(world: World, pruner: Pruner, budget: int) -> SimulatedSearch:
    """Scores folds until the budget is spent. A trial that the end of the budget cuts off cannot be chosen."""
    seen: list[list[float]] = []
    complete: list[tuple[float, float]] = []
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
            complete.append((mean, effect))
    if not complete:
        raise SettingError(f"a budget of {budget} folds finishes no trial; choose a larger --trials")
    return SimulatedSearch(world.top - max(complete)[1], len(seen), len(complete))


@dataclasses.dataclass(frozen=True)
class Line:
    """Results of one pruner over all repetitions, with standard errors of the mean."""

    folds: int
    pruning: str
    regret: float
    regret_error: float
    difference: float
    """Difference in regret to the first pruner, paired by repetition; below 0 is better."""
    difference_error: float
    begun: float
    """Mean number of trials started."""
    finished: float


def compare_pruners(worlds: Sequence[Sequence[World]], pruners: Sequence[Pruner], folds: int, budget: int) -> list[Line]:
    """Returns one line per pruner. For each repetition, `worlds` holds one identical world per pruner."""
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
    """Returns the standard error of the mean.

    >>> round(standard_error(np.array([1.0, 2.0, 3.0, 4.0])), 4)
    0.6455
    """
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def variance_split(scores: np.ndarray) -> Variances:
    """Estimates the SDs of configurations, folds and residuals from finished trials [trials folds], by two-way ANOVA.

    The seed of a run cannot be separated from its configuration here and is part of it.
    """
    trials, folds = scores.shape
    residuals = scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0) + scores.mean()
    residual = float((residuals**2).sum() / ((trials - 1) * (folds - 1)))
    # The variance of a mean includes a share of the residual variance, which is subtracted (method of moments).
    fold = float(scores.mean(axis=0).var(ddof=1)) - residual / trials
    configuration = float(scores.mean(axis=1).var(ddof=1)) - residual / folds
    return Variances(*(max(0.0, each) ** 0.5 for each in (configuration, fold, residual)), seed=0.0)
