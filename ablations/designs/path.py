"""Goes from the default to the best one override at a time, in your order. Each variant keeps the earlier overrides.

    ser ablate --design path --factor model.fusion=bridge --factor model.fusion.tokens=4 --factor optim.batch=16
Based on Fawcett & Hoos 2016 (Journal of Heuristics 22), who take the override that helps most at each step. Here you set the
order, so no step waits for the previous one and no test score decides the next.
"""

from collections.abc import Sequence

from ablations.designs.factor import Design, Designed, Factor, short
from ablations.variant import Variant


def make(factors: Sequence[Factor], resolution: int) -> Designed:
    """Returns the unchanged configuration, then one more override at each step."""
    keys = [factor.key for factor in factors]
    variants, levels = [Variant("default")], [(-1,) * len(factors)]
    for step, factor in enumerate(factors, start=1):
        name = f"+ {short(factor.key, keys)}={factor.values[0]}"
        variants.append(Variant(name, tuple(each.override(0) for each in factors[:step])))
        levels.append((0,) * step + (-1,) * (len(factors) - step))
    return Designed(tuple(variants), tuple(levels), ("Each variant adds one override to the variant above it.",))


DESIGN = Design("from the configuration as it stands, one override more at each step, in the order given", make, fewest=1, most=1)
