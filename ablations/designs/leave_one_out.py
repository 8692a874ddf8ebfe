"""Compares all components with all but one. A factor's first value has the component, its second does not.

ser ablate --design leave_one_out --factor tasks.gender.weight=0.1,0 --factor model.fusion=bridge,concat
"""

from collections.abc import Sequence

from ablations.designs.factor import Design, Designed, Factor, name_of
from ablations.variant import Variant


def make(factors: Sequence[Factor], resolution: int) -> Designed:
    """Returns all components first, then all but one, in the order of the factors."""
    return one_changed(factors, "all", 0)


def one_changed(factors: Sequence[Factor], baseline: str, level: int) -> Designed:
    """Returns every factor at `level` first, then one factor at a time at its other level."""
    levels = [(level,) * len(factors)]
    levels += [tuple(level if other != place else 1 - level for other in range(len(factors))) for place in range(len(factors))]
    variants = []
    for each in levels:
        overrides = tuple(factor.override(at) for factor, at in zip(factors, each, strict=True))
        changed = [at if at != level else -1 for at in each]
        variants.append(Variant(name_of(factors, changed) or baseline, overrides))
    return Designed(tuple(variants), tuple(levels), ())


DESIGN = Design("all components, then all but one; a factor is key=WITH,WITHOUT", make, fewest=2, most=2)
