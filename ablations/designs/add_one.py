"""Compares no component with each single component. A factor's first value has the component, its second does not.

ser ablate --design add_one --factor tasks.gender.weight=0.1,0 --factor model.fusion=bridge,concat
"""

from collections.abc import Sequence

from ablations.designs.factor import Design, Designed, Factor
from ablations.designs.leave_one_out import one_changed


def make(factors: Sequence[Factor], resolution: int) -> Designed:
    """Returns no component first, then each component alone, in the order of the factors."""
    return one_changed(factors, "none", 1)


DESIGN = Design("no component, then each alone; a factor is key=WITH,WITHOUT", make, fewest=2, most=2)
