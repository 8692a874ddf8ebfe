"""Report sections of a selection: the standings, the weights, the trade-off of UAR and CCC, how flat it is, search to test."""

import math
from collections.abc import Sequence

import numpy as np

from ablations.report.cells import half_width, number
from ablations.report.trade_off import trade_off
from ablations.report.weight_triangle import weight_triangle
from ablations.section import Section
from ablations.select import standard_error
from ablations.statistics.corrected_t import CorrectedT, corrected_t, over_seeds
from ablations.statistics.words import probability
from cluster.search.objectives import Objective, front
from cluster.selection.finalists import AS_GIVEN, CCC, UAR, Finalists
from cluster.selection.printed import explained, metric_of, name_of
from cluster.selection.run_selection import Choice
from cluster.study_record import StudyRecord
from ser_core.cross_validation.records import FoldRecord

NONE = "-"
BANDS = (0.1, 0.25, 0.5)
"""Largest share of the summed weights that differs from the chosen weights, for each row of the neighbours."""


def shown_metrics(found: Finalists) -> list[str]:
    """Returns the objectives of the search and the metric that decides, plus UAR and mean CCC where the folds have them."""
    names = dict.fromkeys([found.decides.name, *(found.search.searched["objectives"] or ()), UAR, CCC])
    return [name for name in names if math.isfinite(found.fresh_score(AS_GIVEN, name))]


def standings_section(found: Finalists, choice: Choice) -> Section:
    """Returns one row per finalist, trained again: the deciding score, the other scores, size and cost."""
    metrics, selection = shown_metrics(found), choice.selection
    names = [standing.finalist.name for standing in selection.standings]
    values = {name: [found.fresh_score(name, each) for each in metrics] for name in names}
    signed = [[Objective(each).sign * value for each, value in zip(metrics, values[name], strict=True)] for name in names]
    defined = [row for row in range(len(names)) if np.isfinite(signed[row]).all()]
    ahead = {names[defined[place]] for place in front([signed[row] for row in defined])}
    gpu = any(each.spent.get("gpu_seconds") for name in names for row in found.records(name) for each in row)
    rows, metric = [], found.decides.name
    for standing in selection.standings:
        one = standing.finalist
        p = NONE if np.isnan(standing.p_holm) else probability(standing.p_holm).removeprefix("= ")
        gap = f"{_number(standing.behind.mean.value, metric)} ±{_number(standing.error, metric)}"
        behind = gap if one.name != selection.best else NONE
        marks = ["chosen"] * (one.name == choice.chosen) + ["unbeaten"] * (one.name in ahead)
        cells = [*map(_number, values[one.name], metrics), behind, p, f"{one.parameters:,}", _hours(found.records(one.name), gpu)]
        rows.append((one.name, *cells, _joined(marks)))
    notes = (
        f"Development scores over new seeds and all folds; {name_of(metric)} decides. Behind: distance from the best, paired "
        "by fold, ± one corrected standard error; p with Holm correction.",
        "Parameters are those at inference: heads of tasks that the deciding metric does not score do not count. Hours "
        "are the training time of all folds with one seed.",
        f"Unbeaten: no other finalist equals or beats it in all of {', '.join(map(name_of, metrics))} and beats it in one.",
        *explained(metrics),
    )
    columns = ("Finalist", *map(name_of, metrics), "behind", "p", "parameters", "GPU-hours" if gpu else "hours", "")
    return Section("Who was chosen among the finalists", columns, tuple(rows), notes)


def _hours(rows: Sequence[Sequence[FoldRecord]], gpu: bool) -> str:
    """Returns the training time of one seed, of the GPU or of a worker."""
    folds = [record for row in rows for record in row]
    seconds = sum(record.spent.get("gpu_seconds", 0.0) if gpu else record.seconds for record in folds)
    return f"{seconds / 3600 / len(rows):.2g}"


def _joined(marks: Sequence[str]) -> str:
    """Returns marks as one cell. Spaces do not break, since a cell's first space separates a number from its interval."""
    return ", ".join(marks).replace(" ", "\u00a0") or NONE


def _weights_of(record: FoldRecord) -> dict[str, float]:
    return {name: one["weight"] for name, one in record.config["tasks"].items() if isinstance(one, dict)}


class Weightings:
    """The weightings that a search tried: tasks whose weights vary, points, and the score of each that the search saw."""

    def __init__(self, found: Finalists, choice: Choice) -> None:
        trials = [trial for trial in found.search.trials if found.scores.means(trial) is not None]
        self.folds = [[fold[0] for fold in found.scores.first_folds(trial)] for trial in trials]
        self.scores = [float(np.mean(folds)) for folds in self.folds]
        tried = [_weights_of(found.store.load(trial.keys[0])) for trial in trials]
        names = [name for name in choice_order(found, choice) if found.records(name)]
        again = {name: _weights_of(found.records(name)[0][0]) for name in names}
        everyone = [*tried, *again.values()]
        self.tasks = [name for name in everyone[0] if len({each[name] for each in everyone}) > 1]
        self.points = np.array([[each[name] for name in self.tasks] for each in tried], float).reshape(len(tried), -1)
        self.finalists = {name: [each[task] for task in self.tasks] for name, each in again.items()}

    @property
    def kept(self) -> np.ndarray:
        """Which points have a weight above 0."""
        return self.points.sum(axis=1) > 0


def choice_order(found: Finalists, choice: Choice) -> list[str]:
    """Returns all finalists: the chosen one, then the standings, then those that only single folds list."""
    ranked = [standing.finalist.name for standing in choice.selection.standings]
    return list(dict.fromkeys([choice.chosen, *ranked, *found.names]))


def weights_section(found: Finalists, choice: Choice, tried: Weightings) -> Section:
    """Returns the weights of every finalist, the chosen ones first, and a drawing of all weightings that the search tried."""
    own, kept = tried.finalists[choice.chosen], tried.kept
    scores = [score for score, there in zip(tried.scores, kept, strict=True) if there]
    drawing = weight_triangle(tried.tasks, tried.points[kept], scores, own)
    rows, metric = [], found.decides.name
    for name, weights in tried.finalists.items():
        mark = " (chosen)" if name == choice.chosen else ""
        score = found.fresh_score(name, metric)
        rows.append((f"{name}{mark}", *(f"{weight:.4g}" for weight in weights), _number(score, metric)))
    caption = f"{len(tried.scores)} weightings of the search, coloured by its {name_of(metric)}" if drawing else ""
    columns = ("Finalist", *tried.tasks, name_of(metric))
    notes = (
        (f"{name_of(metric)}: development score with the new seeds.", *explained([metric]))
        if tried.tasks
        else ("The search varied no weight.",)
    )
    return Section("Task weights that were tried", columns, tuple(rows), notes, drawing, caption, on_terminal=bool(tried.tasks))


def flatness_section(found: Finalists, choice: Choice, tried: Weightings) -> list[Section]:
    """Returns how the scores of weightings near the chosen one differ from it; [] if the search varied fewer than two weights."""
    own = np.array(tried.finalists[choice.chosen], float)
    if len(tried.tasks) < 2 or not own.sum() or not tried.kept.any():
        return []
    chosen = _own_folds(found, choice)
    shares = tried.points[tried.kept] / tried.points[tried.kept].sum(axis=1, keepdims=True)
    # Half the summed difference of shares: the part of the weight that would have to move from one task to another.
    moved = np.abs(shares - own / own.sum()).sum(axis=1) / 2
    gaps = np.array([folds for folds, there in zip(tried.folds, tried.kept, strict=True) if there]) - chosen
    rows, low, metric = [], 0.0, found.decides.name
    for high in BANDS:
        near = (moved > max(low, 1e-9)) & (moved <= high)  # without the chosen weights themselves
        if near.any():
            mean, worst = gaps[near].mean(axis=0), gaps[near].mean(axis=1)
            width = standard_error(mean, development_share(found, choice))
            ends = _joined([f"{_number(worst.min(), metric, '+')} to {_number(worst.max(), metric, '+')}"])
            gap = f"{_number(mean.mean(), metric, '+')} ±{_number(width, metric)}"
            rows.append((f"{100 * low:.0f} to {100 * high:.0f} % moved", str(near.sum()), gap, ends))
        low = high
    source = "the search" if choice.chosen in found.origin else "the new seeds, since the search did not try it"
    notes = (
        f"Difference of {name_of(metric)} (more is better) from the chosen weights: mean ± one corrected standard error, and "
        "the range of single weightings. Moved: the share of the summed weights that goes to another task.",
        f"Neighbours have one seed, the score of the chosen weights is that of {source}. Being chosen makes its own score look "
        "better, so a small drop may be luck. Settings besides the weights may differ, too, if the search varied them.",
        *explained([metric]),
    )
    columns = ("Neighbours", "weightings", "difference", "from, to")
    return [Section("How flat the score is around the chosen weights", columns, tuple(rows), notes)] if rows else []


def _own_folds(found: Finalists, choice: Choice) -> np.ndarray:
    """Returns the deciding score of the chosen configuration per fold: as the search saw it, or with new seeds."""
    trial = found.origin.get(choice.chosen)
    if trial is not None:
        return np.array([fold[0] for fold in found.scores.first_folds(trial)])
    return found.decides.sign * over_seeds(found.values(choice.chosen, found.decides.name))


def development_share(found: Finalists, choice: Choice) -> float:
    """Returns development over training utterances, mean over folds."""
    records = found.records(choice.chosen)[0]
    return float(np.mean([each.sizes["dev"] / each.sizes["train"] for each in records]))


def trade_off_section(found: Finalists, choice: Choice) -> list[Section]:
    """Returns UAR against CCC: the chosen, the best on either alone, those that none beats in both; [] if one is missing."""
    scores = {name: [over_seeds(found.values(name, metric)) for metric in (UAR, CCC)] for name in found.names}
    folds = len(found.kept)
    if any(len(each) != folds for pair in scores.values() for each in pair):
        return []
    means = {name: [float(each.mean()) for each in pair] for name, pair in scores.items()}
    best = [max(means, key=lambda name: means[name][place]) for place in (0, 1)]
    names = list(means)
    ahead = [names[place] for place in front(list(means.values()))]
    ratio = development_share(found, choice)
    tests = {
        name: tuple(corrected_t(each - own, ratio) for each, own in zip(pair, scores[choice.chosen], strict=True))
        for name, pair in scores.items()
    }
    roles = {name: _roles(name, choice, best, ahead) for name in dict.fromkeys([choice.chosen, *best, *ahead, AS_GIVEN])}
    rows = [(name, *_trade_cells(means[name], tests[name], name == choice.chosen), role) for name, role in roles.items()]
    notes = (
        "Development scores with the new seeds. Differences are from the chosen one, paired by fold, with half of their 95 % "
        "interval (corrected t, not adjusted for the number of rows).",
        f"Unbeaten: no other finalist is better in one score and not worse in the other. The choice is by "
        f"{name_of(found.decides.name)}. If only one of the two scores matters to you: --prefer uar, or --prefer "
        '"mean(ccc)".',
        *explained([found.decides.name]),
    )
    columns = ("Finalist", "UAR", "difference", "mean CCC", "difference", "")
    drawing = trade_off(
        list(roles), {name: (one.mean, other.mean) for name, (one, other) in tests.items()}, ("UAR", "mean CCC"), choice.chosen
    )
    caption = "Each cross is a finalist with its 95 % intervals; right and up is better."
    return [Section("UAR against CCC", columns, tuple(rows), notes, drawing, caption)]


def _roles(name: str, choice: Choice, best: Sequence[str], ahead: Sequence[str]) -> str:
    marks = ["chosen"] * (name == choice.chosen) + ["best UAR"] * (name == best[0])
    return _joined(marks + ["best CCC"] * (name == best[1]) + ["unbeaten"] * (name in ahead))


def _trade_cells(means: Sequence[float], tests: tuple[CorrectedT, ...], own: bool) -> list[str]:
    cells = []
    for mean, test, metric in zip(means, tests, (UAR, CCC), strict=True):
        cells += [_number(mean, metric), NONE if own else half_width(test.mean, metric_of(metric), "+")]
    return cells


def overtuning_section(found: Finalists, choice: Choice, record: StudyRecord) -> Section:
    """Returns the score that the search saw, the score after training again, and the test score."""
    metric, selection = found.decides, choice.selection
    tested: dict[str, list[float]] = {}
    for outcome in record.outcomes(found.store):
        tested.setdefault(outcome.variant, []).append(metric.of(outcome.test.metrics))
    rows = []
    for name in dict.fromkeys((*list(found.origin)[:1], selection.best, choice.chosen, AS_GIVEN)):
        before, again = found.search_score(name, metric.name), found.fresh_score(name, metric.name)
        rows.append((name, *(_number(each, metric.name) for each in (before, again, _mean(tested.get(name, ()))))))
    rows += [
        (name, NONE, NONE, _number(_mean(values), metric.name)) for name, values in tested.items() if name not in found.names
    ]
    notes = (
        f"{name_of(metric.name)}, mean over folds: in the search, retrained with new seeds, and on the opened test parts. A drop "
        "from the first to the second shows how much of the score was luck (the best of many trials); a drop from the second to "
        "the third shows how much the choice overfits the development speakers.",
        *explained([metric.name]),
    )
    return Section("From search to test", ("", "search, dev", "retrained, dev", "test"), tuple(rows), notes)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def _number(value: float, objective: str, sign: str = "") -> str:
    return NONE if np.isnan(value) else number(value, metric_of(objective), sign)
