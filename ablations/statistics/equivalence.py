"""Is a difference too small to matter? Two one-sided tests against a margin (TOST).

H0: mean <= -margin  or  mean >= margin    both rejected -> equivalent    p = the larger of the two one-sided p
Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15:657; Lakens 2017, Social Psychological and Personality
Science 8:355. The error is that of the test of the difference, so it counts folds (or test speakers) and is corrected for shared
training data. At a level of 5 % it decides as the 90 % interval does: equivalent if the whole interval lies within the margin.
"""

import math

from ablations.statistics.corrected_t import NAN, RESOLUTION, CorrectedT


def tost(test: CorrectedT, margin: float) -> float:
    """Returns the p of equivalence within `margin` (> 0) either way; 0 if all values are 0, NaN without a test.

    >>> from ablations.statistics.corrected_t import corrected_t
    >>> round(tost(corrected_t([.003, .005, -.001, .004, .002], .25), margin=.02), 4)
    0.0002
    """
    from scipy.special import stdtr

    if math.isnan(test.error):
        return NAN
    if test.error < RESOLUTION:
        return 0.0
    return float(stdtr(test.freedom, (abs(test.mean.value) - margin) / test.error))
