"""One Tune trial: one list of overrides with its seed, some or all folds, one report per fold.

    {"overrides": [...], "seed": 0, "folds": [1, 2], "folder": "/where/the/user/is", ...}  ->  cross_validate  ->  tune.report
What the driver learns of a fold is its key; the scores lie in the record. A failure is reported with its traceback.
"""

import dataclasses
import functools
import json
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ser_core.compose import compose, resolved
from ser_core.config import Config
from ser_core.cross_validate import FoldResult, PackEpoch, cross_validate
from ser_core.errors import BridgeworkError
from ser_core.inputs import Inputs, load_inputs
from ser_core.plan import Plan, plan
from ser_core.records import FoldKey


@dataclasses.dataclass(frozen=True)
class Trial:
    """A configuration and seed of a study, with the keys of all its folds."""

    variant: str
    seed: int
    overrides: tuple[str, ...]
    keys: tuple[FoldKey, ...]

    def payload(self, folds: Sequence[int], folder: Path, epochs: bool = False) -> dict[str, Any]:
        """What a worker is sent: plain data. With `epochs` it tells how folds that train as one program stand."""
        shared = [override for override in self.overrides if not override.startswith("seed=")]
        return {"overrides": shared, "seed": self.seed, "folds": list(folds), "folder": str(folder), "epochs": epochs}


def train_trial(payload: dict[str, Any]) -> None:
    """What a Ray worker runs: trains the folds of a payload, reporting each.

    A fold that cannot be trained is reported as `failure` with its `traceback`; the folds after it are still tried,
    since one bad fold does not make the others wrong.
    """
    from ray import tune

    try:
        planned = _planned(tuple(payload["overrides"]), Path(payload["folder"])).under_seed(payload["seed"])
    except Exception as error:
        tune.report({"fold": 0, **failure(error)})
        return
    for together in planned.packs(payload["folds"]):
        left = list(together)
        try:
            for event in cross_validate(planned.config, together, planned=planned):
                if isinstance(event, PackEpoch) and payload["epochs"]:
                    tune.report({"fold": 0, **dataclasses.asdict(event), "failure": ""})
                elif isinstance(event, FoldResult):
                    number, seconds = event.record.key.fold, event.record.seconds
                    left.remove(number)
                    tune.report({"fold": number, "trained": event.trained, "seconds": seconds, "failure": ""})
        except Exception as error:
            for number in left:
                tune.report({"fold": number, **failure(error)})


def failure(error: Exception) -> dict[str, str]:
    """What is reported of a failure: the user's sentence, or the kind of defect, and the traceback."""
    sentence = str(error) if isinstance(error, BridgeworkError) else f"{type(error).__name__}: {error}"
    return {"failure": sentence, "traceback": "".join(traceback.format_exception(error))}


@functools.lru_cache(maxsize=4)
def _planned(overrides: tuple[str, ...], folder: Path) -> Plan:
    """The plan of a configuration under any seed: composing takes a tenth of a second, which its next trial need not pay."""
    return plan_once(compose(overrides, folder))


_INPUTS: dict[str, Inputs] = {}
_PLANS: dict[str, Plan] = {}


def plan_once(config: Config, progress: bool = False) -> Plan:
    """`plan`, made once per process and configuration, over a corpus read once: a worker's trials share both."""
    whole = resolved(config)
    parts = [whole["corpus"], whole["audio"], whole["model"]["speech"], whole["model"]["text"], whole["run"], whole["conditions"]]
    parts.append(config.tasks.augmented_contrast.stored)
    key = json.dumps(parts, sort_keys=True)
    if key not in _INPUTS:
        _keep(_INPUTS, key, load_inputs(config, progress))
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
