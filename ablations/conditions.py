"""What a study adds to its report where folds were scored under conditions: how far each variant falls there.

METRIC of the folds, METRIC@CONDITION of the same folds and models --compare--> mean and interval of each, their distance
"""

import math
from collections.abc import Mapping, Sequence

from ablations.compare import Comparison, Interval, compare
from ablations.outcomes import Outcome, metrics_of
from ablations.section import Section
from ablations.tables import StudyTable, half_width, number, spelled_out
from ser_core.metrics import under

NOTES = (
    "The same trained models, tested again: nothing was trained anew for a condition, and no epoch was chosen by one. "
    "Mean over folds ± half its 95 % interval, seeds averaged within a fold; in brackets how far that is from the whole.",
    "speech_only and text_only hide a channel as masking does in training; text:COLUMN reads another text; all others change the "
    "waveform, with one draw per utterance for all variants and seeds. Nothing here is tested for significance.",
)


def conditions_of(outcomes: Sequence[Outcome]) -> list[str]:
    """Every condition that some variant was scored under, in order of appearance."""
    return list(dict.fromkeys(entry for one in outcomes for entry in one.record.config.get("conditions", [])))


def conditions_section(table: StudyTable, outcomes: Sequence[Outcome]) -> list[Section]:
    """The section below the study's table: a row per variant and metric (the primary one and CCC); [] without conditions."""
    entries, measured = conditions_of(outcomes), metrics_of(outcomes)
    if not entries:
        return []
    shown = [metric for metric in table.metrics if metric == table.primary or metric.startswith("ccc.")]
    rows = []
    for metric in shown:
        names = [metric, *(under(metric, entry) for entry in entries)]
        found = {name: compare(outcomes, table.baseline, name, table.across) for name in names if name in measured}
        for variant in found[metric]:
            cells = [_cell(found, variant, name, metric) for name in names[1:]]
            whole = half_width(found[metric][variant].score, metric)
            rows.append((f"{variant}, {spelled_out(metric)}", whole, *cells))
    return [
        Section(
            title="Under missing and degraded channels",
            columns=("Variant", "whole", *entries),
            rows=tuple(rows),
            notes=NOTES,
            drawing="",
            caption="",
        )
    ]


def _cell(found: Mapping[str, Mapping[str, Comparison]], variant: str, name: str, metric: str) -> str:
    """Score under a condition and, in brackets, by how much it differs from the whole."""
    there = found[name][variant].score if name in found else Interval()
    change = there.value - found[metric][variant].score.value
    return half_width(there, metric) + (f" ({number(change, metric, '+')})" if math.isfinite(change) else "")
