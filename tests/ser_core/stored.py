"""An encoder that counts what it is asked, files for it to hear, and what should come out of the store."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from torch import Tensor

from ser_core.audio import Audio
from ser_core.content_hashes import content_hashes
from ser_core.feature_store.features import Features, FeatureStore, Speech

NAN = float("nan")
COUNT = 12


class Counting:
    """An encoder of hops of 160 samples, which counts what it is asked and fails after `most` items."""

    shape = (2, 3)
    minimum_samples = 400
    side_by_side = False

    def __init__(self, most: int = 10_000, **settings: Any) -> None:
        self.most = most
        self.settings = settings
        self.asked = 0

    def identity(self) -> dict[str, Any]:
        return {"kind": "counting", **self.settings}

    def __call__(self, items: Sequence[np.ndarray | str]) -> list[Tensor]:
        self.asked += len(items)
        if self.asked > self.most:
            raise KeyboardInterrupt
        return [self._one(item) for item in items]

    def _one(self, item: np.ndarray | str) -> Tensor:
        if isinstance(item, str):
            item = np.frombuffer(item.encode().ljust(160), np.uint8).astype(np.float32)
        hops = torch.from_numpy(item[: len(item) // 160 * 160]).reshape(-1, 1, 160)
        return torch.stack([hops.mean(-1), hops.std(-1), hops.amax(-1)], -1).expand(-1, 2, 3).half()


def noises(folder: Path) -> list[Path]:
    """Writes COUNT files of noise, 0.1 to 0.33 s."""
    folder.mkdir()
    places = [folder / f"{number:02d}.wav" for number in range(COUNT)]
    for number, place in enumerate(places):
        noise = np.random.default_rng(number).uniform(-0.5, 0.5, 1600 + 321 * number)
        soundfile.write(place, noise, 16_000)
    return places


def without_length(wav: bytes) -> bytes:
    """A WAV as SoX writes it into a pipe."""
    place = wav.index(b"data") + 4
    return wav[:place] + (0x7FFFF000).to_bytes(4, "little") + wav[place + 4 :]


def speech(files: Sequence[Path], start: float = NAN, end: float = NAN) -> list[Speech]:
    hashes = content_hashes(files, files[0].parent)
    return [Speech(file.stem, str(file), start, end, hashes[str(file)]) for file in files]


def fresh(items: Sequence[Speech], audio: Audio | None = None) -> list[Tensor]:
    return [Counting()([item.read(audio or Audio(), 400)])[0] for item in items]


def same(features: Features, expected: Sequence[Tensor]) -> bool:
    assert features.lengths == [len(steps) for steps in expected]
    return all(torch.equal(features[row], steps) for row, steps in enumerate(expected))


def shards(store: FeatureStore) -> list[Path]:
    return sorted(store.folder.rglob("shard-*.safetensors"))
