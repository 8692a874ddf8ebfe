"""The verdict on one variant in one sentence: different, equivalent or undecided, and what the study could find.

different   Holm p of the difference below the level    equivalent   Holm p of two one-sided tests below it    undecided   neither
"""

import math

from ablations.statistics.comparison import DIFFERENT, EQUIVALENT, Comparison
from ablations.statistics.corrected_t import Interval
from ablations.statistics.power import POWER
from ablations.statistics.speakers import FEWEST_SPEAKERS
from ablations.statistics.words import TOO_FEW, amount, counted, probability, with_range
from ser_core.metrics import less_is_better

FEW_DEGREES = 4
"""Below this many degrees of freedom, seeds dominate the error of a test over speakers."""


def sentence(found: Comparison) -> str:
    """Returns the verdict in one sentence, without the name of the variant."""
    if not found.pairs:
        return f"no test: no fold has {found.metric} in both the variant and the baseline"
    if found.difference == Interval(0.0, 0.0, 0.0):
        return f"equivalent: the same score in every fold{_left_out(found)}"
    if found.p != found.p:
        return _untested(found) + _left_out(found)
    if found.word == DIFFERENT:
        small = f", yet by less than {amount(found.margin, found.metric)}" if found.p_equivalent < found.noise.level else ""
        return f"different: {_gap(found)}{small} (Holm p {probability(found.p_holm)}){_about(found)}{_left_out(found)}"
    if found.word == EQUIVALENT:
        within = f"a true difference above {amount(found.margin, found.metric)} is ruled out"
        return f"equivalent: {_gap(found)}; {within} (Holm p {probability(found.p_equivalent)}){_about(found)}{_left_out(found)}"
    once = f" (p {probability(found.p)} before Holm, {probability(found.p_holm)} after)" if found.p < found.noise.level else ""
    finds = f"{size(found)} {finds_what(found)}"
    return f"undecided: {_gap(found)}{once}{_about(found)}; {finds}{_left_out(found)}"


def size(found: Comparison) -> str:
    """Returns the size of the comparison in words, such as 10 folds x 2 seeds."""
    units = counted(found.speakers, "test speaker") if found.speakers else counted(found.folds, "fold")
    return f"{units} x {counted(found.seeds, 'seed')}"


def finds_what(found: Comparison) -> str:
    """Returns what a study of this size finds, with its range. Differences beyond the scale of the metric do not exist."""
    often = f"{100 * POWER:.0f} times in 100"
    if math.isnan(found.detectable.value):
        return f"are {TOO_FEW} {often}"
    return f"find a true difference of {with_range(found.detectable, found.metric)} {often}"


def _gap(found: Comparison) -> str:
    better = (found.difference.value > 0) != less_is_better(found.metric)
    return f"{'better' if better else 'worse'} by {amount(abs(found.difference.value), found.metric)}"


def _about(found: Comparison) -> str:
    """Returns what a test over speakers leaves open with few seeds."""
    if not found.speakers:
        return ""
    if found.seeds < 2:
        return "; one seed does not show what another training run would change"
    few = found.noise.freedom < FEW_DEGREES
    return "; the seeds disagree, and so few hardly show by how much: train more seeds" if few else ""


def _untested(found: Comparison) -> str:
    """Returns why there is no test."""
    gap = _gap(found)
    if found.folds >= 2:
        return f"no test: {gap} in every fold, so the spread is unknown"
    if 0 < found.speakers < FEWEST_SPEAKERS:
        few = counted(found.speakers, "test speaker")
        return f"no test: {gap} on a single test part with {few}; a test over speakers needs {FEWEST_SPEAKERS}"
    return f"no test: {gap} in a single fold, and there are no scores per speaker to test"


def _left_out(found: Comparison) -> str:
    missing = found.asked - found.pairs
    return f" ({missing} of {found.asked} pairs have no {found.metric} and are left out)" if missing else ""
