"""A study: a question, a baseline and variants. Each variant is a list of overrides on top of the user's overrides.

base overrides + variant overrides -> Config        (a variant's choice replaces the base's)
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from ablations.designs import Factorial
from ablations.paired_study import PairedStudy
from ablations.section import Section
from ablations.variant import Variant
from ser_core.config.compose import compose
from ser_core.config.override_keys import expand, remaining_overrides
from ser_core.config.tree import GROUPS, Config
from ser_core.corpus import Corpus
from ser_core.errors import SettingError
from ser_core.options import field_sentences


@dataclasses.dataclass(frozen=True)
class Study:
    """A study. `variants` returns the compared variants, baseline first, for a base configuration and its corpus."""

    name: str
    question: str
    variants: Callable[[Config, Corpus], Sequence[Variant]]
    primary: str = "uar"
    """Metric for the verdict."""
    fixed: tuple[str, ...] = ()
    """Overrides that every variant sets, such as a system. `variants` receives the configuration with them."""
    channels: int = 1
    """Minimum number of channels that the study needs."""
    across: tuple[str, ...] = ()
    """Entries of the protocol card in which the variants differ on purpose."""
    notes: tuple[str, ...] = ()
    """Sentences shown below the table, such as published figures."""
    sections: Callable[[PairedStudy], Sequence[Section]] = lambda study: ()
    """Additional report sections, computed from the paired outcomes."""
    masks: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Test condition that corresponds to each variant, for variants that lack an input you can hide at test."""
    notices: Callable[[Config, Corpus], Sequence[str]] = lambda config, corpus: ()
    """Returns sentences on comparisons that are impossible with this configuration and corpus."""
    factorial: Factorial | None = None
    """Factors and design of its variants; None for predefined studies."""

    @property
    def words(self) -> list[str]:
        """Arguments of `ser ablate` that select this study."""
        return self.factorial.words if self.factorial else [self.name]

    def beneath(self, base: Sequence[str]) -> list[str]:
        """Returns the user's overrides plus the study's fixed ones, on which the variants build."""
        return combine(base, Variant(self.name, self.fixed))


def combine(base: Sequence[str], variant: Variant) -> list[str]:
    """Returns the overrides of a variant: those of the base, except keys that the variant sets itself.

    Also drops base overrides for settings of an option that the variant does not choose; for example,
    `model.fusion.tokens=4` only concerns the bridge. A `system=NAME` is kept and applies below both.
    """
    changes = expand(variant.overrides, GROUPS)
    return remaining_overrides(expand(base, GROUPS), changes, GROUPS) + changes


def fusion_overrides(config: Config, name: str) -> tuple[str, ...]:
    """Returns the overrides for a fusion, with the same number of attention heads as the base's fusion if both have heads."""
    heads = getattr(config.model.fusion, "heads", 0)
    shared = heads and "heads" in field_sentences(GROUPS["model.fusion"][0][name])
    return (f"model.fusion={name}", *((f"model.fusion.heads={heads}",) if shared else ()))


def configurations(study: str, base: Sequence[str], variants: Sequence[Variant]) -> Mapping[str, tuple[list[str], Config]]:
    """Returns the overrides and Config of each variant by name, in order.

    Raises SettingError when two variants resolve to the same Config, or when a base override affects none of them.
    """
    made = {variant.name: combine(base, variant) for variant in variants}
    used = {
        each
        for variant in variants
        for each in remaining_overrides(expand(base, GROUPS), expand(variant.overrides, GROUPS), GROUPS)
    }
    for override in expand(base, GROUPS):
        if override not in used:
            key = override.partition("=")[0].replace("/", ".")
            raise SettingError(f"{override}: study {study} sets {key} itself in every variant; leave the override out")
    configs = {name: (overrides, compose(overrides)) for name, overrides in made.items()}
    names = list(configs)
    for index, name in enumerate(names):
        twin = next((other for other in names[:index] if configs[other][1] == configs[name][1]), None)
        if twin:
            raise SettingError(f"study {study}: variants {twin} and {name} resolve to the same configuration")
    return configs
