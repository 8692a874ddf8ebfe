"""How a node without the driver's folder gets features: file by file from the driver, once per node, instead of extracting them.

    driver: FeatureFiles.listed() --payload--> worker: fetch_features --asks--> FileServer beside the driver --> scratch folder
The name of a shard is the hash of its bytes, so a file that is there is the right one. Ray's object store passes a file on from
any node that has it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from ser_core.content_hashes import write_atomically
from ser_core.feature_store.cache_eviction import folders_in_use
from ser_core.feature_store.features import DOUBTS

SETTINGS = "settings.json"
_FETCHED: set[tuple[str, str, str]] = set()
"""Files that this process knows to be there: scratch folder, folder of features, name."""


class FileServer:
    """An actor beside the driver that reads files of features for the nodes."""

    def __init__(self, features: str) -> None:
        self._features = Path(features)
        self._read: dict[tuple[str, str], Any] = {}

    def read(self, folder: str, name: str) -> list[Any]:
        """Returns a reference to the content of a file, in a list, so that Ray does not copy the content on the way."""
        import ray

        place = self._features / Path(folder).name / Path(name).name
        if name == DOUBTS:  # the only file that changes
            return [ray.put(place.read_bytes())]
        if (folder, name) not in self._read:
            self._read[folder, name] = ray.put(place.read_bytes())
        return [self._read[folder, name]]


class FeatureFiles:
    """The features that the driver has used, as its workers find them. The actor starts with the first listing."""

    def __init__(self, cache: Path) -> None:
        self.features = cache / "features"
        self._server: Any = None

    def listed(self) -> dict[str, Any]:
        """Returns the actor and the names of all files, by folder; {} if the driver has used no features of this cache."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        folders = [place for place in folders_in_use() if place.parent == self.features and (place / SETTINGS).exists()]
        if not folders:
            return {}
        if self._server is None:
            here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), False)
            self._server = ray.remote(num_cpus=0, max_restarts=-1)(FileServer).options(scheduling_strategy=here)
            self._server = self._server.remote(str(self.features))
        return {"server": self._server, "files": {place.name: _names(place) for place in folders}}


def _names(place: Path) -> list[str]:
    """Returns the files of a folder of features, its settings last: they show that the rest is there."""
    doubts = [DOUBTS] if (place / DOUBTS).exists() else []
    return [*sorted(file.name for file in place.glob("shard-*.safetensors")), *doubts, SETTINGS]


def fetch_features(features: Mapping[str, Any], store: Path) -> None:
    """Runs on a node: brings the listed files into the cache of a scratch store. Processes of a node wait for each other.

    If the driver's machine cannot send them, nothing is raised: this node then extracts them.
    """
    import ray
    from ray.exceptions import RayError

    target = store / "cache" / "features"
    listed = [(str(store), folder, name) for folder, names in features.get("files", {}).items() for name in names]
    wanted = [file for file in listed if file not in _FETCHED]
    if not wanted:
        return
    target.mkdir(parents=True, exist_ok=True)
    with FileLock(target / ".fetching.lock"):
        for _, folder, name in wanted:
            place = target / folder / name
            if not place.exists():
                try:
                    content: Any = ray.get(ray.get(features["server"].read.remote(folder, name))[0])
                except RayError:
                    return
                place.parent.mkdir(exist_ok=True)
                write_atomically(place, content)
    _FETCHED.update(wanted)
