"""The table of designs, which combine factors into variants. To add one, write its file and add it here."""

import dataclasses

from ablations.designs import add_one, fractional, full, leave_one_out, path
from ablations.designs.factor import Design, Designed, parse_factor
from ser_core.errors import SettingError, nearest

DESIGNS: dict[str, Design] = {
    "full": full.DESIGN,
    "fractional": fractional.DESIGN,
    "leave_one_out": leave_one_out.DESIGN,
    "add_one": add_one.DESIGN,
    "path": path.DESIGN,
}
MOST_VARIANTS = 128
"""A study with more variants should be a search."""


@dataclasses.dataclass(frozen=True)
class Factorial:
    """Factors as typed and the design that combines them. Checked on creation."""

    factors: tuple[str, ...]
    """Factors, each as key=value,value."""
    design: str = "full"
    """Name of a design in DESIGNS."""
    resolution: int = 5
    """Minimum resolution of a fractional design, at least 3."""

    def __post_init__(self) -> None:
        if self.design not in DESIGNS:
            found = nearest(self.design, DESIGNS)
            raise SettingError(f"--design {self.design}: no such design{found}; choose from {', '.join(DESIGNS)}")
        keys = [parse_factor(text).key for text in self.factors]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise SettingError(f"{twice[0]} is two factors; give all its values in one")
        if not keys:
            raise SettingError(f"--design {self.design} needs factors: --factor key=value,value")

    def designed(self) -> Designed:
        """Returns the variants. Raises SettingError if a factor has too few or too many values for the design."""
        design, factors = DESIGNS[self.design], [parse_factor(text) for text in self.factors]
        for text, factor in zip(self.factors, factors, strict=True):
            count = len(factor.values)
            if count < design.fewest or 0 < design.most < count:
                wanted = f"{design.fewest}" if design.fewest == design.most else f"at least {design.fewest}"
                raise SettingError(
                    f"--factor {text} has {count} value{'s' * (count != 1)}, --design {self.design} takes {wanted}"
                )
        made = design.make(factors, self.resolution)
        if len(made.variants) > MOST_VARIANTS:
            raise SettingError(
                f"{len(made.variants)} variants are more than {MOST_VARIANTS}; use --design fractional or ser search"
            )
        return made

    @property
    def words(self) -> list[str]:
        """Command-line options that select these factors and this design."""
        words = [word for factor in self.factors for word in ("--factor", factor)]
        words += ["--design", self.design] if self.design != "full" else []
        return words + (["--resolution", str(self.resolution)] if self.design == "fractional" else [])
