"""Resources of a trial: the `cluster.*` settings. `ser_core` does not see them, and they do not change a fold's identity."""

import dataclasses
import itertools
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from ser_core.config.compose import compose_tree
from ser_core.config.default_store import DEFAULT_STORE
from ser_core.errors import SettingError
from ser_core.options import Option, at_least
from ser_core.override_values import shortened


@dataclasses.dataclass(frozen=True)
class Cluster(Option):
    """Where trials run and how many at once. These settings do not change a fold's identity."""

    key: ClassVar[str] = "cluster"
    address: str = ""
    """Ray cluster to join: HOST:6379, or auto on one of its machines; empty starts one on this machine and stops it
    afterwards. Nodes need no shared folder: records come back through Ray."""
    workers: int = 0
    """Trials that run at once, at least 0; 0 runs as many as the cores (or GPUs) allow."""
    cpus_per_trial: float = 1.0
    """CPU cores that Ray reserves for a trial, above 0; run.threads sets how many it uses."""
    gpus_per_trial: float = 0.0
    """GPUs per trial, at least 0; with a fraction, trials share a GPU and its memory."""
    share_gpus: bool = False
    """Whether trials share GPUs, based on the memory that earlier folds of the study used. The first trial gets a whole GPU."""
    folds_per_trial: int = 1
    """Folds per trial of an ablation, at least 0; 0 trains all in one trial. Small trials keep all workers busy to the end.
    Folds of a few seconds travel together in any case, so that a trial lasts about 10 s."""
    pack: int = 16
    """Folds that a worker trains as one program when optim.pack=0, across configurations; at least 1. A CPU gains little
    beyond 16. A pack that does not fit into GPU memory is split in half."""
    retries: int = 2
    """How often a trial restarts after its worker died, at least 0."""
    paths: dict[str, str] = dataclasses.field(default_factory=dict)
    """Where corpora and checkpoints lie on nodes that do not have them at the driver's paths, such as
    {/data: /scratch/data}; a node on which the second folder does not exist uses the first."""
    priority: float = 1.0
    """Weight of this study among studies that run on a joined cluster at the same time, above 0; with 2 and 1 the first one gets
    two thirds of the trials."""
    tracking: str = ""
    """MLflow tracking address; empty uses a SQLite database next to the records."""
    price_per_gpu_hour: float = 0.0
    """Price of a GPU-hour in your currency, at least 0; `ser status` then shows the cost of a study. 0 shows none."""

    def __post_init__(self) -> None:
        for field in ("workers", "gpus_per_trial", "folds_per_trial", "retries"):
            at_least(self, field, 0)
        at_least(self, "pack", 1)
        if self.share_gpus and self.gpus_per_trial:
            raise SettingError(
                "cluster.share_gpus=true measures the value that cluster.gpus_per_trial sets; leave one of them out"
            )
        at_least(self, "price_per_gpu_hour", 0)
        at_least(self, "cpus_per_trial", 0.01)
        at_least(self, "priority", 0.001)
        for place in (place for both in self.paths.items() for place in both if not Path(place).is_absolute()):
            raise SettingError(f"cluster.paths needs absolute paths, such as {{/data: /scratch/data}}; got {shortened(place)}")
        if self.address.startswith(("http://", "https://")):
            raise SettingError(
                f"cluster.address={self.address} is a dashboard; run the command there with `ser submit --on ray --address "
                f"{self.address} ...`, or join its Ray with cluster.address=HOST:6379"
            )
        if self.address.startswith("ray://"):
            raise SettingError(
                f"cluster.address={self.address}: Ray's client (ray://) cannot run studies; run the command on a machine of the "
                "cluster, or on one that reaches all of its ports, with cluster.address=HOST:6379 or auto"
            )

    def trials_at_once(self, cores: float, gpus: float) -> int:
        """Returns how many trials run at once on these cores and GPUs. Raises SettingError when not even one fits."""
        if self.share_gpus and not gpus:
            raise SettingError("cluster.share_gpus=true, but Ray finds no GPU; leave it out, or join a cluster that has one")
        if self.workers:
            return self.workers
        carried = int(min(cores / self.cpus_per_trial, gpus / self.gpus_per_trial if self.gpus_per_trial else cores))
        # A Ray that we start reserves as many cores as needed, so this can only fail for GPUs or on a joined cluster.
        if carried < 1 and (self.gpus_per_trial or self.address):
            raise SettingError(
                f"a trial asks for {self.cpus_per_trial:g} cores and {self.gpus_per_trial:g} GPUs, but Ray has {cores:g} and "
                f"{gpus:g}; lower cluster.cpus_per_trial or cluster.gpus_per_trial, or set cluster.workers if nodes join later"
            )
        return max(1, carried)

    def without_effect_in(self, command: str, packs: bool = True) -> list[str]:
        """Returns a sentence for each setting without effect in a command. `packs`: whether its trials share programs."""
        fields, default = [field.name for field in dataclasses.fields(self)], Cluster()
        reasons = {"folds_per_trial": "a search evaluates a trial after every fold"} if command == "search" else {}
        if not packs:
            reasons["pack"] = "only folds with optim.pack=0 share a program with others"
        if command == "run":
            here = "ser run trains in this process; only ser ablate and ser search start workers"
            reasons = {name: here for name in fields if name != "tracking"}
        if command == "corpus":
            reasons = dict.fromkeys(fields, "this command trains nothing")
        given = {name: getattr(self, name) for name in reasons if getattr(self, name) != getattr(default, name)}
        return [f"cluster.{name}={value} has no effect: {reasons[name]}" for name, value in given.items()]

    def cores(self) -> int:
        """Cores for a Ray that we start: those of this process, or as many as `workers` trials need."""
        # The cores that this process may use. Slurm may give it fewer without binding it to them.
        here = len(os.sched_getaffinity(0))
        given = os.environ.get("SLURM_CPUS_PER_TASK", "")
        here = min(here, int(given)) if given.isdecimal() and int(given) else here
        return max(here, math.ceil(max(1, self.workers) * self.cpus_per_trial))


@dataclasses.dataclass(frozen=True)
class Settings:
    """The part of the configuration tree that `ser_core` does not see."""

    cluster: Cluster = dataclasses.field(default_factory=Cluster)
    """Where trials run."""


def split_overrides(overrides: Sequence[str]) -> tuple[list[str], Cluster]:
    """Splits overrides into those of the experiment and a `Cluster` from the `cluster.*` ones. @FILE reads a YAML list.

    Raises SettingError as `compose` does, and when a file is not a list of overrides.
    """
    overrides = [each for given in overrides for each in (listed_overrides(given[1:]) if given.startswith("@") else [given])]
    ours = [override for override in overrides if override.startswith(("cluster.", "cluster/"))]
    return [each for each in overrides if each not in ours], compose_tree(Settings, {}, ours, None).cluster


def listed_overrides(file: str) -> list[str]:
    """Returns the overrides in a YAML file such as the one `ser select` writes. Raises SettingError if it holds no such list."""
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
                f"@{shortened(file)}: entry {place} ({shortened(str(entry))}) is not an override; write {wanted}, "
                "and quote an override that contains a colon and a space, or a space and #"
            )
    return found


def store_of(words: Sequence[str]) -> Path:
    """Returns the store that a command uses on this machine: run.store or --store, else the default."""
    given = [word.partition("=")[2] for word in words if word.startswith(("run.store=", "--store="))]
    given += [after for word, after in itertools.pairwise(words) if word == "--store"]
    return Path(given[-1] if given else DEFAULT_STORE).expanduser()
