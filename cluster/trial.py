"""One Tune trial: a list of overrides with a seed, some or all of its folds, one report per fold. A trial may hold several.

    {"pieces": [{"overrides": [...], "seed": 0, "folds": [1, 2]}], "folder": "/where/the/user/is", ...}  ->  cross_validate_many
        -->  tune.report({"piece": 0, "fold": 2, "trained": True, ...})
The driver receives only the key of a fold; the scores are in the record. A failure is reported with its traceback.
"""

import dataclasses
import functools
import json
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ser_core.config.compose import as_dict, compose
from ser_core.config.tree import Config
from ser_core.cross_validation.cross_validate import cross_validate_many
from ser_core.cross_validation.events import FoldFailed, FoldResult, PackEpoch
from ser_core.cross_validation.plan import Plan, plan
from ser_core.cross_validation.records import FoldKey, RunStore
from ser_core.dataset.dataset import Dataset, load_dataset
from ser_core.errors import BridgeworkError


@dataclasses.dataclass(frozen=True)
class Trial:
    """A configuration and seed of a study, with the keys of its folds."""

    variant: str
    seed: int
    overrides: tuple[str, ...]
    keys: tuple[FoldKey, ...]
    pack: int = 1
    """Folds that train as one program (optim.pack). 0 stacks them with the folds of other trials."""

    @property
    def overrides_without_seed(self) -> list[str]:
        """Overrides without the seed."""
        return [override for override in self.overrides if not override.startswith("seed=")]

    def key(self, fold: int) -> FoldKey:
        """Returns the key of this fold. A trial may have only some of the folds."""
        return next(key for key in self.keys if key.fold == fold)


Piece = tuple[Trial, list[int]]
"""A trial and the numbers of its folds to train."""


def payload(pieces: Sequence[Piece], folder: Path, epochs: bool = False, gpus: float = 0.0) -> dict[str, Any]:
    """Returns what a worker receives, as plain data. With `epochs`, the worker also reports after each epoch of a pack."""
    plain = [{"overrides": trial.overrides_without_seed, "seed": trial.seed, "folds": list(folds)} for trial, folds in pieces]
    return {"pieces": plain, "folder": str(folder), "epochs": epochs, "gpus": gpus}


def train_trial(payload: dict[str, Any]) -> None:
    """Runs in a Ray worker: trains the folds of a payload and reports each with the number of its piece.

    A fold that fails is reported as `failure` with its `traceback`. The other folds still train, since one bad fold does not
    invalidate them. Fold 0 stands for all folds of the piece.
    """
    from ray import tune

    wanted: dict[int, tuple[Plan, list[int]]] = {}
    for number, piece in enumerate(payload["pieces"]):
        try:
            planned = _planned(tuple(piece["overrides"]), Path(payload["folder"]))
            wanted[number] = planned.under_seed(piece["seed"]), piece["folds"]
        except Exception as error:
            tune.report({"piece": number, "fold": 0, **failure(error)})
    if not wanted:
        return
    numbers, plans = list(wanted), list(wanted.values())
    for which, event in cross_validate_many(plans, RunStore(plans[0][0].config.run.store)):
        about = {"piece": numbers[which]}
        if isinstance(event, PackEpoch) and payload["epochs"]:
            tune.report({**about, "fold": 0, **dataclasses.asdict(event), "failure": ""})
        elif isinstance(event, FoldResult):
            seconds = event.record.seconds
            tune.report({**about, "fold": event.fold, "trained": event.trained, "seconds": seconds, "failure": ""})
        elif isinstance(event, FoldFailed):
            tune.report({**about, "fold": event.fold, **failure(event.error)})


def failure(error: Exception) -> dict[str, str]:
    """Returns the report of a failure: the message for the user, or the exception type of a defect, and the traceback."""
    sentence = str(error) if isinstance(error, BridgeworkError) else f"{type(error).__name__}: {error}"
    return {"failure": sentence, "traceback": "".join(traceback.format_exception(error))}


@functools.lru_cache(maxsize=32)
def _planned(overrides: tuple[str, ...], folder: Path) -> Plan:
    """Returns the plan of a configuration for any seed. Cached, since composing takes a tenth of a second per trial."""
    return plan_once(compose(overrides, folder))


_DATASETS: dict[str, Dataset] = {}
_PLANS: dict[str, Plan] = {}


def plan_once(config: Config, progress: bool = False) -> Plan:
    """Returns `plan(config)`, cached per process and configuration. The trials of a worker share the plan and the corpus."""
    settings = as_dict(config)
    parts = [
        settings["corpus"],
        settings["audio"],
        settings["model"]["speech"],
        settings["model"]["text"],
        settings["run"],
        settings["conditions"],
    ]
    parts.append(config.tasks.stored)
    key = json.dumps(parts, sort_keys=True)
    if key not in _DATASETS:
        _keep(_DATASETS, key, load_dataset(config, progress))
        _PLANS.clear()
    named = json.dumps(settings, sort_keys=True)
    if named not in _PLANS:
        _keep(_PLANS, named, plan(config, progress, _DATASETS[key]))
    return _PLANS[named]


def _keep(remembered: dict[str, Any], key: str, value: Any) -> None:
    """Caches a value and drops the oldest beyond four."""
    if len(remembered) >= 4:
        remembered.pop(next(iter(remembered)))
    remembered[key] = value
