"""Names of metrics and formats of scores, as every table prints them."""

import math
import re

from ablations.statistics.bounds import bounded
from ablations.statistics.corrected_t import Interval
from ser_core.metrics import METRICS, find_metric

ABSENT = "—"
"""Cell without a value: the task is off, or the row is not tested."""
DIGITS = 9
"""Digits to which a score is rounded before it is formatted, so that sums in another order print the same."""


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

    Values that differ by rounding alone look the same, and zero has no minus.

    >>> number(.67416, "uar"), number(-.0412, "ccc.valence"), number(.031, "uar", "+"), number(-.0004, "ccc.valence")
    ('67.42', '-.041', '+3.10', '.000')
    """
    if not math.isfinite(value):
        return ABSENT
    if find_metric(metric).percent:
        return format(round(100 * value, DIGITS), f"{sign}z.2f")
    return re.sub(r"^([+-]?)0\.", r"\1.", format(round(value, DIGITS), f"{sign}z.3f"))


def half_width(one: Interval, metric: str, sign: str = "") -> str:
    """Formats an interval of a score, or with a sign of a difference: symmetric, or by its ends where the scale cuts it.

    >>> half_width(Interval(.67, .65, .69), "uar"), half_width(Interval(.06, -1.9, 2.02), "uar", "+")
    ('67.00 ± 2.00', '+6.00 [-100.00, +100.00]')
    """
    cut = bounded(one, metric, difference=bool(sign))
    if abs((cut.high - cut.value) - (cut.value - cut.low)) > 1e-9:
        return ends(cut, metric, sign)
    spread = f" ± {number((one.high - one.low) / 2, metric)}" if math.isfinite(one.low) else ""
    return number(one.value, metric, sign) + spread


def ends(one: Interval, metric: str, sign: str = "") -> str:
    """Formats an interval by its ends, such as 67.42 [65.10, 69.01]."""
    limits = f" [{number(one.low, metric, sign)}, {number(one.high, metric, sign)}]" if math.isfinite(one.low) else ""
    return number(one.value, metric, sign) + limits
