"""One Tune trial: a list of overrides with a seed, some or all of its folds, one report per fold. A trial may hold several.

    {"pieces": [{"overrides": [...], "seed": 0, "folds": [1, 2]}], "folder": "/where/the/user/is", ...}  ->  cross_validate_many
        -->  tune.report({"piece": 0, "fold": 2, "trained": True, ...})
The driver receives only the number of a fold; the scores are in the record. A failure is reported with its traceback. A worker
that does not share the driver's store sends the record with the report (cluster/transfer/worker_store.py).
"""

import dataclasses
import functools
import json
import traceback
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from cluster.transfer.node_facts import difference, node_facts
from cluster.transfer.worker_store import Report, WorkerStore, node_id
from ser_core.config.compose import as_dict, compose
from ser_core.config.moved_places import with_places, with_places_of
from ser_core.config.tree import Config
from ser_core.cross_validation.cross_validate import cross_validate_many
from ser_core.cross_validation.events import Event, FoldFailed, FoldResult, PackEpoch
from ser_core.cross_validation.plan import Plan, plan
from ser_core.cross_validation.records import FoldKey, RunStore
from ser_core.dataset.dataset import Dataset, load_dataset
from ser_core.errors import BridgeworkError, CorpusError


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


PROTOCOL = 2
"""Version of payloads and reports. Raise it when either changes, so that a driver and nodes of two versions notice."""

Piece = tuple[Trial, list[int]]
"""A trial and the numbers of its folds to train."""


def payload(
    pieces: Sequence[Piece], folder: Path, epochs: bool = False, gpus: float = 0.0, home: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Returns what a worker receives, as plain data. With `epochs`, the worker also reports after each epoch of a pack.

    `home` says where the driver's store is (cluster/tune/home.py); without it, run.store is used.
    """
    plain = [
        {
            "overrides": trial.overrides_without_seed,
            "seed": trial.seed,
            "folds": list(folds),
            "fingerprint": trial.keys[0].fingerprint,
            "split": trial.keys[0].split,
        }
        for trial, folds in pieces
    ]
    return {"pieces": plain, "folder": str(folder), "epochs": epochs, "gpus": gpus, "home": home}


def train_trial(payload: dict[str, Any]) -> None:
    """Runs in a Ray worker: trains the folds of a payload and reports each with the number of its piece.

    A fold that fails is reported as `failure` with its `traceback`. The other folds still train, since one bad fold does not
    invalidate them. Fold 0 stands for all folds of the piece.
    """
    from ray import tune

    def report(found: dict[str, Any]) -> None:
        tune.report({"protocol": PROTOCOL, **found})

    home = payload.get("home")  # an older driver sends none
    expected = home and home["facts"]
    if expected and (why := difference(_facts(), expected)):
        report({"piece": 0, "fold": 0, "failure": why, "traceback": "", "unfit": node_id()})
        return
    worker = WorkerStore(home, report) if home else None
    wanted = _plans(payload, worker, report)
    if not wanted:
        return
    numbers, plans = list(wanted), list(wanted.values())
    store = worker.store if worker else RunStore(plans[0][0].config.run.store)
    for which, event in cross_validate_many(plans, store):
        if found := report_of(event, payload["epochs"]):
            key = event.record.key if isinstance(event, FoldResult) else None
            report({"piece": numbers[which], **found, **(worker.parcel(key) if worker else {})})
    if worker:
        worker.send_rest()


@functools.cache
def _facts() -> dict[str, str]:
    """Returns this node's facts, once per process."""
    return node_facts()


def _plans(payload: dict[str, Any], worker: WorkerStore | None, report: Report) -> dict[int, tuple[Plan, list[int]]]:
    """Returns plan and folds by the number of the piece, and reports pieces that cannot be planned.

    On a cluster that ends the payload, which goes to another node: the driver has made this plan, so the node is at fault.
    """
    wanted: dict[int, tuple[Plan, list[int]]] = {}
    home = payload.get("home")
    folder, moves = Path(payload["folder"]), _moves(home["paths"]) if home else ()
    for number, piece in enumerate(payload["pieces"]):
        try:
            planned = _planned(tuple(piece["overrides"]), folder, worker.path if worker else "", moves)
            planned = planned.under_seed(piece["seed"])
            planned = _at_home(planned, piece, home["store"], folder, moves) if home else planned
            wanted[number] = planned, piece["folds"]
        except Exception as error:
            unfit = {"unfit": node_id()} if home and home["facts"] else {}
            report({"piece": number, "fold": 0, **failure(error), **unfit})
            if unfit:
                return {}
        else:
            if worker:
                worker.pieces[piece["fingerprint"], piece["split"]] = number
    return wanted


def report_of(event: Event, epochs: bool) -> dict[str, Any]:
    """Returns what the driver is told about an event, {} if nothing."""
    if isinstance(event, PackEpoch) and epochs:
        return {"fold": 0, **dataclasses.asdict(event), "failure": ""}
    if isinstance(event, FoldResult):
        record = event.record
        spent = {"seconds": record.seconds, "gpu_seconds": record.spent.get("gpu_seconds", 0.0)}
        return {"fold": event.fold, "trained": event.trained, **spent, "failure": ""}
    if isinstance(event, FoldFailed):
        return {"fold": event.fold, **failure(event.error)}
    return {}


def _moves(paths: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Returns the entries of cluster.paths that hold on this node."""
    return tuple((old, new) for old, new in paths.items() if Path(new).exists())


def _at_home(planned: Plan, piece: Mapping[str, Any], store: str, folder: Path, moves: Collection[object]) -> Plan:
    """Returns the plan with the driver's store and paths in the configuration that goes into records.

    Raises CorpusError if this node would train other folds than the driver asks for.
    """
    for what, here, wanted in (
        ("corpus", planned.folds.hash, piece["split"]),
        ("configuration", planned.fingerprint, piece["fingerprint"]),
    ):
        if here != wanted:
            raise CorpusError(
                f"it would train other folds: its {what} has the hash {here}, the driver's {wanted}; give all nodes the same "
                "corpus, texts and checkpoints"
            )
    run = dataclasses.replace(planned.config.run, store=store)
    config = dataclasses.replace(planned.config, run=run)
    recorded = with_places_of(config, _composed(tuple(piece["overrides"]), folder)) if moves else None
    return dataclasses.replace(planned, config=config, recorded=recorded)


def failure(error: Exception) -> dict[str, str]:
    """Returns the report of a failure: the message for the user, or the exception type of a defect, and the traceback."""
    sentence = str(error) if isinstance(error, BridgeworkError) else f"{type(error).__name__}: {error}"
    return {"failure": sentence, "traceback": "".join(traceback.format_exception(error))}


@functools.lru_cache(maxsize=32)
def _planned(overrides: tuple[str, ...], folder: Path, store: str = "", moves: tuple[tuple[str, str], ...] = ()) -> Plan:
    """Returns the plan of a configuration for any seed. Cached, since composing takes a tenth of a second per trial."""
    if store:
        overrides = (*(override for override in overrides if not override.startswith("run.store=")), f"run.store={store}")
    return plan_once(with_places(compose(overrides, folder), dict(moves)))


@functools.lru_cache(maxsize=32)
def _composed(overrides: tuple[str, ...], folder: Path) -> Config:
    """Returns the configuration as the driver composes it."""
    return compose(overrides, folder)


_DATASETS: dict[str, Dataset] = {}
_PLANS: dict[str, Plan] = {}


def plan_once(config: Config, progress: bool = False) -> Plan:
    """Returns `plan(config)`, cached per process and configuration. The trials of a worker share the plan and the corpus."""
    settings = as_dict(config)
    parts = [
        settings["corpus"],
        settings["audio"],
        {name: settings["model"][name] for name in config.model.channels},
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
