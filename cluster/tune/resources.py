"""What a trial may use: the `cluster.*` part of the tree, which `ser_core` does not know and no fold's identity holds."""

import dataclasses
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from ser_core.config.compose import compose_tree
from ser_core.errors import SettingError
from ser_core.options import Option, at_least
from ser_core.override_values import shortened


@dataclasses.dataclass(frozen=True)
class Cluster(Option):
    """Where trials run and how many at once; part of no fold's identity."""

    key: ClassVar[str] = "cluster"
    address: str = ""
    """Ray cluster to join, as ray://head:10001 or auto; empty starts one on this machine and stops it afterwards."""
    workers: int = 0
    """Trials at once, at least 0; 0 is as many as the machine's cores (or GPUs) carry."""
    cpus_per_trial: float = 1.0
    """CPU cores that Ray sets aside for a trial, above 0; run.threads says how many it uses."""
    gpus_per_trial: float = 0.0
    """GPUs of a trial, at least 0; a fraction lets trials share one, whose memory they must then share too."""
    share_gpus: bool = False
    """Whether trials share GPUs by the memory that folds of the study have taken; the first has one by itself."""
    folds_per_trial: int = 1
    """Folds that one trial of an ablation trains, at least 0; 0 is all of them. Small trials leave no worker idle at the end."""
    pack: int = 16
    """Folds, of whatever configurations, that a worker trains as one program where optim.pack=0 lets it, at least 1. A CPU
    gains little beyond 16; what the memory of a GPU does not hold is cut in halves."""
    retries: int = 2
    """How often a trial whose worker died is started again, at least 0."""
    tracking: str = ""
    """MLflow tracking address; empty is a SQLite database beside the records."""

    def __post_init__(self) -> None:
        for field in ("workers", "gpus_per_trial", "folds_per_trial", "retries"):
            at_least(self, field, 0)
        at_least(self, "pack", 1)
        if self.share_gpus and self.gpus_per_trial:
            raise SettingError("cluster.share_gpus=true measures what cluster.gpus_per_trial says; leave one of them out")
        at_least(self, "cpus_per_trial", 0.01)

    def trials_at_once(self, cores: float, gpus: float) -> int:
        """How many trials run at the same time on so many cores and GPUs. Raises SettingError when not even one fits."""
        if self.share_gpus and not gpus:
            raise SettingError("cluster.share_gpus=true, but Ray knows of no GPU; leave it out, or join a cluster that has one")
        if self.workers:
            return self.workers
        carried = int(min(cores / self.cpus_per_trial, gpus / self.gpus_per_trial if self.gpus_per_trial else cores))
        if carried < 1 and (self.gpus_per_trial or self.address):
            raise SettingError(
                f"a trial asks for {self.cpus_per_trial:g} cores and {self.gpus_per_trial:g} GPUs, but there are {cores:g} and "
                f"{gpus:g}; lower cluster.cpus_per_trial or cluster.gpus_per_trial, or set cluster.workers if nodes join later"
            )
        return max(1, carried)

    def without_effect_in(self, command: str, packs: bool = True) -> list[str]:
        """A sentence for each setting that changes nothing in a command; `packs` is whether its trials share programs."""
        fields, default = [field.name for field in dataclasses.fields(self)], Cluster()
        reasons = {"folds_per_trial": "a search judges after every fold"} if command == "search" else {}
        if not packs:
            reasons["pack"] = "only folds with optim.pack=0 share a program with others"
        if command == "run":
            here = "ser run trains in this process; ser ablate and ser search have workers"
            reasons = {name: here for name in fields if name != "tracking"}
        if command == "corpus":
            reasons = dict.fromkeys(fields, "this command trains nothing")
        given = {name: getattr(self, name) for name in reasons if getattr(self, name) != getattr(default, name)}
        return [f"cluster.{name}={value} has no effect: {reasons[name]}" for name, value in given.items()]

    def cores(self) -> int:
        """Cores that a Ray of our own is told of: this process's, or as many as `workers` trials need."""
        return max(len(os.sched_getaffinity(0)), math.ceil(max(1, self.workers) * self.cpus_per_trial))


@dataclasses.dataclass(frozen=True)
class Settings:
    """The part of the tree that `ser_core` does not know."""

    cluster: Cluster = dataclasses.field(default_factory=Cluster)
    """Where trials run."""


def split_overrides(overrides: Sequence[str]) -> tuple[list[str], Cluster]:
    """The experiment's overrides, and the cluster that the `cluster.*` ones make; @FILE stands for those listed in a YAML file.

    Raises SettingError as `compose`, and for a file that is no list of overrides.
    """
    overrides = [each for given in overrides for each in (_listed(given[1:]) if given.startswith("@") else [given])]
    ours = [override for override in overrides if override.startswith(("cluster.", "cluster/"))]
    return [each for each in overrides if each not in ours], compose_tree(Settings, {}, ours, None).cluster


def _listed(file: str) -> list[str]:
    """The overrides in a YAML file, as `ser select` writes it."""
    from yaml import YAMLError, safe_load

    wanted = "a YAML list of overrides such as `- optim.epochs=20`"
    try:
        found = safe_load(Path(file).expanduser().read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RuntimeError, YAMLError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else " ".join(str(error).split())
        raise SettingError(f"@{shortened(file)} cannot be read ({reason}); it should be {wanted}") from error
    if not isinstance(found, list):
        raise SettingError(f"@{shortened(file)}: not {wanted}")
    for place, entry in enumerate(found, start=1):
        if not isinstance(entry, str) or "=" not in entry:
            raise SettingError(
                f"@{shortened(file)}: entry {place} ({shortened(str(entry))}) is no override; write {wanted}, "
                "and quotes around one that holds a colon and a space, or a space and #"
            )
    return found
