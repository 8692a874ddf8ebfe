"""Features of frozen encoders: computed once, kept on disk by content, memory-mapped by every trial.

    <folder>/features/<encoder and audio settings>/settings.json
                                                   shard-<its own sha256>.safetensors    {content: [time layers dim]}
                                                   contents.json, doubts.json, extracting.lock

A key is the hash of everything the features depend on: the file's bytes, the segment and how much of it is read, the
augmentation before the encoder, the encoder's weights and settings. A renamed file or a moved corpus therefore finds its
features, and looking them up decodes no file. A shard is written completely or not at all: a killed run loses at most the
shard it was filling. Its name is the hash of its bytes; a shard that no longer matches is discarded and extracted again.
"""

import dataclasses
import functools
import hashlib
import json
import os
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from ser_core.audio import SAMPLE_RATE_HZ, Audio, doubt_of, load
from ser_core.augment import EDITION, augment
from ser_core.content_hashes import DIGITS, content_hashes, write_atomically
from ser_core.encoders.encoder import Extractor
from ser_core.encoders.features.stored import Stored
from ser_core.errors import AudioError
from ser_core.feature_store.cache_eviction import make_room, mark_used
from ser_core.feature_store.extraction import Computed, Encoder, elsewhere
from ser_core.one_thread import one_thread_each, use_one_thread
from ser_core.progress import bar

LAYOUT = 2
"""Increased by one when the code changes the meaning of a key; older features are then ignored and extracted again."""
DOUBTS = "doubts.json"
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
AHEAD = 2 * CORES + 4
"""Maximum number of utterances in progress at the same time."""


@dataclasses.dataclass(frozen=True)
class Speech:
    """A speech utterance: its file, its start and end in seconds (NaN: those of the file), and the content hash of its file.

    `change` is the augmentation (NAME or NAME:VALUE), "" for none. Its random draw depends on the content, not on the path.
    """

    utterance: str
    file: str
    start: float
    end: float
    content: str
    change: str = ""

    @property
    def segment_id(self) -> str:
        """Identifies the audio. Unreadable files are identified by path, because each has its own reason."""
        return f"{self.content or self.file} {float(self.start)!r} {float(self.end)!r}"

    @property
    def doubt(self) -> str:
        """Returns why the file may be incomplete; "" if it is complete."""
        return doubt_of(self.file, self.end)

    @property
    def key(self) -> str:
        # EDITION belongs to the augmentations, so it counts only for a changed waveform.
        return _digest(f"{self.segment_id} {self.change} {EDITION}" if self.change else self.segment_id)

    def read(self, audio: Audio, minimum_samples: int) -> np.ndarray:
        """Returns the waveform. Raises AudioError."""
        wave = load(self.file, self.start, self.end, audio, minimum_samples)
        if not self.content:
            raise AudioError("could not be read a moment ago; run the command again")
        if not self.change:
            return wave
        changed = augment(wave, self.change, self.segment_id)
        if len(changed) < minimum_samples:
            raise AudioError(f"too short after {self.change}: {len(changed)} samples, and the encoder needs {minimum_samples}")
        return changed


@dataclasses.dataclass(frozen=True)
class Text:
    """A text utterance."""

    utterance: str
    text: str
    doubt: str = ""

    @property
    def key(self) -> str:
        return _digest(self.text)

    def read(self, audio: Audio, minimum_samples: int) -> str:
        return self.text


Item = Speech | Text | Stored


class Features:
    """Features of some items in order, mapped from disk, so that unused features take no memory."""

    def __init__(self, items: Sequence[Item], shards: "Shards", refused: Mapping[str, str]) -> None:
        self.refused: dict[str, str] = dict(refused)
        """Reasons by utterance for items without features. Their length is 0, and reading one raises AudioError."""
        self.lengths: list[int] = [shards.lengths.get(item.key, 0) for item in items]
        """Steps of each item."""
        self._items = items
        self._shards = shards

    @property
    def doubts(self) -> dict[str, str]:
        """Returns why an item may be incomplete, by utterance; recorded when its features were extracted."""
        noted = read_doubts(self._shards.place)
        return {item.utterance: noted[item.key] for item in self._items if item.key in noted} if noted else {}

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, row: int) -> Tensor:
        """Returns float16 [time layers dim], a read-only view of the file."""
        item = self._items[row]
        if not self.lengths[row]:
            raise AudioError(f"{item.utterance}: {self.refused[item.utterance]}")
        return self._shards[item.key]


class FeatureStore:
    """Folder of features. Any number of processes may use it at once: one extracts, the others wait and then read.

    A shard is closed when it reaches `shard_bytes`, or after `shard_seconds` of extraction. The least recently used features are
    deleted when all together exceed `budget_gb` (0: no limit).
    """

    def __init__(
        self, folder: Path | str, shard_bytes: int = 32 << 20, shard_seconds: float = 60.0, budget_gb: float = 0.0
    ) -> None:
        self.folder, self.budget_gb = Path(folder).absolute(), budget_gb
        self.shard_bytes = shard_bytes
        self.shard_seconds = shard_seconds

    def features(
        self, items: Sequence[Item], extractor: Extractor, audio: Audio, progress: bool = False, encoder: Encoder | None = None
    ) -> Features:
        """Returns the features of all items; extracts and stores the missing ones. Texts do not depend on `audio`.

        With `encoder`, which describes the extractor, missing features may be computed elsewhere (extraction.py).

        If everything is stored, the extractor is only asked for its identity. An item with unusable audio is only in
        `refused`. Raises SettingError if the encoder cannot be loaded.
        """
        items = tuple(items)
        place = self.place(extractor, audio, any(isinstance(item, Speech) for item in items))
        shards = Shards(place)
        # Before the check, so that another process that makes room takes these features for used.
        mark_used(place)
        if all(item.key in shards.lengths for item in items):
            return Features(items, shards, {})
        with _alone(place, progress):
            # Look again: another process may have extracted everything while this one waited for the lock.
            shards = Shards(place)
            shards.clear_away()
            missing = {item.key: item for item in items if item.key not in shards.lengths}
            compute, wanted = elsewhere(), list(missing.values())
            computed = compute(wanted, encoder, audio) if compute and encoder else extract_ahead(wanted, audio, extractor)
            reasons = self._write_shards(len(wanted), computed, place, progress)
        make_room(self.folder / "features", self.budget_gb)
        refused = {item.utterance: reasons[item.key] for item in items if item.key in reasons}
        return Features(items, Shards(place), refused)

    def place(self, extractor: Extractor, audio: Audio, speech: bool) -> Path:
        """Returns the folder for one extractor and these audio settings; its `settings.json` describes both."""
        settings: dict[str, Any] = {"layout": LAYOUT, "extractor": extractor.identity()}
        if speech:
            settings |= {"audio": dataclasses.asdict(audio), "sample_rate_hz": SAMPLE_RATE_HZ}
        text = json.dumps(settings, sort_keys=True, indent=1)
        place = self.folder / "features" / _digest(text)[:16]
        if not (place / "settings.json").exists():
            place.mkdir(parents=True, exist_ok=True)
            write_atomically(place / "settings.json", text)
        return place

    def _write_shards(self, count: int, computed: Computed, place: Path, progress: bool) -> dict[str, str]:
        """Writes shards until every computed item is in one, and returns the reason by key for items that cannot be used."""
        reasons: dict[str, str] = {}
        filling: dict[str, Tensor] = {}
        doubts: dict[str, str] = {}
        opened, size = time.monotonic(), 0
        try:
            with bar(count, "extracting features", progress) as advance:
                for item, found in computed:
                    if isinstance(found, AudioError):
                        reasons[item.key] = str(found)
                    else:
                        filling[item.key] = found
                        size += found.nbytes
                        if doubt := item.doubt:
                            doubts[item.key] = doubt
                    if size >= self.shard_bytes or time.monotonic() - opened >= self.shard_seconds:
                        _write_shard(place, filling, doubts)
                        filling, opened, size = {}, time.monotonic(), 0
                    advance()
        finally:
            # After an error or Ctrl-C too: what is computed is kept.
            _write_shard(place, filling, doubts)
        return reasons


@contextmanager
def _alone(place: Path, progress: bool) -> Iterator[None]:
    """Locks a folder against other processes that want to extract into it."""
    lock = FileLock(place / "extracting.lock")
    with bar(1, "waiting for another process that is extracting features", progress):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


class Shards:
    """The undamaged shards of a folder: the length of each item's features, and the features, mapped."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.lengths: dict[str, int] = {}
        self._shard_of: dict[str, Path] = {}
        self._damaged: list[Path] = []
        files = sorted(place.glob("shard-*.safetensors"))
        # Cached in the folder, so a shard is hashed once and not at every start.
        hashes = content_hashes(files, place)
        for file in files:
            if file.stem != f"shard-{hashes[str(file)]}":
                self._damaged.append(file)
                continue
            for key in self._open(file).keys():  # noqa: SIM118 (a safetensors file is no dictionary)
                self.lengths[key] = self._open(file).get_slice(key).get_shape()[0]
                self._shard_of[key] = file

    def __getitem__(self, key: str) -> Tensor:
        return self._open(self._shard_of[key]).get_tensor(key)

    def clear_away(self) -> None:
        """Deletes damaged shards and drafts of killed runs. Only the process that holds the lock may call it."""
        for file in (*self._damaged, *self.place.glob(".shard-*")):
            file.unlink(missing_ok=True)

    @functools.cached_property
    def _opened(self) -> dict[Path, Any]:
        return {}

    def _open(self, file: Path) -> Any:
        if file not in self._opened:
            self._opened[file] = safe_open(file, framework="pt")
        return self._opened[file]

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out the open files, because another process maps them itself."""
        return {name: value for name, value in self.__dict__.items() if name != "_opened"}


def read_doubts(place: Path) -> dict[str, str]:
    """Reads the recorded doubts about the source files of a folder of features, by key."""
    try:
        noted = json.loads((place / DOUBTS).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _write_shard(place: Path, features: Mapping[str, Tensor], doubts: Mapping[str, str]) -> None:
    """Writes the doubts about source files, then the features under the hash of their bytes, completely or not at all."""
    if not features:
        return
    # Doubts first. A file is examined only when it is extracted, so a kill in between would lose its doubt.
    if doubts:
        write_atomically(place / DOUBTS, json.dumps(read_doubts(place) | dict(doubts)))
    content = save(dict(features))
    draft = place / f".shard-{uuid.uuid4().hex}"
    draft.write_bytes(content)
    draft.replace(place / f"shard-{hashlib.sha256(content).hexdigest()[:DIGITS]}.safetensors")


def extract_ahead(items: Sequence[Item], audio: Audio, extractor: Extractor) -> Iterator[tuple[Item, Tensor | AudioError]]:
    """Yields items with their features, or the AudioError that reading raised. Computes a few items ahead of the consumer.

    Each item is computed on one thread, several in parallel if the extractor allows it, so the number of cores never
    changes a bit.
    """

    def read(item: Item) -> np.ndarray | str | AudioError:
        try:
            return item.read(audio, extractor.minimum_samples)
        except AudioError as error:
            return error

    def made(content: np.ndarray | str | AudioError) -> Tensor | AudioError:
        # safetensors stores only contiguous tensors.
        return content if isinstance(content, AudioError) else extractor([content])[0].contiguous()

    # If the encoder is not thread-safe, the pool only reads audio, and the encoder runs in this thread.
    together = extractor.side_by_side
    first: Callable[[Item], Any] = (lambda item: made(read(item))) if together else read
    waiting: deque[tuple[Item, Future[Any]]] = deque()
    with one_thread_each(), ThreadPoolExecutor(CORES if together else 2, initializer=use_one_thread) as pool:
        try:
            # The empty entries at the end drain the queue.
            for number, item in enumerate([*items, *[None] * AHEAD]):
                if item is not None:
                    waiting.append((item, pool.submit(first, item)))
                if number >= AHEAD and waiting:
                    # In the order of the items, so a shard does not depend on which thread is faster.
                    done, future = waiting.popleft()
                    yield done, future.result() if together else made(future.result())
        finally:
            # The consumer may stop early; then nothing more is computed.
            pool.shutdown(cancel_futures=True)


def compute_here(items: Sequence[Item], encoder: Encoder, audio: Audio) -> Computed:
    """Computes features in this process, for a caller of `extracting_with` that cannot do it elsewhere."""
    extractor = encoder.extractor(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    assert extractor is not None
    return extract_ahead(items, audio, extractor)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
