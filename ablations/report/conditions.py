"""Report sections for folds that were scored more than once: under conditions, and after each stage.

METRIC of the folds, METRIC@CONDITION of the same folds and models --compare--> mean and interval of each, and their difference
"""

import math
from collections.abc import Mapping, Sequence

from ablations.outcomes import Outcome, metrics_of, whole_metrics
from ablations.report.tables import StudyTable, half_width, long_name, number
from ablations.section import Section
from ablations.statistics.compare import Comparison, Interval, compare
from ser_core.metrics import under

HOW = (
    "Mean over folds ± half its 95 % interval, seeds averaged within a fold; in brackets the difference to the score without a "
    "condition. Nothing here is tested for significance."
)
CONDITIONS = (
    "The same trained models, tested again: no model was trained for a condition, and no epoch was selected by one. "
    "speech_only and text_only hide a channel as masking does in training; text:COLUMN reads another text; all others change the "
    "waveform, with the same random draw per utterance for all variants and seeds.",
    HOW,
)
STAGES = ("The models at the end of each stage except the last, on the tasks trained so far.", HOW)


def conditions_of(outcomes: Sequence[Outcome]) -> list[str]:
    """Returns every condition under which a variant was scored, in order of appearance."""
    return list(dict.fromkeys(entry for one in outcomes for entry in one.record.config.get("conditions", [])))


def conditions_sections(table: StudyTable, outcomes: Sequence[Outcome]) -> list[Section]:
    """Returns up to two sections below the study's table: one for conditions and one for stages."""
    conditions = conditions_of(outcomes)
    places = dict.fromkeys(name.partition("@")[2] for name in metrics_of(outcomes) if "@" in name)
    found = [
        _section("Under missing and degraded channels", conditions, CONDITIONS, table, outcomes),
        _section("After each stage", [place for place in places if place not in conditions], STAGES, table, outcomes),
    ]
    return [section for section in found if section.rows]


def _section(
    title: str, places: Sequence[str], notes: tuple[str, ...], table: StudyTable, outcomes: Sequence[Outcome]
) -> Section:
    """Returns one row per variant and metric (the primary one, CCC, and UAR of helper tasks), and one column per place."""
    measured, rows = metrics_of(outcomes), []
    for metric in whole_metrics(outcomes):
        names = [name for name in (under(metric, place) for place in places) if name in measured]
        if not names or not (metric == table.primary or metric.startswith("ccc.") or metric.endswith(".uar")):
            continue
        found = {name: compare(outcomes, table.baseline, name, table.across) for name in (metric, *names)}
        for variant in found[metric]:
            cells = [_cell(found, variant, under(metric, place), metric) for place in places]
            rows.append((f"{variant}, {long_name(metric)}", half_width(found[metric][variant].score, metric), *cells))
    return Section(title, ("Variant", "whole", *places), tuple(rows), notes, drawing="", caption="")


def _cell(found: Mapping[str, Mapping[str, Comparison]], variant: str, name: str, metric: str) -> str:
    """Returns the score at a place and, in brackets, its difference to the unconditioned score."""
    there = found[name][variant].score if name in found else Interval()
    change = there.value - found[metric][variant].score.value
    return half_width(there, metric) + (f" ({number(change, metric, '+')})" if math.isfinite(change) else "")
