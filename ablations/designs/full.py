"""Every combination of the factors' values. With one factor, each of its values.

ser ablate --factor model.fusion=concat,bridge --factor optim.batch=16,32
"""

import itertools
from collections.abc import Sequence

from ablations.designs.factor import Design, Designed, Factor, combined_variant


def make(factors: Sequence[Factor], resolution: int) -> Designed:
    """Returns all combinations; the first factor varies slowest. The first variant has every factor's first value."""
    levels = tuple(itertools.product(*(range(len(factor.values)) for factor in factors)))
    return Designed(tuple(combined_variant(factors, each) for each in levels), levels, ())


DESIGN = Design("every combination of the factors' values", make, fewest=2, crossed=True)
