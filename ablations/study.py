"""A study: a question, a baseline, variants. Each is a list of overrides on top of those the user gives.

base overrides + variant overrides -> Config        (a variant's choice replaces the base's)
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from ablations.designs import Factorial
from ablations.outcomes import Outcome
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
    """`variants` lists what is compared, the baseline first, given the base configuration and its corpus."""

    name: str
    question: str
    variants: Callable[[Config, Corpus], Sequence[Variant]]
    primary: str = "uar"
    """The metric that the verdict is about."""
    fixed: tuple[str, ...] = ()
    """What every variant sets, such as a system: `variants` is given the configuration with it."""
    channels: int = 1
    """Least number of channels without which there is nothing to compare."""
    across: tuple[str, ...] = ()
    """Entries of the protocol card that the variants differ in on purpose."""
    notes: tuple[str, ...] = ()
    """Sentences that stand below the table, such as published figures."""
    sections: Callable[[Sequence[Outcome]], Sequence[Section]] = lambda outcomes: ()
    """What its report says beside the table, computed from the outcomes."""
    masks: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """By variant, the condition at test that amounts to it, for those that lack what can be hidden."""
    notices: Callable[[Config, Corpus], Sequence[str]] = lambda config, corpus: ()
    """Sentences on what it cannot compare with this configuration and corpus."""
    factorial: Factorial | None = None
    """The factors and the design that its variants come from; none for the studies of the table."""

    @property
    def words(self) -> list[str]:
        """What is typed behind `ser ablate` to ask for it."""
        return self.factorial.words if self.factorial else [self.name]

    def beneath(self, base: Sequence[str]) -> list[str]:
        """The user's overrides with what the study fixes: what variants are made from."""
        return combine(base, Variant(self.name, self.fixed))


def combine(base: Sequence[str], variant: Variant) -> list[str]:
    """The overrides of a variant: the base's, less what the variant sets itself.

    A base override for a knob of an option that the variant does not choose is left out too: `model.fusion.tokens=4`
    speaks to the bridge alone. A `system=NAME` stays as it is, beneath both.
    """
    changes = expand(variant.overrides, GROUPS)
    return remaining_overrides(expand(base, GROUPS), changes, GROUPS) + changes


def fusion_overrides(config: Config, name: str) -> tuple[str, ...]:
    """The choice of a fusion, with as many attention heads as the base's fusion has, if both have any."""
    heads = getattr(config.model.fusion, "heads", 0)
    shared = heads and "heads" in field_sentences(GROUPS["model.fusion"][0][name])
    return (f"model.fusion={name}", *((f"model.fusion.heads={heads}",) if shared else ()))


def configurations(study: str, base: Sequence[str], variants: Sequence[Variant]) -> Mapping[str, tuple[list[str], Config]]:
    """Overrides and Config of each variant by name, in order.

    Raises SettingError when two variants resolve to the same Config, or when a base override reaches none of them.
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
            raise SettingError(f"{override}: study {study} sets {key} itself in every variant; leave it out")
    configs = {name: (overrides, compose(overrides)) for name, overrides in made.items()}
    names = list(configs)
    for index, name in enumerate(names):
        twin = next((other for other in names[:index] if configs[other][1] == configs[name][1]), None)
        if twin:
            raise SettingError(f"study {study}: variants {twin} and {name} resolve to the same configuration")
    return configs
