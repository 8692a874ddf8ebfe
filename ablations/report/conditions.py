"""What a study adds to its report where folds were scored more than once: under conditions, and after each stage.

METRIC of the folds, METRIC@CONDITION of the same folds and models --compare--> mean and interval of each, their distance
"""

import math
from collections.abc import Mapping, Sequence

from ablations.outcomes import Outcome, metrics_of, whole_metrics
from ablations.report.tables import StudyTable, half_width, long_name, number
from ablations.section import Section
from ablations.statistics.compare import Comparison, Interval, compare
from ser_core.evaluation.metrics import under

HOW = (
    "Mean over folds ± half its 95 % interval, seeds averaged within a fold; in brackets how far that is from the whole. "
    "Nothing here is tested for significance."
)
CONDITIONS = (
    "The same trained models, tested again: nothing was trained anew for a condition, and no epoch was chosen by one. "
    "speech_only and text_only hide a channel as masking does in training; text:COLUMN reads another text; all others change the "
    "waveform, with one draw per utterance for all variants and seeds.",
    HOW,
)
STAGES = ("The models as each stage but the last left them, on the tasks trained by then.", HOW)


def conditions_of(outcomes: Sequence[Outcome]) -> list[str]:
    """Every condition that some variant was scored under, in order of appearance."""
    return list(dict.fromkeys(entry for one in outcomes for entry in one.record.config.get("conditions", [])))


def conditions_sections(table: StudyTable, outcomes: Sequence[Outcome]) -> list[Section]:
    """The sections below the study's table: one for conditions, one for stages, as far as there are any."""
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
    """A row per variant and metric (the primary one, CCC and UAR of helper tasks), a column per place."""
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
    """Score at a place and, in brackets, by how much it differs from the whole."""
    there = found[name][variant].score if name in found else Interval()
    change = there.value - found[metric][variant].score.value
    return half_width(there, metric) + (f" ({number(change, metric, '+')})" if math.isfinite(change) else "")
