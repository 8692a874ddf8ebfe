"""Sizes and probabilities in words, as verdicts and notes print them."""

import math

from ablations.statistics.corrected_t import Interval
from ser_core.metrics import find_metric


def amount(size: float, metric: str) -> str:
    """Formats a size in the unit of its metric: points (hundredths) for metrics in percent, otherwise three decimals.

    >>> amount(.0412, "uar"), amount(.01, "uar"), amount(.0412, "ccc.valence")
    ('4.1 points', '1.0 points', '.041')
    """
    return f"{bare(size, metric)} points" if find_metric(metric).percent else bare(size, metric)


def bare(size: float, metric: str) -> str:
    """Formats a size in the unit of its metric, without the unit."""
    if find_metric(metric).percent:
        return f"{round(100 * size, 9):z.1f}"
    return f"{round(size, 9):z.3f}".replace("0.", ".", 1) if abs(size) < 1 else f"{size:.3f}"


def with_range(one: Interval, metric: str) -> str:
    """Formats a size with its range.

    >>> with_range(Interval(.041, .025, .12), "uar"), with_range(Interval(.041, .025, .12), "ccc.valence")
    ('4.1 points (2.5 to 12.0)', '.041 (.025 to .120)')
    """
    return f"{amount(one.value, metric)} ({bare(one.low, metric)} to {bare(one.high, metric)})"


TOO_FEW = "too few to find any difference"
"""What stands for a detectable difference that is beyond the scale of its metric."""


def count_range(one: Interval, most: int) -> str:
    """Formats a number with its range; a number that is infinite is above `most`.

    >>> count_range(Interval(60, 19, math.inf), 200), count_range(Interval(12, 12, 12), 200)
    ('60 (19 to >200)', '12')
    """
    value, low, high = (f">{most}" if math.isinf(end) else f"{end:.0f}" for end in (one.value, one.low, one.high))
    return value if value == low == high else f"{value} ({low} to {high})"


def counted(number: int, name: str) -> str:
    """Formats a number of things.

    >>> counted(1, "seed"), counted(10, "fold")
    ('1 seed', '10 folds')
    """
    return f"{number} {name}{'s' * (number != 1)}"


def probability(p: float) -> str:
    """Formats a p value.

    >>> probability(.0312), probability(.00002)
    ('= .031', '< .001')
    """
    if p < 0.001:
        return "< .001"
    return "= " + (f"{p:.3f}".removeprefix("0") if p < 0.9995 else "1")
