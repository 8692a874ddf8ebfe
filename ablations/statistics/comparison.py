"""The result of comparing one variant with the baseline on one metric, and its verdict in one word."""

import dataclasses

from ablations.statistics.bounds import findable
from ablations.statistics.corrected_t import NAN, Interval
from ablations.statistics.power import Noise

DIFFERENT, EQUIVALENT, UNDECIDED, NO_TEST = "different", "equivalent", "undecided", "no test"
"""The verdicts in one word."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One variant against the baseline on one metric. Scores and differences are fractions, or raw values for CCC, PCC, MAE."""

    variant: str
    metric: str
    score: Interval
    difference: Interval
    """Variant minus baseline over the pairs that both have; NaN for the baseline itself."""
    p: float
    p_holm: float
    """p after Holm over all variants and metrics of the verdicts."""
    p_equivalent: float
    """p of equivalence within the study's margin, after the same correction."""
    noise: Noise
    """What differences vary by, for the difference that the study finds and for the folds and seeds that another takes."""
    pairs: int
    """Number of (seed, fold) pairs in the difference (for the baseline: in the score)."""
    folds: int
    seeds: int
    speakers: int = 0
    """Number of test speakers, if the test is over speakers because there is a single fold; else 0."""
    error: float = NAN
    """Corrected standard error of the difference; NaN without a test, 0 if all differences are 0."""
    asked: int = 0
    """Number of (seed, fold) pairs in the study."""
    margin: float = NAN
    """Smallest difference that matters."""
    verdict: str = "baseline"
    """Verdict in one sentence."""

    @property
    def detectable(self) -> Interval:
        """Smallest true difference that this study finds with probability POWER after Holm, with its range.

        NaN if it finds none that the metric can have.
        """
        return findable(self.noise.detectable(), self.metric)

    @property
    def word(self) -> str:
        """The verdict in one word: different, equivalent, undecided, or no test."""
        if self.p_holm < self.noise.level:
            return DIFFERENT
        if self.p_equivalent < self.noise.level:
            return EQUIVALENT
        return UNDECIDED if self.p == self.p else NO_TEST
