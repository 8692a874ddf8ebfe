"""How `system=NAME` works: the system's overrides come first, except for those that your own overrides replace.

["system=mmer2023", "model.width=64"] --> [the system's, without model.width and settings of options not chosen] + [own]
["system=mmer2023", "protocol=paper"] --> the paper's folds, too; without it, folds are the default or your own
"""

import dataclasses
from collections.abc import Iterable, Sequence

from ser_core.channels import CHANNELS
from ser_core.config.override_keys import Groups, chosen_options, expand, remaining_overrides
from ser_core.errors import SettingError, nearest
from ser_core.systems import DIFFERS, RECONSTRUCTION, SYSTEMS, System

KEY, PROTOCOL = "system", "protocol"
PROTOCOLS = ("own", "paper")
"""own: folds.* as you set them or by default, chosen so that nothing leaks. paper: the folds of the system's paper."""
ENCODERS = tuple(f"model.{name}" for name in CHANNELS)
"""Groups that choose an encoder."""
CHECKPOINTS = ("model.speech", "model.text")
"""Groups whose settings, in a system, are those of a checkpoint. The user chooses which checkpoint."""


@dataclasses.dataclass(frozen=True)
class AppliedSystem:
    """Overrides in Hydra's spelling without `system=`, and where they come from."""

    system: System | None
    overrides: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    """Settings of the system that need a checkpoint where none is chosen."""
    encoders: tuple[tuple[str, str], ...] = ()
    """Key and chosen option of each encoder."""
    protocol: str = "own"
    """One of PROTOCOLS."""
    own_folds: tuple[str, ...] = ()
    """Settings of the paper's folds that your own overrides replace."""

    def notes(self) -> list[str]:
        """Returns the notes below a table: what is reconstructed, what differs here, and what could not be followed."""
        if self.system is None:
            return []
        reconstructed, different = (list(self.system.departures(status)) for status in (RECONSTRUCTION, DIFFERS))
        heads = (f"Reconstruction in {self.system.name} ({self.system.venue})", f"Different from {self.system.name}")
        listed = [_listed(head, found) for head, found in zip(heads, (reconstructed, different), strict=True) if found]
        return [self.protocol_note(), *listed, *self.not_followed()]

    def protocol_note(self) -> str:
        """Returns whether the folds are those of the paper; "" without a system."""
        if self.system is None:
            return ""
        name, paper = self.system.name, self.system.protocol
        if self.protocol == "own":
            return f"Protocol: that of folds.*, not of {name} ({paper}); protocol=paper sets the paper's."
        replaced = f"; your overrides replace {' and '.join(self.own_folds)}" if self.own_folds else ""
        return f"Protocol of {name} (protocol=paper): {paper}; set by {' '.join(self.system.folds)}{replaced}."

    def not_followed(self) -> list[str]:
        """Returns what cannot be followed because of the chosen encoders, with the remedy."""
        if self.system is None:
            return []
        name, sentences = self.system.name, []
        read = [key for key, choice in self.encoders if choice != "none"]
        silent = [f"model.{channel}" for channel in self.system.channels if f"model.{channel}" not in read]
        for key, choice in self.encoders:
            if choice != "none" and (lost := [each for each in self.left_out if each.startswith(f"{key}.")]):
                sentences.append(
                    f"Not as in {name}: {key}={choice} is not a pre-trained encoder, so {', '.join(lost)} "
                    f"{'is' if len(lost) == 1 else 'are'} left out; to use them, set {key} to the folder of a checkpoint."
                )
        if silent:
            sentences.append(
                f"Not as in {name}: the system reads {' and '.join(self.system.channels)}, but you set {silent[0]}=none."
            )
        return sentences


def apply_system(overrides: Sequence[str], groups: Groups) -> AppliedSystem:
    """Applies the system that these overrides name, if any, and the other overrides on top.

    Raises SettingError for an unknown system or protocol, for more than one of either, for the protocol of a paper without a
    system, and wherever `expand` and `chosen_options` do.
    """
    own = expand([override for override in overrides if _key(override) not in (KEY, PROTOCOL)], groups)
    name, protocol = _value_of(KEY, overrides, "none"), _value_of(PROTOCOL, overrides, "own")
    if protocol not in PROTOCOLS:
        raise SettingError(f"{PROTOCOL}={protocol}: no such protocol; choose from {', '.join(PROTOCOLS)}")
    if name == "none":
        if protocol != "own":
            raise SettingError(
                f"{PROTOCOL}={protocol} sets the folds of a published system, but none is chosen; add {KEY}=NAME "
                f"({', '.join(SYSTEMS)}), or set folds.* yourself"
            )
        return AppliedSystem(None, tuple(own))
    if name not in SYSTEMS:
        raise SettingError(f"{KEY}={name}: no such system{nearest(name, SYSTEMS)}; choose from none, {', '.join(SYSTEMS)}")
    system = SYSTEMS[name]
    folds = expand(system.folds, groups) if protocol == "paper" else []
    below = [*folds, *expand(system.overrides, groups)]
    names = chosen_options([*below, *own], groups)
    encoders = {key: names[key] for key in CHECKPOINTS}
    meant = [_choice(key, "checkpoint") for key in encoders]
    changes = [*(each for each in map(_choice, encoders, encoders.values()) if each not in own), *own]
    left = remaining_overrides([*meant, *below], changes, groups)
    own_keys = {override.partition("=")[0] for override in own}
    encoder_settings = [
        each for each in below if each.partition("=")[0].replace("/", ".").startswith(tuple(f"{key}." for key in encoders))
    ]
    lost = tuple(each for each in encoder_settings if each not in left and each.partition("=")[0] not in own_keys)
    spelled = tuple(each.partition("=")[0].replace("/", ".") + "=" + each.partition("=")[2] for each in lost)
    replaced = tuple(each.replace("/", ".") for each in folds if each not in left)
    return AppliedSystem(system, (*left, *changes), spelled, tuple(encoders.items()), protocol, replaced)


def named_systems(lists: Iterable[Sequence[str]], groups: Groups) -> list[AppliedSystem]:
    """Returns each system that these lists of overrides name, as applied by the first list that names it."""
    found: dict[str, AppliedSystem] = {}
    for overrides in lists:
        made = apply_system(overrides, groups)
        if made.system:
            found.setdefault(made.system.name, made)
    return list(found.values())


def _key(override: str) -> str:
    return override.partition("=")[0].strip()


def _value_of(key: str, overrides: Sequence[str], default: str) -> str:
    """Returns the value that the overrides give a word. Raises SettingError if they give it twice."""
    given = [override for override in overrides if _key(override) == key]
    if len(given) > 1:
        raise SettingError(f"{key} is given twice ({', '.join(given)}); keep one")
    return given[0].partition("=")[2].strip() if given else default


def _choice(key: str, name: str) -> str:
    return f"{key.replace('.', '/')}={name}"


def _listed(head: str, sentences: Sequence[str]) -> str:
    return f"{head}: {'; '.join(sentence.rstrip('.') for sentence in sentences)}."
