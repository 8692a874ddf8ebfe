"""Report sections for folds that were scored more than once: under conditions, and after each stage.

METRIC of the folds, METRIC@CONDITION of the same folds and models --compare--> mean and interval of each, and their difference
"""

import math
from collections.abc import Mapping, Sequence

from ablations.outcomes import Outcome
from ablations.paired_study import PairedStudy
from ablations.report.cells import half_width, long_name, number
from ablations.section import Section
from ablations.statistics.compare import compare
from ablations.statistics.comparison import Comparison
from ablations.statistics.corrected_t import Interval
from ser_core.metrics import under

HOW = (
    "Mean over folds ± half its 95 % interval, seeds averaged within a fold; in brackets the difference from the score without "
    "a condition. Nothing here is tested for significance."
)
CONDITIONS = (
    "The same trained models, tested again: no model was trained for a condition, and no epoch was selected by one. "
    "NAME_only and without_NAME hide channels as masking does in training; text:COLUMN reads another text; all others change the "
    "waveform, with the same random draw per utterance for all variants and seeds.",
    HOW,
)
STAGES = ("The models at the end of each stage except the last, on the tasks trained so far.", HOW)


def conditions_of(outcomes: Sequence[Outcome]) -> list[str]:
    """Returns every condition under which a variant was scored, in order of appearance."""
    return list(dict.fromkeys(entry for one in outcomes for entry in one.record.config.get("conditions", [])))


def conditions_sections(study: PairedStudy) -> list[Section]:
    """Returns up to two sections below the study's table: one for conditions and one for stages."""
    conditions = conditions_of(study.outcomes)
    places = dict.fromkeys(name.partition("@")[2] for name in study.metrics if "@" in name)
    found = [
        _section("With missing or degraded channels", conditions, CONDITIONS, study),
        _section("After each stage", [place for place in places if place not in conditions], STAGES, study),
    ]
    return [section for section in found if section.rows]


def _section(title: str, places: Sequence[str], notes: tuple[str, ...], study: PairedStudy) -> Section:
    """Returns one row per variant and metric (that of the verdicts, CCC, UAR of helper tasks), and one column per place."""
    rows = []
    for metric in study.unconditional_metrics:
        names = [name for name in (under(metric, place) for place in places) if name in study.metrics]
        if not names or not (metric == study.metric or metric.startswith("ccc.") or metric.endswith(".uar")):
            continue
        found = {name: compare(study.on(name)) for name in (metric, *names)}
        for variant in found[metric]:
            cells = [_cell(found, variant, under(metric, place), metric) for place in places]
            rows.append((f"{variant}, {long_name(metric)}", half_width(found[metric][variant].score, metric), *cells))
    return Section(title, ("Variant", "whole", *places), tuple(rows), notes, drawing="", caption="")


def _cell(found: Mapping[str, Mapping[str, Comparison]], variant: str, name: str, metric: str) -> str:
    """Returns the score at a place and, in brackets, its difference to the unconditioned score."""
    there = found[name][variant].score if name in found else Interval()
    change = there.value - found[metric][variant].score.value
    return half_width(there, metric) + (f" ({number(change, metric, '+')})" if math.isfinite(change) else "")
