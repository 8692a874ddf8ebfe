"""One Tune trial: one list of overrides with its seed, some or all folds, one report per fold; or several of them at once.

    {"pieces": [{"overrides": [...], "seed": 0, "folds": [1, 2]}], "folder": "/where/the/user/is", ...}  ->  cross_validate_many
        -->  tune.report({"piece": 0, "fold": 2, "trained": True, ...})
What the driver learns of a fold is its key; the scores lie in the record. A failure is reported with its traceback.
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
    """A configuration and seed of a study, with the keys of all its folds."""

    variant: str
    seed: int
    overrides: tuple[str, ...]
    keys: tuple[FoldKey, ...]
    pack: int = 1
    """Folds that are trained as one program (optim.pack): 0 with those of whatever else is trained."""

    @property
    def beside_seed(self) -> list[str]:
        """What is set but for the seed."""
        return [override for override in self.overrides if not override.startswith("seed=")]

    def key(self, fold: int) -> FoldKey:
        """Of that fold, of which the trial may have some alone."""
        return next(key for key in self.keys if key.fold == fold)


Piece = tuple[Trial, list[int]]
"""A trial and which of its folds to train."""


def payload(pieces: Sequence[Piece], folder: Path, epochs: bool = False, gpus: float = 0.0) -> dict[str, Any]:
    """What a worker is sent, plain data, and the GPUs it is given. With `epochs` it tells how folds stand that train together."""
    plain = [{"overrides": trial.beside_seed, "seed": trial.seed, "folds": list(folds)} for trial, folds in pieces]
    return {"pieces": plain, "folder": str(folder), "epochs": epochs, "gpus": gpus}


def train_trial(payload: dict[str, Any]) -> None:
    """What a Ray worker runs: trains the folds of a payload, reporting each with the number of its piece.

    A fold that cannot be trained is reported as `failure` with its `traceback`; the others are still trained, since one bad fold
    does not make them wrong. Fold 0 is a piece as a whole.
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
    """What is reported of a failure: the user's sentence, or the kind of defect, and the traceback."""
    sentence = str(error) if isinstance(error, BridgeworkError) else f"{type(error).__name__}: {error}"
    return {"failure": sentence, "traceback": "".join(traceback.format_exception(error))}


@functools.lru_cache(maxsize=32)
def _planned(overrides: tuple[str, ...], folder: Path) -> Plan:
    """The plan of a configuration under any seed: composing takes a tenth of a second, which its next trial need not pay."""
    return plan_once(compose(overrides, folder))


_INPUTS: dict[str, Dataset] = {}
_PLANS: dict[str, Plan] = {}


def plan_once(config: Config, progress: bool = False) -> Plan:
    """`plan`, made once per process and configuration, over a corpus read once: a worker's trials share both."""
    whole = as_dict(config)
    parts = [whole["corpus"], whole["audio"], whole["model"]["speech"], whole["model"]["text"], whole["run"], whole["conditions"]]
    parts.append(config.tasks.augmented_contrast.stored)
    key = json.dumps(parts, sort_keys=True)
    if key not in _INPUTS:
        _keep(_INPUTS, key, load_dataset(config, progress))
        _PLANS.clear()
    named = json.dumps(whole, sort_keys=True)
    if named not in _PLANS:
        _keep(_PLANS, named, plan(config, progress, _INPUTS[key]))
    return _PLANS[named]


def _keep(remembered: dict[str, Any], key: str, value: Any) -> None:
    """Remembers a value, and forgets the oldest of more than four."""
    if len(remembered) >= 4:
        remembered.pop(next(iter(remembered)))
    remembered[key] = value
