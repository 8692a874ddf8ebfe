"""The feature store: what it returns is what the extractor makes, once, whatever happens to disk, files and settings."""

import pickle
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from ser_core.audio import Audio
from ser_core.encoders import SpeechCheckpoint
from ser_core.errors import AudioError, SettingError
from ser_core.feature_store.features import FeatureStore, Text
from tests.ser_core.encoders import checkpoints
from tests.ser_core.stored import COUNT, NAN, Counting, fresh, noises, same, shards, speech, without_length


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return noises(tmp_path / "audio")


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "store")


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


def test_doubts_about_files_are_kept_with_their_features(files: list[Path], store: FeatureStore) -> None:
    for file in files[:2]:
        file.write_bytes(without_length(file.read_bytes()))
    items, extractor = speech(files), Counting()
    doubts = store.features(items, extractor, Audio()).doubts
    assert list(doubts) == [item.utterance for item in items[:2]]
    assert all(doubt.startswith("length unknown: ") for doubt in doubts.values())
    assert FeatureStore(store.folder).features(items[1:], extractor, Audio()).doubts == {
        items[1].utterance: doubts[items[1].utterance]
    }
    assert store.features(speech(files, 0.0, 0.1), extractor, Audio()).doubts == {}
    assert extractor.asked == 2 * COUNT


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
        mapped = [line.split()[0] for line in Path("/proc/self/maps").read_text().splitlines() if str(store.folder) in line]
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


@pytest.mark.parametrize("family", checkpoints.SPEECH)
def test_utterances_encoded_side_by_side_are_those_encoded_one_by_one(
    files: list[Path], store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    """Bit for bit, whatever the number of cores; the threads allowed before are allowed again."""
    monkeypatch.setattr("ser_core.feature_store.features.CORES", 4)
    extractor = SpeechCheckpoint(path=str(checkpoints.speech_checkpoint(tmp_path / family, family))).extractor(
        torch.device("cpu")
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    found = store.features(speech(files), extractor, Audio())
    assert torch.get_num_threads() == 3
    torch.set_num_threads(1)
    assert same(found, [extractor([item.read(Audio(), 400)])[0] for item in speech(files)])
    torch.set_num_threads(threads)
