"""Shows which settings of a search mattered for its development score, by two methods, with intervals.

trials of a search --settings that vary--> Optuna study --PED-ANOVA, fANOVA--> shares --redraw trials--> intervals
PED-ANOVA (Watanabe et al. 2023, arXiv 2304.10255) compares the best quarter of the trials with all of them and includes
settings that only some trials have. fANOVA (Hutter et al. 2014, ICML) splits the variance of a random forest and leaves
those settings out. Only development scores are read; test parts stay sealed.
"""

import dataclasses
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ablations.paired_study import LEVEL
from ablations.statistics.corrected_t import Interval
from cluster.study_record import StudyRecord, load_study
from cluster.trial import Trial
from ser_core.config.compose import compose
from ser_core.config.override_keys import chosen_options, expand, leaves, present_groups
from ser_core.config.published_system import apply_system
from ser_core.config.tree import GROUPS, Config
from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError
from ser_core.evaluation.score import headline

METHODS = ("PED-ANOVA", "fANOVA")
REDRAWS = 30
"""Number of bootstrap samples of the trials. One fANOVA takes about a second."""
BEST = 0.25
"""Share of the best trials that PED-ANOVA compares with all trials."""
FEWEST = 10
"""Minimum number of trials for computing shares."""
WIDE = 100
"""A positive setting is treated on a log scale when its maximum is at least this many times its minimum."""
BIAS = (
    "A sampler that learns (TPE, GP) looks where it found good scores. This biases both methods, and more trials do not help. "
    "In simulation, fANOVA finds .57 to .63 of the three settings that matter after TPE at any n, and .73 to .87 after random "
    "sampling; PED-ANOVA finds .40 to .53 and .63 to .93. Trust what both agree on, or search with --sampler random."
)


@dataclasses.dataclass(frozen=True)
class Scored:
    """A trial of a search: its settings and its mean development score."""

    settings: Mapping[str, str]
    score: float


def varying(trials: Sequence[Scored]) -> list[str]:
    """Returns the settings, sorted, that take more than one value or that some trials lack."""
    keys = sorted({key for trial in trials for key in trial.settings})
    return [key for key in keys if len({trial.settings.get(key) for trial in trials}) > 1]


def importances(trials: Sequence[Scored], redraws: int = REDRAWS, seed: int = 0) -> dict[str, dict[str, Interval]]:
    """Returns shares of importance by method and setting, with the middle 95 % over bootstrap samples of the trials.

    NaN where a method leaves a setting out. Samples in which a method is undefined (all scores equal) are skipped.
    """
    keys, lot = varying(trials), np.random.default_rng(seed)
    found = {}
    for name in METHODS:
        value = _shares(name, trials, trials, keys)
        draws = [lot.integers(len(trials), size=len(trials)) for _ in range(redraws)]
        moved = [_shares(name, [trials[place] for place in draw], trials, keys) for draw in draws]
        found[name] = {key: _interval(value[key], [one[key] for one in moved]) for key in keys}
    return found


def _shares(name: str, drawn: Sequence[Scored], trials: Sequence[Scored], keys: Sequence[str]) -> dict[str, float]:
    """Evaluates one method over `drawn`, with the ranges of settings from all `trials`."""
    import optuna

    scores = [trial.score for trial in drawn]
    # Without a best quarter that differs from the rest, neither method is defined.
    if np.quantile(scores, 1 - BEST) <= min(scores):
        return dict.fromkeys(keys, math.nan)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    evaluators = {
        "PED-ANOVA": lambda: optuna.importance.PedAnovaImportanceEvaluator(target_quantile=BEST),
        # Its random forest gets a fixed seed: the same trials must give the same shares.
        "fANOVA": lambda: optuna.importance.FanovaImportanceEvaluator(seed=0),
    }
    study = optuna.create_study(direction="maximize")
    distributions = {key: distribution([one.settings[key] for one in trials if key in one.settings]) for key in keys}
    for trial in drawn:
        own = {key: distributions[key] for key in keys if key in trial.settings}
        parameters = {key: _typed(trial.settings[key], own[key]) for key in own}
        study.add_trial(optuna.trial.create_trial(params=parameters, distributions=own, value=trial.score))
    try:
        shares = optuna.importance.get_param_importances(study, evaluator=evaluators[name]())
    except (ValueError, RuntimeError):
        shares = {}
    return {key: float(shares.get(key, math.nan)) for key in keys}


def distribution(values: Sequence[str]) -> Any:
    """Returns the Optuna distribution of these values: a range for numbers, a choice for anything else."""
    from optuna import distributions

    try:
        numbers = [float(value) for value in values]
    except ValueError:
        return distributions.CategoricalDistribution(sorted(set(values)))
    low, high = min(numbers), max(numbers)
    return distributions.FloatDistribution(low, high, log=low > 0 and high >= WIDE * low)


def _typed(value: str, known: Any) -> Any:
    from optuna import distributions

    return float(value) if isinstance(known, distributions.FloatDistribution) else value


def _interval(value: float, redraws: Sequence[float]) -> Interval:
    defined = [one for one in redraws if math.isfinite(one)]
    if not defined or not math.isfinite(value):
        return Interval(value)
    low, high = np.quantile(defined, [LEVEL / 2, 1 - LEVEL / 2])
    return Interval(value, float(low), float(high))


def print_importance(console: Console, name: str, folder: Path) -> None:
    """Implements `ser importance`. Raises RecordError when the study is not a search or has too few complete trials."""
    store = RunStore(folder)
    record = load_study(store, name)
    if record.kind != "search":
        raise RecordError(f"{record.id} is not a search; the table of an ablation already shows every setting")
    trials = scored_trials(record, store)
    if len(trials) < FEWEST:
        raise RecordError(
            f"{record.id} has {len(trials)} complete trials, but importance needs at least {FEWEST}; "
            "continue the search with a larger --trials"
        )
    found = importances(trials)
    columns = ("setting", *(f"{method}, % [95 % over redrawn trials]" for method in METHODS))
    table = Table(*columns, title=f"What mattered in {record.id}: {len(trials)} trials", title_justify="left")
    for key in sorted(varying(trials), key=lambda key: -np.nansum([found[method][key].value for method in METHODS])):
        table.add_row(key, *(_percent(found[name][key]) for name in METHODS))
    console.print(table)
    console.print(BIAS, highlight=False)
    best = max(trials, key=lambda trial: trial.score)
    if command := path_command(best.settings, record.base):
        console.print(f"go from the default to the best, step by step: {command}", highlight=False, soft_wrap=True, markup=False)


def scored_trials(record: StudyRecord, store: RunStore) -> list[Scored]:
    """Returns the complete trials of a search, each with its settings beyond the base."""
    base = {override.partition("=")[0] for override in expand(record.base, GROUPS)} | {"seed"}
    found = []
    for trial in record.trials:
        pairs = [override.partition("=")[::2] for override in expand(trial.overrides, GROUPS)]
        score = mean_headline(trial, store)
        if score is not None and math.isfinite(score):
            found.append(Scored({key.replace("/", "."): value for key, value in pairs if key not in base}, score))
    return found


def mean_headline(trial: Trial, store: RunStore) -> float | None:
    """Returns the mean over the trial's folds of the score that early stopping uses; None while a fold is missing."""
    if any(key not in store for key in trial.keys):
        return None
    return math.fsum(headline(store.load(key).dev) for key in trial.keys) / len(trial.keys)


def path_command(best: Mapping[str, str], base: Sequence[str]) -> str:
    """Returns the `ser ablate` command that changes the default into the best, one setting at a time, options first."""
    default = dict(plain_leaves(base))
    steps = sorted((key for key, value in best.items() if default.get(key) != value), key=lambda key: key.count("."))
    words = [word for key in steps for word in ("--factor", f"{key}={best[key]}")]
    return shlex.join(["ser", "ablate", *base, *words, "--design", "path"]) if words else ""


def plain_leaves(overrides: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yields every key under these overrides with its value as you would type it, and each option by its name."""
    config, names = compose(overrides), chosen_options(apply_system(overrides, GROUPS).overrides, GROUPS)
    for key, _ in leaves(Config, GROUPS, names):
        value = _at(config, key)
        yield key, str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
    yield from ((group, names[group]) for group in present_groups(GROUPS, names))


def _at(config: Any, key: str) -> Any:
    for part in key.split("."):
        config = getattr(config, part)
    return config


def _percent(one: Interval) -> str:
    if not math.isfinite(one.value):
        return "left out"
    return f"{100 * one.value:.0f} [{100 * one.low:.0f}, {100 * one.high:.0f}]"
