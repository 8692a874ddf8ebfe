"""Features of frozen encoders: computed once, kept on disk by content, memory-mapped by every trial.

    <folder>/features/<encoder and audio settings>/settings.json
                                                   shard-<its own sha256>.safetensors    {content: [time layers dim]}
                                                   contents.json, doubts.json, extracting.lock

A key is the hash of what the features depend on (the file's bytes, the segment, what of it is read, what it goes through
before the encoder, the encoder's weights and settings), so a renamed file or a moved corpus finds its features, and no
file is decoded to look them up. A shard is written whole or not at all: a run that is killed loses at most the shard it
was filling. Its name is the hash of its bytes; one that no longer matches is thrown away and extracted again.
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
from ser_core.content_hashes import DIGITS, content_hashes, write_whole
from ser_core.encoders.encoder import Extractor
from ser_core.errors import AudioError
from ser_core.feature_store.cache_eviction import make_room, mark_used
from ser_core.progress import bar

LAYOUT = 2
"""Raised by one when the code changes what a key means: older features are then left alone and extracted anew."""
DOUBTS = "doubts.json"
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
AHEAD = 2 * CORES + 4
"""Utterances under way at once."""


@dataclasses.dataclass(frozen=True)
class Speech:
    """An utterance to listen to: where it lies, in seconds (NaN: the file's own ends), and its file's content hash.

    `change` is the augmentation that it goes through (NAME or NAME:VALUE), "" for none; what is drawn there follows from
    the content, not from where it lies.
    """

    utterance: str
    file: str
    start: float
    end: float
    content: str
    change: str = ""

    @property
    def heard(self) -> str:
        """Files that cannot be read are told apart by their place, since each is refused for a reason of its own."""
        return f"{self.content or self.file} {float(self.start)!r} {float(self.end)!r}"

    @property
    def doubt(self) -> str:
        """Why the file may be only a part of what was recorded; "" where it is not."""
        return doubt_of(self.file, self.end)

    @property
    def key(self) -> str:
        return _digest(f"{self.heard} {self.change} {EDITION}" if self.change else self.heard)

    def read(self, audio: Audio, minimum_samples: int) -> np.ndarray:
        """The waveform. Raises AudioError."""
        wave = load(self.file, self.start, self.end, audio, minimum_samples)
        if not self.content:
            raise AudioError("could not be read a moment ago; run the command again")
        if not self.change:
            return wave
        changed = augment(wave, self.change, self.heard)
        if len(changed) < minimum_samples:
            raise AudioError(f"too short after {self.change}: {len(changed)} samples, and the encoder needs {minimum_samples}")
        return changed


@dataclasses.dataclass(frozen=True)
class Text:
    """An utterance to read."""

    utterance: str
    text: str
    doubt: str = ""

    @property
    def key(self) -> str:
        return _digest(self.text)

    def read(self, audio: Audio, minimum_samples: int) -> str:
        return self.text


Item = Speech | Text


class Features:
    """Features of some items in their order, mapped from disk: what is not looked at is not in memory."""

    def __init__(self, items: Sequence[Item], shards: "Shards", refused: Mapping[str, str]) -> None:
        self.refused: dict[str, str] = dict(refused)
        """Reason by utterance for items without features: their length is 0, and asking for one raises AudioError."""
        self.lengths: list[int] = [shards.lengths.get(item.key, 0) for item in items]
        """Steps of each item."""
        self._items = items
        self._shards = shards

    @property
    def doubts(self) -> dict[str, str]:
        """Why an item may be only a part of what was recorded, by utterance; it was noted when its features were extracted."""
        noted = read_doubts(self._shards.place)
        return {item.utterance: noted[item.key] for item in self._items if item.key in noted} if noted else {}

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, row: int) -> Tensor:
        """float16 [time layers dim]; a view of the file, not to be written to."""
        item = self._items[row]
        if not self.lengths[row]:
            raise AudioError(f"{item.utterance}: {self.refused[item.utterance]}")
        return self._shards[item.key]


class FeatureStore:
    """Folder of features. Any number of processes may use it at once: one extracts, the others wait and then read.

    A shard is closed when it holds `shard_bytes`, or after `shard_seconds` of extraction. Features that were not used for long go
    when all of them take more than `budget_gb` (0: no bound).
    """

    def __init__(
        self, folder: Path | str, shard_bytes: int = 32 << 20, shard_seconds: float = 60.0, budget_gb: float = 0.0
    ) -> None:
        self.folder, self.budget_gb = Path(folder).absolute(), budget_gb
        self.shard_bytes = shard_bytes
        self.shard_seconds = shard_seconds

    def features(self, items: Sequence[Item], extractor: Extractor, audio: Audio, progress: bool = False) -> Features:
        """The features of all items; what is not stored yet is extracted and stored. `audio` does not matter to texts.

        When everything is stored the extractor is asked for its identity only. An item whose audio cannot be used is
        in `refused` and nowhere else. Raises SettingError where the encoder cannot be loaded.
        """
        items = tuple(items)
        place = self.place(extractor, audio, any(isinstance(item, Speech) for item in items))
        shards = Shards(place)
        mark_used(place)
        if all(item.key in shards.lengths for item in items):
            return Features(items, shards, {})
        with _alone(place, progress):
            shards = Shards(place)
            shards.clear_away()
            missing = {item.key: item for item in items if item.key not in shards.lengths}
            reasons = self._extract(list(missing.values()), extractor, audio, place, progress)
        make_room(self.folder / "features", self.budget_gb)
        refused = {item.utterance: reasons[item.key] for item in items if item.key in reasons}
        return Features(items, Shards(place), refused)

    def place(self, extractor: Extractor, audio: Audio, speech: bool) -> Path:
        """The folder of what one extractor makes of what `audio` lets it hear; `settings.json` in it says so."""
        settings: dict[str, Any] = {"layout": LAYOUT, "extractor": extractor.identity()}
        if speech:
            settings |= {"audio": dataclasses.asdict(audio), "sample_rate_hz": SAMPLE_RATE_HZ}
        text = json.dumps(settings, sort_keys=True, indent=1)
        place = self.folder / "features" / _digest(text)[:16]
        if not (place / "settings.json").exists():
            place.mkdir(parents=True, exist_ok=True)
            write_whole(place / "settings.json", text)
        return place

    def _extract(self, items: list[Item], extractor: Extractor, audio: Audio, place: Path, progress: bool) -> dict[str, str]:
        """Writes shards until every item is in one, and returns the reason by key for those that cannot be."""
        reasons: dict[str, str] = {}
        filling: dict[str, Tensor] = {}
        doubts: dict[str, str] = {}
        opened, size = time.monotonic(), 0
        try:
            with bar(len(items), "extracting features", progress) as advance:
                for item, found in _made_ahead(items, audio, extractor):
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
            _write_shard(place, filling, doubts)
        return reasons


@contextmanager
def _alone(place: Path, progress: bool) -> Iterator[None]:
    """Holds a folder against other processes that want to extract into it."""
    lock = FileLock(place / "extracting.lock")
    with bar(1, "waiting for another process that extracts", progress):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


class Shards:
    """The undamaged shards of a folder: how long each item's features are, and the features, mapped."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.lengths: dict[str, int] = {}
        self._shard_of: dict[str, Path] = {}
        self._damaged: list[Path] = []
        files = sorted(place.glob("shard-*.safetensors"))
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
        """Deletes damaged shards and the drafts of killed runs; only for the process that holds the lock."""
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
        """Without the open files: another process maps them for itself."""
        return {name: value for name, value in self.__dict__.items() if name != "_opened"}


def read_doubts(place: Path) -> dict[str, str]:
    """What is noted in a folder of features about the files they were made of, by key."""
    try:
        noted = json.loads((place / DOUBTS).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _write_shard(place: Path, features: Mapping[str, Tensor], doubts: Mapping[str, str]) -> None:
    """Writes features under the hash of their bytes, whole or not at all, and before them the doubts about their files."""
    if not features:
        return
    if doubts:
        write_whole(place / DOUBTS, json.dumps(read_doubts(place) | dict(doubts)))
    content = save(dict(features))
    draft = place / f".shard-{uuid.uuid4().hex}"
    draft.write_bytes(content)
    draft.replace(place / f"shard-{hashlib.sha256(content).hexdigest()[:DIGITS]}.safetensors")


def _made_ahead(items: Sequence[Item], audio: Audio, extractor: Extractor) -> Iterator[tuple[Item, Tensor | AudioError]]:
    """Items with their features, or the AudioError that reading raised, made a few ahead of whoever consumes them.

    Each is computed on one thread, several side by side where the extractor allows it: how many cores a machine has
    then changes no bit.
    """

    def read(item: Item) -> np.ndarray | str | AudioError:
        try:
            return item.read(audio, extractor.minimum_samples)
        except AudioError as error:
            return error

    def made(content: np.ndarray | str | AudioError) -> Tensor | AudioError:
        return content if isinstance(content, AudioError) else extractor([content])[0].contiguous()

    together = extractor.side_by_side
    first: Callable[[Item], Any] = (lambda item: made(read(item))) if together else read
    waiting: deque[tuple[Item, Future[Any]]] = deque()
    with _one_thread_each(), ThreadPoolExecutor(CORES if together else 2) as pool:
        try:
            for number, item in enumerate([*items, *[None] * AHEAD]):
                if item is not None:
                    waiting.append((item, pool.submit(first, item)))
                if number >= AHEAD and waiting:
                    done, future = waiting.popleft()
                    yield done, future.result() if together else made(future.result())
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Lets every operation of PyTorch use one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
