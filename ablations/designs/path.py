"""From the default to the best, one override after the other, in the order given: each variant keeps what came before.

    ser ablate --design path --factor model.fusion=bridge --factor model.fusion.tokens=4 --factor optim.batch=16
After Fawcett & Hoos 2016 (Journal of Heuristics 22), who take at each step the override that helps most; here the order is the
user's, so that no step waits for the one before and no test score decides the next.
"""

from collections.abc import Sequence

from ablations.designs.factor import Design, Designed, Factor, short
from ablations.variant import Variant


def make(factors: Sequence[Factor], resolution: int) -> Designed:
    """The configuration as it stands, then one more override at each step."""
    keys = [factor.key for factor in factors]
    variants, levels = [Variant("default")], [(-1,) * len(factors)]
    for step, factor in enumerate(factors, start=1):
        name = f"+ {short(factor.key, keys)}={factor.values[0]}"
        variants.append(Variant(name, tuple(each.override(0) for each in factors[:step])))
        levels.append((0,) * step + (-1,) * (len(factors) - step))
    return Designed(tuple(variants), tuple(levels), ("Each variant adds one override to the variant above it.",))


DESIGN = Design("from the configuration as it stands, one override more at each step, in the order given", make, fewest=1, most=1)
