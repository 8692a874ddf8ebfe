"""Builds the table of a study: scores with intervals, differences with verdicts, and the protocol behind them.

`study_table` computes everything once, and its `cells` are formatted: points (hundredths) with two decimals for UAR, WA and
macro-F1, three decimals for CCC. render.py writes the cells as rich, Markdown and LaTeX, and the raw fractions as CSV.
details.py has the metrics without a column here.
"""

import dataclasses
import functools
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ablations.outcomes import Outcome
from ablations.paired_study import PairedStudy
from ablations.statistics.compare import Comparison, Interval, compare, probability
from ablations.statistics.pooled_scores import Pooled, pooled_scores
from ser_core.evaluation.baselines import BASELINES
from ser_core.metrics import AMBIGUOUS, METRICS, find_metric, is_column

OPTIONAL_FACTS = {
    "content": "content",
    "classes": "classes",
    "merged": "merged",
    "tested model": "tested_model",
    "metrics": "metrics",
    "flags": "flags",
}
"""Protocol facts by their entry in the protocol card; left out if no card has the entry."""
ABSENT = "—"
"""Cell without a value: the task is off, or the row is not tested."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One variant of the study."""

    name: str
    scores: Mapping[str, Interval]
    comparison: Comparison
    """Comparison on the metric of the verdicts."""
    pooled: Pooled


@dataclasses.dataclass(frozen=True)
class StudyTable:
    """The content of a study's table."""

    study: PairedStudy = dataclasses.field(compare=False, repr=False)
    """The compared outcomes, from which figures and pages read single folds. Tables are equal if they print the same."""
    title: str
    question: str
    metrics: tuple[str, ...]
    """Metrics with a column."""
    rows: tuple[Row, ...]
    references: Mapping[str, Mapping[str, float]]
    """Mean scores of the reference models of each fold, such as majority and linear. They are not tested."""
    protocol: Mapping[str, str]
    """Corpus, protocol, split, development rule, size, text source, audio policy."""
    notes: tuple[str, ...]
    command: str
    """Command that runs the study."""
    overrides: Mapping[str, Sequence[str]]
    """Overrides of each variant."""

    @property
    def protocol_line(self) -> str:
        return " · ".join(f"{name} {value}" for name, value in self.protocol.items())

    @property
    def verdicts(self) -> dict[str, str]:
        """Returns one sentence per variant, without the baseline."""
        return {row.name: row.comparison.verdict for row in self.rows if row.name != self.study.baseline}

    @functools.cached_property
    def columns(self) -> list[str]:
        """Returns the headings of the printed table."""
        primary = heading(self.study.metric)
        return ["Variant", *map(heading, self.metrics), f"Δ {primary}", "Holm p", f"pooled {primary}", "Δ pooled"]

    @functools.cached_property
    def cells(self) -> list[list[str]]:
        """Returns the rows of the printed table: the variants, then the references."""
        rows = []
        for row in self.rows:
            found, metric = row.comparison, self.study.metric
            scores = [half_width(row.scores[name], name) for name in self.metrics]
            p = probability(found.p_holm).removeprefix("= ") if math.isfinite(found.p_holm) else ABSENT
            difference, together = half_width(found.difference, metric, "+"), row.pooled
            rows.append([row.name, *scores, difference, p, ends(together.score, metric), ends(together.difference, metric, "+")])
        for name, scores in self.references.items():
            rows.append([name, *(number(scores[metric], metric) for metric in self.metrics), *[ABSENT] * 4])
        return rows


def study_table(
    study: PairedStudy,
    title: str,
    question: str,
    *,
    command: str = "",
    overrides: Mapping[str, Sequence[str]] | None = None,
    notes: Sequence[str] = (),
    redraws: int = 2000,
    seed: int = 0,
) -> StudyTable:
    """Builds the table of a study.

    `notes` follow the table's own; `redraws` and `seed` configure the bootstrap. Raises ComparisonError as `compare` and
    `pooled_scores` do.
    """
    shown, verdicts = _shown(study), compare(study)
    scores = {metric: compare(study.on(metric)) for metric in shown}
    together = pooled_scores(study, redraws=redraws, seed=seed)
    found = {name: {metric: scores[metric][name].score for metric in shown} for name in verdicts}
    rows = [Row(name, found[name], comparison, together[name]) for name, comparison in verdicts.items()]
    references = mean_references(study, shown)
    return StudyTable(
        study=study,
        title=title,
        question=question,
        metrics=tuple(shown),
        rows=tuple(rows),
        references=references,
        protocol=protocol_facts(study.outcomes),
        notes=(*_notes(study, shown, rows, references), *notes),
        command=command,
        overrides={name: tuple(changes) for name, changes in (overrides or {}).items()},
    )


def protocol_facts(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Returns the protocol in words: "varies" if variants differ, "not recorded" if the card has no entry."""
    records = [one.record for one in outcomes]

    def fact(values: list[Any]) -> str:
        words = {plain(value) for value in values}
        return (words.pop() or "not recorded") if len(words) == 1 else "varies between variants"

    folds, seeds = {one.key.fold for one in records}, {one.seed for one in records}
    planned = max((card for one in records if isinstance(card := one.card.get("folds"), int)), default=len(folds))
    part = f"{len(folds)} of {planned}" if planned > len(folds) else str(len(folds))
    facts = {
        "corpus": fact([one.card.get("corpus", "") for one in records]),
        "protocol": fact([one.card.get("protocol", "") for one in records]),
        "split": fact([one.key.split for one in records]),
        "development": fact([one.card.get("dev_rule", "") for one in records]),
        "size": f"{part} folds x {len(seeds)} seed{'s' * (len(seeds) != 1)}",
        "text": fact([one.card.get("text_source", "") for one in records]),
        "audio": fact([one.config.get("audio", "") for one in records]),
    }
    for name, entry in OPTIONAL_FACTS.items():
        if any(entry in one.card for one in records):
            facts[name] = fact([one.card.get(entry) or "none" for one in records])
    if "tested model" in facts:
        facts["tested model"] = fact([one.taught_by for one in outcomes])
    return facts


def plain(value: Any) -> str:
    """Formats any value of a card or configuration as text.

    >>> plain({"max_seconds": 15.0, "longer": "start"})
    'max_seconds=15.0, longer=start'
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={plain(one)}" for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(plain, value))
    return " ".join(str(value).split())


def heading(metric: str) -> str:
    """Returns the column heading of a metric.

    >>> [heading(metric) for metric in ("uar", "ccc.valence", "ccc.tension", "gender.wa", "recall.anger", "uar.gap")]
    ['UAR', 'V', 'CCC tension', 'gender WA', 'recall anger', 'UAR gap']
    """
    return find_metric(metric).headings.get(metric.partition(".")[2]) or long_name(metric)


def long_name(metric: str) -> str:
    """Returns the long heading of a metric, such as CCC valence for V.

    >>> long_name("ccc.valence"), long_name("uar@noise:10")
    ('CCC valence', 'UAR, noise:10')
    """
    metric, sign, condition = metric.partition("@")
    if sign:
        return f"{long_name(metric)}, {condition}"
    first, _, rest = metric.partition(".")
    if first in METRICS:
        return f"{find_metric(metric).heading} {rest}".strip()
    return f"{metric.rpartition('.')[0]} {find_metric(metric).heading}".strip()


def number(value: float, metric: str, sign: str = "") -> str:
    """Formats a score: points with two decimals, or the raw value with three decimals and no leading zero.

    >>> number(.67416, "uar"), number(-.0412, "ccc.valence"), number(.031, "uar", "+")
    ('67.42', '-.041', '+3.10')
    """
    if not math.isfinite(value):
        return ABSENT
    if find_metric(metric).percent:
        return format(100 * value, f"{sign}.2f")
    return re.sub(r"^([+-]?)0\.", r"\1.", format(value, f"{sign}.3f"))


def half_width(one: Interval, metric: str, sign: str = "") -> str:
    """Formats a symmetric interval, such as 67.42 ± 2.31, or only the mean if the interval has no ends."""
    spread = f" ± {number((one.high - one.low) / 2, metric)}" if math.isfinite(one.low) else ""
    return number(one.value, metric, sign) + spread


def ends(one: Interval, metric: str, sign: str = "") -> str:
    """Formats an interval by its ends, such as 67.42 [65.10, 69.01]."""
    limits = f" [{number(one.low, metric, sign)}, {number(one.high, metric, sign)}]" if math.isfinite(one.low) else ""
    return number(one.value, metric, sign) + limits


def _shown(study: PairedStudy) -> list[str]:
    """Returns the metrics with a column: those with a column and the metric of the verdicts, if any fold has them."""
    outcomes = study.outcomes
    wanted = [name for name in study.unconditional_metrics if is_column(name) or name == study.metric]
    return [name for name in wanted if any(math.isfinite(one.test.metrics.get(name, math.nan)) for one in outcomes)]


def mean_references(study: PairedStudy, metrics: Sequence[str]) -> dict[str, dict[str, float]]:
    """Returns the mean per reference model and metric over the baseline's folds, in the order of BASELINES.

    NaN if no fold has the metric. References with none of these metrics are left out.
    """
    outcomes = list(study.pairs[study.baseline].values())
    names = dict.fromkeys([*BASELINES, *(name for one in outcomes for name in one.test.baselines)])
    found = {name: {metric: _mean(outcomes, name, metric) for metric in metrics} for name in names}
    return {name: scores for name, scores in found.items() if any(map(math.isfinite, scores.values()))}


def _mean(outcomes: Sequence[Outcome], reference: str, metric: str) -> float:
    values = [one.test.baselines.get(reference, {}).get(metric, math.nan) for one in outcomes]
    values = [value for value in values if math.isfinite(value)]
    return math.fsum(values) / len(values) if values else math.nan


def explanations(metric: str) -> str:
    """Returns a metric's name, its meaning and its other names, for the notes.

    >>> explanations("uar")
    'UAR = unweighted average recall (also UA, balanced accuracy)'
    """
    found = find_metric(metric)
    also = f" (also {', '.join(found.aliases)})" if found.aliases else ""
    return f"{found.heading} = {found.meaning}{also}"


def _legend(shown: Sequence[str]) -> list[str]:
    """Explains every metric that has a column; a metric with letters for its parts explains those that are shown."""
    lines = []
    for metric in METRICS.values():
        letters = [name for name in shown if name.partition(".")[0] == metric.name and heading(name) in metric.headings.values()]
        if letters:
            named = ", ".join(f"{heading(name)} = {name.partition('.')[2]}" for name in letters)
            lines.append(f"{named}: {metric.meaning} ({metric.heading})")
        elif metric.column and not metric.headings:
            lines.append(explanations(metric.name))
    return lines


def _notes(study: PairedStudy, metrics: Sequence[str], rows: Sequence[Row], references: Mapping[str, Any]) -> list[str]:
    """Returns the notes that explain the columns, in column order."""
    notes = [f"{'; '.join(_legend(metrics))}. All but CCC in percent, on the test parts. {AMBIGUOUS}."]
    speakers = max(row.pooled.speakers for row in rows)
    tested = len(rows) - 1
    notes.append(
        "± is half the width of the 95 % confidence interval over folds, seeds averaged within a fold (corrected resampled "
        f"t, Nadeau & Bengio 2003). Δ is the difference from {study.baseline}, paired by seed and fold; p is two-sided, with "
        f"Holm correction over {tested} variant{'s' * (tested != 1)}."
    )
    notes.append(
        f"Pooled {heading(study.metric)}: all test utterances together; in brackets the 95 % interval over "
        f"{speakers} speaker{'s' * (speakers != 1)} (Student's t, standard error by bootstrap). "
        "It treats the trained models as fixed; verdicts use the folds."
    )
    if references:
        said = "; ".join(f"{name}: {BASELINES[name].sentence}" if name in BASELINES else name for name in references)
        notes.append(
            f"References are averaged over the folds of {study.baseline} and not tested. They learn from the same data as the "
            f"tested model. {said}."
        )
    if skipped := dict(pair for one in study.outcomes for pair in one.record.skipped.items()):
        first = "; ".join(f"{name}: {reason}" for name, reason in itertools.islice(skipped.items(), 3))
        more = f"; and {len(skipped) - 3} more" if len(skipped) > 3 else ""
        notes.append(f"Left out because of their audio: {len(skipped)} utterance{'s' * (len(skipped) != 1)} ({first}{more}).")
    return notes
