"""A fraction of all combinations of two-valued factors, chosen to keep the important effects separable.

    ser ablate --design fractional --resolution 4 --factor ... --factor ...
The design takes all combinations of m base factors; each further factor follows a product of them (its generator). The resolution
is the length of the shortest constant product of factors: III confounds main effects with two-factor interactions, IV confounds
two-factor interactions with each other, V neither (Box & Hunter 1961, Technometrics 3). m is the smallest that allows it.
"""

import functools
import itertools
from collections.abc import Iterator, Sequence

from ablations.designs.factor import Design, Designed, Factor, combined_variant
from ser_core.errors import SettingError

MOST_FACTORS = 10
"""With more factors, the search for generators takes too long, and a study has too many variants."""
ROMAN = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")


def make(factors: Sequence[Factor], resolution: int) -> Designed:
    """Returns the fraction that contains the baseline. Raises SettingError if no fraction has the resolution."""
    count = len(factors)
    if not 3 <= count <= MOST_FACTORS:
        raise SettingError(f"a fractional design takes 3 to {MOST_FACTORS} factors, got {count}; use --design full")
    if resolution < 3:
        raise SettingError(
            f"--resolution must be at least 3, got {resolution}; below 3, main effects are confounded with each other"
        )
    generators = find_generators(count, resolution)
    if generators is None:
        raise SettingError(
            f"no fraction of {count} factors has resolution {ROMAN[min(resolution, 10)]}; use --design full or a lower one"
        )
    base, levels = count - len(generators), []
    for chosen in itertools.product((0, 1), repeat=base):
        levels.append((*chosen, *(sum(chosen[place] for place in generator) % 2 for generator in generators)))
    reached = resolution_of(base, generators)
    letters = [factor.key for factor in factors]
    follows = "; ".join(
        f"{letters[base + place]} follows {' x '.join(letters[each] for each in generator)}"
        for place, generator in enumerate(generators)
    )
    note = f"Fractional design of resolution {ROMAN[reached]}: {len(levels)} of {2**count} combinations ({follows})."
    return Designed(tuple(combined_variant(factors, each) for each in levels), tuple(levels), (note,))


@functools.cache
def find_generators(count: int, resolution: int) -> tuple[tuple[int, ...], ...] | None:
    """Returns, for each factor beyond the base, the base factors it follows; None if only the full design has the resolution."""
    for base in range(2, count):
        words = [word for size in range(resolution - 1, base + 1) for word in itertools.combinations(range(base), size)]
        for generators in itertools.combinations(words, count - base):
            if resolution_of(base, generators) >= resolution:
                return generators
    return None


def resolution_of(base: int, generators: Sequence[tuple[int, ...]]) -> int:
    """Returns the length of the shortest constant product of factors."""
    return min(len(word) for word in constant_products(base, generators))


def constant_products(base: int, generators: Sequence[tuple[int, ...]]) -> Iterator[frozenset[int]]:
    """Yields the defining relation: every constant product of factors, as their indices."""
    words = [frozenset((*generator, base + place)) for place, generator in enumerate(generators)]
    for size in range(1, len(words) + 1):
        for chosen in itertools.combinations(words, size):
            yield functools.reduce(lambda one, other: one ^ other, chosen)


DESIGN = Design("a fraction of all combinations of two values each", make, fewest=2, most=2, crossed=True)
