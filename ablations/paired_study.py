"""A study whose outcomes are paired by seed and fold, with the metric of its verdicts: what every statistic reads.

records --outcomes--> pair --> PairedStudy --compare, pooled_scores, ...--> study_table --> Markdown, CSV, LaTeX, HTML
"""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from ablations.outcomes import Outcome

LEVEL = 0.05
"""Error rate of the two-sided tests; intervals cover 1 - LEVEL."""
MARGIN = 0.02
"""Default of the smallest difference that matters: 2 points of metrics in percent, .02 of CCC."""
Pairs = dict[tuple[int, int], Outcome]
"""Outcomes of one variant by (seed, fold)."""


@dataclasses.dataclass(frozen=True, eq=False)
class PairedStudy:
    """The outcomes of a study by variant, seed and fold. Build it with `pair`, which checks that they can be compared."""

    pairs: Mapping[str, Pairs]
    """Outcomes of each variant, sorted by (seed, fold). All variants have the same seeds and folds."""
    baseline: str
    """Variant that the others are compared with."""
    metric: str
    """First metric of the verdicts. A study may be paired on a metric that it lacks; `compare` then raises."""
    across: tuple[str, ...]
    """Entries of the protocol card in which the variants differ on purpose."""
    metrics: tuple[str, ...]
    """Every metric that any fold has, in display order."""
    test_to_train: float
    """Ratio of the test utterances to those that the tested model was trained on, mean over all folds."""
    further_metrics: tuple[str, ...] = ()
    """Metrics that have verdicts besides the first one. Holm counts all variants on all these metrics."""
    level: float = LEVEL
    """Error rate of the verdicts; smaller when the study's table was looked at before (cluster/looks/study_looks.py)."""
    least_tests: int = 0
    """Tests that Holm counts at least; above those of the table when the variants were judged on other metrics before."""
    margin: float = MARGIN
    """Smallest difference that matters, as a fraction or raw CCC. Smaller ones count as equivalent."""

    @property
    def verdict_metrics(self) -> tuple[str, ...]:
        """The metrics that have verdicts."""
        return (self.metric, *self.further_metrics)

    @property
    def outcomes(self) -> list[Outcome]:
        """All outcomes, sorted by variant, seed and fold."""
        return [one for pairs in self.pairs.values() for one in pairs.values()]

    @property
    def unconditional_metrics(self) -> list[str]:
        """The metrics without those under a condition or after a stage (METRIC@CONDITION, METRIC@STAGE)."""
        return [name for name in self.metrics if "@" not in name]

    @property
    def single_split(self) -> bool:
        """Whether there is a single fold, such as the official test part of a corpus."""
        return len({fold for pairs in self.pairs.values() for _, fold in pairs}) == 1

    def on(self, metric: str) -> "PairedStudy":
        """Returns the same study on one other metric alone. Both share their pairs."""
        return dataclasses.replace(self, metric=metric, further_metrics=(), least_tests=0)

    def scores(self) -> dict[str, np.ndarray]:
        """Returns each variant's test scores on the metric [seeds folds]; NaN if a fold has none."""
        return {name: _scores(pairs, self.metric) for name, pairs in self.pairs.items()}


def _scores(pairs: Pairs, metric: str) -> np.ndarray:
    seeds = len({seed for seed, _ in pairs})
    return np.array([one.test.metrics.get(metric, math.nan) for one in pairs.values()], float).reshape(seeds, -1)
