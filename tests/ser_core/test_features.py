"""The feature store: what it returns is what the extractor makes, once, whatever happens to the process or the disk."""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from ser_core.audio import Audio
from ser_core.contents import content_hashes
from ser_core.encoders import SpeechCheckpoint
from ser_core.errors import AudioError, SettingError
from ser_core.features import Features, FeatureStore, Speech, Text
from tests.ser_core.encoders.checkpoints import speech_checkpoint
from tests.shared_material import ROOT

NAN = float("nan")
COUNT = 12


class Counting:
    """An encoder of hops of 160 samples, which counts what it is asked and fails after `most` items."""

    shape = (2, 3)
    minimum_samples = 400

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


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    (tmp_path / "audio").mkdir()
    places = [tmp_path / "audio" / f"{number:02d}.wav" for number in range(COUNT)]
    for number, place in enumerate(places):
        noise = np.random.default_rng(number).uniform(-0.5, 0.5, 1600 + 321 * number)
        soundfile.write(place, noise, 16_000)
    return places


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "store")


def speech(files: Sequence[Path], start: float = NAN) -> list[Speech]:
    hashes = content_hashes(files, files[0].parent)
    return [Speech(file.stem, str(file), start, NAN, hashes[str(file)]) for file in files]


def fresh(items: Sequence[Speech], audio: Audio | None = None) -> list[Tensor]:
    return [Counting()([item.read(audio or Audio(), 400)])[0] for item in items]


def same(features: Features, expected: Sequence[Tensor]) -> bool:
    assert features.lengths == [len(steps) for steps in expected]
    return all(torch.equal(features[row], steps) for row, steps in enumerate(expected))


def shards(store: FeatureStore) -> list[Path]:
    return sorted(store.folder.rglob("shard-*.safetensors"))


def test_what_is_stored_is_what_the_extractor_makes(files: list[Path], store: FeatureStore) -> None:
    items = speech(files)
    extractor = Counting()
    first = store.features(items, extractor, Audio())
    assert same(first, fresh(items))
    assert len(first) == extractor.asked == COUNT
    again = FeatureStore(store.folder).features(items[::-1], extractor, Audio())
    assert same(again, fresh(items)[::-1])
    assert extractor.asked == COUNT
    assert first[0].dtype == torch.float16


def test_only_what_is_missing_is_extracted(files: list[Path], store: FeatureStore) -> None:
    items = speech(files)
    extractor = Counting()
    store.features(items[:5], extractor, Audio())
    assert same(store.features(items, extractor, Audio()), fresh(items))
    assert extractor.asked == COUNT


def test_features_follow_the_content_and_not_the_place(files: list[Path], store: FeatureStore, tmp_path: Path) -> None:
    extractor = Counting()
    store.features(speech(files), extractor, Audio())
    (tmp_path / "moved").mkdir()
    moved = [file.rename(tmp_path / "moved" / f"new-{file.name}") for file in files]
    store.features(speech(moved), extractor, Audio())
    assert extractor.asked == COUNT
    moved[3].write_bytes(moved[4].read_bytes() + b"\0\0")
    assert same(store.features(speech(moved), extractor, Audio()), fresh(speech(moved)))
    assert extractor.asked == COUNT + 1


@pytest.mark.parametrize("change", ["segment", "audio", "extractor"])
def test_every_setting_is_part_of_the_key(files: list[Path], store: FeatureStore, change: str) -> None:
    store.features(speech(files), Counting(), Audio())
    start = 0.05 if change == "segment" else NAN
    audio = Audio(max_seconds=0.1) if change == "audio" else Audio()
    extractor = Counting(layers=2) if change == "extractor" else Counting()
    items = speech(files, start)
    assert same(store.features(items, extractor, audio), fresh(items, audio))
    assert extractor.asked == COUNT


def test_texts_are_extracted_once_each_whatever_the_audio_settings(store: FeatureStore) -> None:
    extractor = Counting()
    items = [Text(f"u{number}", text) for number, text in enumerate(["so sad", "so happy", "so sad", ""])]
    features = store.features(items, extractor, Audio())
    assert extractor.asked == 3
    assert torch.equal(features[0], features[2])
    assert not torch.equal(features[0], features[1])
    store.features(items, extractor, Audio(max_seconds=1.0))
    assert extractor.asked == 3


def test_unusable_audio_is_named_and_never_replaced(files: list[Path], store: FeatureStore) -> None:
    files[2].unlink()
    soundfile.write(files[5], np.zeros(5000), 16_000)
    items = speech(files)
    features = store.features(items, Counting(), Audio())
    assert {name: reason.partition(":")[0] for name, reason in features.refused.items()} == {
        "02": "missing",
        "05": "silent",
    }
    assert features.lengths[2] == features.lengths[5] == 0
    with pytest.raises(AudioError, match=r"^05: silent"):
        features[5]
    kept = [row for row in range(COUNT) if row not in (2, 5)]
    expected = fresh([items[row] for row in kept])
    assert all(torch.equal(features[row], steps) for row, steps in zip(kept, expected, strict=True))
    assert store.features(items, Counting(most=0), Audio()).refused == features.refused


def test_nothing_to_extract_is_no_features(store: FeatureStore) -> None:
    assert len(store.features([], Counting(most=0), Audio())) == 0


def test_an_interrupted_run_keeps_what_it_has(files: list[Path], store: FeatureStore) -> None:
    items = speech(files)
    with pytest.raises(KeyboardInterrupt):
        store.features(items, Counting(most=7), Audio())
    rest = Counting()
    assert same(store.features(items, rest, Audio()), fresh(items))
    assert rest.asked == COUNT - 7


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "header"])
def test_a_damaged_shard_is_made_again(files: list[Path], tmp_path: Path, damage: str) -> None:
    store = FeatureStore(tmp_path / "store", shard_bytes=500)
    items = speech(files)
    store.features(items, Counting(), Audio())
    assert len(shards(store)) > 3
    shard = shards(store)[1]
    content = bytearray(shard.read_bytes())
    if damage == "flipped":
        content[-5] ^= 1
    if damage == "header":
        content[:8] = b"\xff" * 8
    shard.write_bytes({"cut": content[: len(content) // 2], "emptied": b""}.get(damage, content))
    extractor = Counting()
    assert same(store.features(items, extractor, Audio()), fresh(items))
    assert 0 < extractor.asked < COUNT / 2
    assert same(store.features(items, Counting(most=0), Audio()), fresh(items))


def test_the_draft_of_a_killed_run_is_cleared_away(files: list[Path], store: FeatureStore) -> None:
    store.features(speech(files[:1]), Counting(), Audio())
    draft = shards(store)[0].with_name(".shard-0123")
    draft.write_bytes(b"half a shard")
    store.features(speech(files), Counting(), Audio())
    assert not draft.exists()


def test_features_are_mapped_and_travel_to_another_process(files: list[Path], store: FeatureStore) -> None:
    items = speech(files)
    features = store.features(items, Counting(), Audio())
    if sys.platform == "linux":
        mapped = [
            line.split()[0] for line in Path("/proc/self/maps").read_text().splitlines() if str(store.folder) in line
        ]
        first, last = (int(address, 16) for address in mapped[0].split("-"))
        assert all(first <= features[row].data_ptr() < last for row in range(COUNT))
    assert same(pickle.loads(pickle.dumps(features)), fresh(items))
    assert len(pickle.dumps(features)) < 200 * COUNT * 3


def test_opening_many_features_is_instant(store: FeatureStore) -> None:
    items = [Text(f"u{number}", f"text {number}") for number in range(1500)]
    store.features(items, Counting(), Audio())
    begun = time.monotonic()
    features = FeatureStore(store.folder).features(items, Counting(most=0), Audio())
    assert time.monotonic() - begun < 1.0
    assert features.lengths == [1] * 1500


def test_an_extractor_that_cannot_go_on_stops_the_run(files: list[Path], store: FeatureStore) -> None:
    class Failing(Counting):
        def __call__(self, items: Sequence[np.ndarray | str]) -> list[Tensor]:
            raise SettingError("the checkpoint lacks weights")

    with pytest.raises(SettingError, match="lacks weights"):
        store.features(speech(files), Failing(), Audio())
    assert shards(store) == []


SLOW = """
import sys, time
from pathlib import Path
from ser_core.audio import Audio
from ser_core.features import FeatureStore
from tests.ser_core.test_features import Counting, speech

class Slow(Counting):
    def __call__(self, items):
        with Path(sys.argv[2], "asked").open("a") as log:
            log.write("x")
        time.sleep(0.1)
        return super().__call__(items)

files = sorted(Path(sys.argv[1]).glob("*.wav"))
Path(sys.argv[2], f"ready-{sys.argv[3]}").touch()
while not Path(sys.argv[2], "go").exists():
    time.sleep(0.01)
features = FeatureStore(Path(sys.argv[2], "store"), shard_bytes=500).features(speech(files), Slow(), Audio())
print(sum(float(features[row].float().sum()) for row in range(len(features))))
"""


def start(code: str, *words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def wait_for(place: Path, pattern: str, count: int = 1) -> None:
    until = time.monotonic() + 60
    while len(list(place.rglob(pattern))) < count:
        assert time.monotonic() < until, f"no {count} {pattern} in {place} after a minute"
        time.sleep(0.01)


def test_kill_9_in_the_middle_loses_one_shard_at_most(files: list[Path], store: FeatureStore, tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    process = start(SLOW, tmp_path / "audio", tmp_path, "one")
    wait_for(store.folder, "shard-*.safetensors", 2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert 2 <= len(shards(store)) < COUNT
    asked = len((tmp_path / "asked").read_text())
    rest = Counting()
    items = speech(files)
    assert same(store.features(items, rest, Audio()), fresh(items))
    assert 0 < rest.asked <= COUNT - 2
    assert rest.asked + asked <= COUNT + 8


def test_two_processes_at_once_extract_once(files: list[Path], store: FeatureStore, tmp_path: Path) -> None:
    processes = [start(SLOW, tmp_path / "audio", tmp_path, name) for name in ("one", "two")]
    wait_for(tmp_path, "ready-*", 2)
    (tmp_path / "go").touch()
    sums = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sums[0] == sums[1] != ""
    assert (tmp_path / "asked").read_text() == "x" * COUNT


OPEN = """
import sys, time, torch
from pathlib import Path
from ser_core.audio import Audio
from ser_core.encoders import SpeechCheckpoint
from ser_core.features import FeatureStore
from tests.ser_core.test_features import speech

extractor = SpeechCheckpoint(path=sys.argv[2]).extractor(torch.device("cpu"))
items = speech(sorted(Path(sys.argv[1]).glob("*.wav")))
features = FeatureStore(sys.argv[3]).features(items, extractor, Audio())
print(len(features), tuple(features[0].shape), "transformers" in sys.modules)
"""


def test_stored_features_open_without_loading_the_encoder(
    files: list[Path], store: FeatureStore, tmp_path: Path
) -> None:
    option = SpeechCheckpoint(path=str(speech_checkpoint(tmp_path / "whisper", "whisper")))
    store.features(speech(files), option.extractor(torch.device("cpu")), Audio())
    process = start(OPEN, tmp_path / "audio", option.path, store.folder)
    assert process.communicate(timeout=60)[0] == f"{COUNT} (2, 4, 16) False\n"
