"""What a metric can be: every printed, drawn and written interval ends there, and no study finds more than its whole scale.

interval of a score, or of a difference --bounded--> cut at the ends of the scale
detectable difference --findable--> cut the same way; undefined when only a difference beyond the scale would be found
"""

import math

from ablations.statistics.corrected_t import Interval
from ser_core.metrics import GAP, find_metric


def bounds_of(metric: str, difference: bool = False) -> tuple[float, float]:
    """Returns the smallest and largest possible score, or difference of two scores.

    >>> bounds_of("ccc.valence"), bounds_of("uar", difference=True), bounds_of("ccc.valence.gap")
    ((-1.0, 1.0), (-1.0, 1.0), (0.0, 2.0))
    """
    found = find_metric(metric)
    low, high = found.bounds if found.reads else (-math.inf, math.inf)  # an unknown metric may be anything
    if metric.partition("@")[0].endswith(f".{GAP}"):
        low, high = 0.0, high - low
    return (low - high, high - low) if difference else (low, high)


def bounded(one: Interval, metric: str, difference: bool = False) -> Interval:
    """Cuts both ends of an interval at what the score, or the difference of two scores, can be. NaN stays NaN.

    >>> bounded(Interval(.96, .91, 1.01), "uar"), bounded(Interval(.06, -1.9, 2.0), "uar", difference=True)
    (Interval(value=0.96, low=0.91, high=1.0), Interval(value=0.06, low=-1.0, high=1.0))
    """
    low, high = bounds_of(metric, difference)
    if math.isnan(one.low):
        return one
    return Interval(one.value, max(low, one.low), min(high, one.high))


def findable(one: Interval, metric: str) -> Interval:
    """Cuts a detectable difference at the scale of its metric; NaN if it is the whole scale, since there is no such difference.

    >>> findable(Interval(.6, .3, 1.5), "uar"), findable(Interval(6.0, 1.1, 80.0), "uar")
    (Interval(value=0.6, low=0.3, high=1.0), Interval(value=nan, low=nan, high=nan))
    """
    most = bounds_of(metric, difference=True)[1]
    return Interval() if one.value >= most else bounded(one, metric, difference=True)
