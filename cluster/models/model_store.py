"""Where trained models lie: <store>/models/<key>/, named by what they are, like folds.

settings, corpus, seeds, epochs --sha256--> key          `ser train` again finds the key and trains nothing
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from ser_core.cross_validation.plan import Plan
from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError, nearest
from ser_core.trained.description import FILE

FOLDER = "models"


def model_key(planned: Plan, seeds: Sequence[int], epochs: Sequence[int]) -> str:
    """Returns the name of the model that a plan trains on everyone, 16 hex digits. The plan's own seed has no part in it."""
    content = [planned.under_seed(0).fingerprint, planned.folds.hash, list(seeds), list(epochs)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def place_of(store: RunStore, key: str) -> Path:
    """Returns the folder of a model."""
    return store.folder / FOLDER / key


def known_models(store: RunStore) -> list[Path]:
    """Returns the folders of the finished models of a store, the latest first."""
    found = [file.parent for file in (store.folder / FOLDER).glob(f"*/{FILE}")]
    return sorted(found, key=lambda folder: (folder / FILE).stat().st_mtime, reverse=True)


def find_model(name: str, folder: Path) -> Path:
    """Returns the folder of a model: a path, or the beginning of a key in the store. Raises RecordError with what there is."""
    given = Path(name).expanduser()
    if (given / FILE).is_file():
        return given
    known = known_models(RunStore(folder))
    found = [place for place in known if place.name.startswith(name)]
    if len(found) == 1:
        return found[0]
    keys = [place.name for place in known]
    if found:
        raise RecordError(f"{name} may be any of {', '.join(place.name for place in found)}; give more digits")
    if given.exists():
        raise RecordError(f"{name} holds no {FILE}, so it is no model; give a folder that `ser train` or `ser export` wrote")
    listed = f"; {folder} has {', '.join(keys)}" if keys else "; `ser train` makes one"
    raise RecordError(f"there is no model {name}{nearest(name, keys)}{listed}")
