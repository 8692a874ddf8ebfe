"""Turns command-line arguments into a study: either a predefined study by name, or factors and a design.

"fusion"                                      -> STUDIES["fusion"]
--factor model.fusion=concat,bridge --factor ...  -> Study("factors", "What do model.fusion and ... change?")
"""

from collections.abc import Sequence

from ablations.designs import DESIGNS, Factorial
from ablations.designs.factor import parse_factor
from ablations.studies import STUDIES
from ablations.study import Study
from ser_core.errors import SettingError, nearest


def study_from_words(
    name: str, overrides: Sequence[str], factors: Sequence[str], design: str = "full", resolution: int = 5
) -> tuple[Study, list[str]]:
    """Returns the study and the remaining overrides. With factors, a first word that contains = is an override, not a name.

    Raises SettingError for an unknown study, for a study combined with factors, and for factors that do not fit the design.
    """
    if factors or design != "full":
        if name and "=" not in name:
            raise SettingError(f"{name} is a study with its own variants; leave it out, or leave out --factor and --design")
        return factorial_study(Factorial(tuple(factors), design, resolution)), [*([name] if name else []), *overrides]
    if name not in STUDIES:
        problem = f"no study {name!r}{nearest(name, STUDIES)}" if name else "no study given"
        raise SettingError(f"{problem}; choose from {', '.join(STUDIES)}, or give --factor key=value,value")
    return STUDIES[name], list(overrides)


def factorial_study(factorial: Factorial) -> Study:
    """Returns the study of a factorial design."""
    made = factorial.designed()
    keys = [parse_factor(text).key for text in factorial.factors]
    listed = " and ".join(filter(None, [", ".join(keys[:-1]), keys[-1]]))
    return Study(
        name="factors",
        question=f"What {'do' if len(keys) > 1 else 'does'} {listed} change ({DESIGNS[factorial.design].meaning})?",
        variants=lambda config, corpus: made.variants,
        notes=made.notes,
        factorial=factorial,
    )
