"""The feature store among real processes: one is killed, two want the same, one only opens what is there."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from ser_core.audio import Audio
from ser_core.encoders import SpeechCheckpoint
from ser_core.feature_store.features import FeatureStore
from tests.ser_core.encoders.checkpoints import speech_checkpoint
from tests.ser_core.stored import COUNT, Counting, fresh, noises, same, shards, speech
from tests.shared_material import ROOT


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return noises(tmp_path / "audio")


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "store")


SLOW = """
import sys, time
from pathlib import Path
from ser_core.audio import Audio
from ser_core.feature_store.features import FeatureStore
from tests.ser_core.stored import Counting, speech

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
from ser_core.feature_store.features import FeatureStore
from tests.ser_core.stored import speech

extractor = SpeechCheckpoint(path=sys.argv[2]).extractor(torch.device("cpu"))
items = speech(sorted(Path(sys.argv[1]).glob("*.wav")))
features = FeatureStore(sys.argv[3]).features(items, extractor, Audio())
print(len(features), tuple(features[0].shape), "transformers" in sys.modules)
"""


def test_stored_features_open_without_loading_the_encoder(files: list[Path], store: FeatureStore, tmp_path: Path) -> None:
    option = SpeechCheckpoint(path=str(speech_checkpoint(tmp_path / "whisper", "whisper")))
    store.features(speech(files), option.extractor(torch.device("cpu")), Audio())
    process = start(OPEN, tmp_path / "audio", option.path, store.folder)
    assert process.communicate(timeout=60)[0] == f"{COUNT} (2, 4, 16) False\n"
