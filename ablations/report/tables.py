"""Builds the table of a study: scores with intervals, differences with verdicts, and the protocol behind them.

`study_table` computes everything once, and its `cells` are formatted: points (hundredths) with two decimals for UAR, WA and
macro-F1, three decimals for CCC. render.py writes the cells as rich, Markdown and LaTeX, and the raw fractions as CSV.
details.py has the metrics without a column here.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ablations.outcomes import Outcome
from ablations.paired_study import PairedStudy
from ablations.report.cells import ABSENT, ends, half_width, heading, number
from ablations.report.notes import table_notes
from ablations.statistics.compare import compare, compare_all
from ablations.statistics.comparison import Comparison
from ablations.statistics.corrected_t import Interval
from ablations.statistics.pooled_scores import Pooled, pooled_scores
from ablations.statistics.words import counted, probability
from ser_core.evaluation.baselines import BASELINES
from ser_core.metrics import find_metric, is_column

OPTIONAL_FACTS = {
    "content": "content",
    "classes": "classes",
    "merged": "merged",
    "tested model": "tested_model",
    "metrics": "metrics",
    "flags": "flags",
}
"""Protocol facts by their entry in the protocol card; left out if no card has anything under it."""


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
    comparisons: Mapping[str, Mapping[str, Comparison]]
    """Comparisons by metric of the verdicts, then by variant."""
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

    def reconstructions(self, variant: str) -> str:
        """Returns the notes on what is reconstructed in a variant: those of its system, and those of the study; "" if none."""
        named = [each.partition("=")[2] for each in self.overrides.get(variant, ()) if each.startswith("system=")]
        heads = ("Reconstruction:", *(f"Reconstruction in {name} " for name in named))
        return " ".join(note for note in self.notes if note.startswith(heads))

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

    `notes` follow the table's own; `redraws` and `seed` configure the bootstrap. Raises ComparisonError as `compare_all`
    and `pooled_scores` do.
    """
    shown, comparisons = _shown(study), compare_all(study)
    verdicts = comparisons[study.metric]
    scores = {metric: compare(study.on(metric)) for metric in shown}
    together = _pooled(study, redraws, seed)
    found = {name: {metric: scores[metric][name].score for metric in shown} for name in verdicts}
    rows = [Row(name, found[name], comparison, together[name]) for name, comparison in verdicts.items()]
    references = mean_references(study, shown)
    return StudyTable(
        study=study,
        title=title,
        question=question,
        metrics=tuple(shown),
        rows=tuple(rows),
        comparisons=comparisons,
        references=references,
        protocol=protocol_facts(study.outcomes),
        notes=(*table_notes(study, shown, max(one.speakers for one in together.values()), references), *notes),
        command=command,
        overrides={name: tuple(changes) for name, changes in (overrides or {}).items()},
    )


def _pooled(study: PairedStudy, redraws: int, seed: int) -> dict[str, Pooled]:
    """Returns the pooled scores; NaN for a metric that cannot be pooled from sums per speaker, such as MAE."""
    if not find_metric(study.metric).vectorised:
        return {name: Pooled(Interval(), Interval(), 0) for name in study.pairs}
    return pooled_scores(study, redraws=redraws, seed=seed)


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
        "size": f"{part} fold{'s' * (planned != 1)} x {counted(len(seeds), 'seed')}",
        "text": fact([one.card.get("text_source", "") for one in records]),
        "audio": fact([one.config.get("audio", "") for one in records]),
    }
    for name, entry in OPTIONAL_FACTS.items():
        if any((one.card.get(entry) or "none") != "none" for one in records):
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
