"""Computes missing features on the nodes of a joined cluster, so that the driver needs neither a GPU nor much memory.

    feature store --missing items--> batches --Ray tasks (on GPUs where there are any)--> features, in order --> feature store
A node reads the audio itself if it has the same file at the same path; otherwise the driver sends the waveform. What has come is
stored at once, so an interrupted command continues where it stopped.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cluster.notices import print_notices
from cluster.tune.nodes import NODE_LABEL, Nodes
from cluster.tune.resources import Cluster
from cluster.tune.session import ray_running
from ser_core.audio import Audio
from ser_core.content_hashes import file_hash
from ser_core.errors import AudioError, BridgeworkError
from ser_core.feature_store.extraction import Computed, Encoder, extracting_with
from ser_core.feature_store.features import Item, Speech, compute_here

BATCH = 16
"""Items per task: some seconds of work on a core, so that the loss of a node costs little."""
Read = np.ndarray | str | AudioError
"""What an encoder gets: a waveform, a text, or the reason why there is none."""


@contextmanager
def extracting_on(cluster: Cluster, store: Path) -> Iterator[None]:
    """Inside the block, missing features are computed on the joined cluster, if there is one. `store` is the driver's."""
    if not cluster.address:
        yield
        return
    with extracting_with(NodeExtraction(cluster, store)):
        yield


class NodeExtraction:
    """Computes features on nodes. Joins Ray for as long as that takes, unless it is joined already."""

    def __init__(self, cluster: Cluster, store: Path) -> None:
        self.cluster, self.store = cluster, store
        self._training = self._sends = False
        """Whether trials run meanwhile; whether waveforms travel with the tasks, since a node has not found the files."""

    def __call__(self, items: Sequence[Item], encoder: Encoder, audio: Audio) -> Computed:
        """Yields each item with its features or the reason why it has none, in order."""
        import ray

        with ExitStack() as stack:
            # While trials hold all cores, a task that asked for one would wait for ever: Tune waits for these features.
            self._training = ray.is_initialized()
            if not self._training:
                stack.enter_context(ray_running(self.cluster, self.store))
            nodes = Nodes(self.cluster)
            try:
                nodes.check()
            except BridgeworkError:  # training will say it again, with the remedy
                yield from compute_here(items, encoder, audio)
                return
            yield from self._on_nodes(items, encoder, audio, nodes)

    def _on_nodes(self, items: Sequence[Item], encoder: Encoder, audio: Audio, nodes: Nodes) -> Computed:
        from ray.exceptions import RayError

        batches = [list(items[start : start + BATCH]) for start in range(0, len(items), BATCH)]
        gpus = 1 if nodes.resource("GPU") and not self._training else 0
        # Two batches per slot: one that is computed and one that waits.
        ahead = 2 * max(1, int(nodes.resource("GPU") if gpus else nodes.resource("CPU")))
        waiting: deque[tuple[list[Item], Any]] = deque()
        submit = self._submitter(encoder, audio, nodes, gpus)
        for number in range(len(batches) + ahead):
            if number < len(batches):
                waiting.append((batches[number], submit(batches[number])))
            if number >= ahead and waiting:
                batch, asked = waiting.popleft()
                try:
                    yield from self._answer(batch, asked, submit)
                except RayError as error:
                    lines = str(error).strip().splitlines()
                    print_notices([f"a node could not extract features ({lines[-1]}); this machine extracts the rest"])
                    left = [batch, *(each for each, _ in waiting), *batches[number + 1 :]]
                    yield from compute_here([item for each in left for item in each], encoder, audio)
                    return

    def _submitter(self, encoder: Encoder, audio: Audio, nodes: Nodes, gpus: int) -> Any:
        """Returns a function that starts the task of a batch."""
        import ray

        minimum = _minimum_samples(encoder)
        off: dict[str, Any] = (
            {"label_selector": {NODE_LABEL: f"!in({','.join(sorted(nodes.left_out))})"}} if nodes.left_out else {}
        )
        task = ray.remote(compute_batch).options(num_cpus=0 if self._training else 1, num_gpus=gpus, max_retries=3, **off)

        def submit(batch: list[Item]) -> Any:
            contents = [_read(item, audio, minimum) for item in batch] if self._sends else None
            return task.remote(batch, contents, encoder, audio)

        return submit

    def _answer(self, batch: list[Item], asked: Any, submit: Any) -> Computed:
        """Yields the items of a batch. Sends the waveforms if the node lacks the files. Raises RayError if no node can do it."""
        import ray

        found = ray.get(asked)
        if found is None:
            self._sends = True
            found = ray.get(submit(batch))
        for item, features in zip(batch, found, strict=True):
            yield item, features if isinstance(features, AudioError) else torch.from_numpy(np.array(features))


def compute_batch(
    batch: Sequence[Item], contents: Sequence[Read] | None, encoder: Encoder, audio: Audio
) -> list[np.ndarray | AudioError] | None:
    """Runs on a node: returns the features of a batch as float16 [time layers dim]; None if the node lacks a file of it."""
    torch.set_num_threads(1)  # as in the driver, so that the number of cores never changes a bit
    extractor = _extractor(encoder)
    if contents is None:
        if not _has_files(batch):
            return None
        contents = [_read(item, audio, extractor.minimum_samples) for item in batch]
    return [each if isinstance(each, AudioError) else _features(extractor, each).numpy() for each in contents]


def _features(extractor: Any, content: np.ndarray | str) -> Tensor:
    # A waveform that came through Ray is read-only, and PyTorch warns about that.
    found: Tensor = extractor([np.array(content) if isinstance(content, np.ndarray) else content])[0]
    return found.contiguous()


def _has_files(batch: Sequence[Item]) -> bool:
    """Whether this node has the same files at the same paths."""
    wanted = {item.file: item.content for item in batch if isinstance(item, Speech) and item.content}
    return all(Path(file).is_file() and file_hash(file) == content for file, content in wanted.items())


def _read(item: Item, audio: Audio, minimum_samples: int) -> Read:
    try:
        return item.read(audio, minimum_samples)
    except AudioError as error:
        return error


def _minimum_samples(encoder: Encoder) -> int:
    extractor = encoder.extractor(torch.device("cpu"))
    return extractor.minimum_samples if extractor else 0


_EXTRACTORS: dict[str, Any] = {}


def _extractor(encoder: Encoder) -> Any:
    """Returns the extractor on this node's GPU or CPU, kept from task to task."""
    if (name := repr(encoder)) not in _EXTRACTORS:
        _EXTRACTORS.clear()
        _EXTRACTORS[name] = encoder.extractor(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    return _EXTRACTORS[name]
