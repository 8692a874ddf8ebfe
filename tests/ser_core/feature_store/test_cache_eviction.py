"""Features on disk within a budget: the longest unused go, what is read or being made stays, and what went is made again."""

import os
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from ser_core.audio import Audio
from ser_core.feature_store import cache_eviction as eviction
from ser_core.feature_store.cache_eviction import make_room, mark_used
from ser_core.feature_store.features import FeatureStore, Text
from tests.ser_core.stored import Counting

BYTES = 1000


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Three folders of 1000 bytes of features each, the first one unused for the longest."""
    monkeypatch.setattr(eviction, "_IN_USE", set())
    made = [tmp_path / "features" / name for name in ("c-old", "a-middle", "b-new")]
    for age, place in enumerate(made):
        place.mkdir(parents=True)
        (place / "settings.json").write_text("{}")
        (place / "shard-1.safetensors").write_bytes(b"0" * BYTES)
        os.utime(place / "settings.json", (1000 + age, 1000 + age))
    return made


@pytest.mark.parametrize(("budget", "left"), [(0, 3), (3000, 3), (2999, 2), (2000, 2), (1999, 1), (500, 0)])
def test_the_longest_unused_go_until_the_budget_is_kept(budget: int, left: int, places: list[Path]) -> None:
    gone = make_room(places[0].parent, budget / 1e9)
    assert gone == places[: 3 - left]
    assert [place.exists() for place in places] == [place not in gone for place in places]


def test_what_is_used_or_being_made_stays(places: list[Path]) -> None:
    mark_used(places[0])
    with FileLock(places[1] / "extracting.lock"):
        assert make_room(places[0].parent, 1e-9) == [places[2]]
    assert places[0].exists() and places[1].exists()


def test_use_makes_young(places: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    mark_used(places[0])
    monkeypatch.setattr(eviction, "_IN_USE", set())  # as another process sees it
    assert make_room(places[0].parent, 2 * BYTES / 1e9) == [places[1]]


def test_a_store_forgets_one_encoder_for_another_and_extracts_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [Text("a", "one"), Text("b", "two")]
    store = FeatureStore(tmp_path, budget_gb=1e-9)
    first = store.features(items, Counting(), Audio())
    values = [first[0].clone(), first[1].clone()]
    monkeypatch.setattr(eviction, "_IN_USE", set())
    store.features(items, Counting(other=1), Audio())
    assert len(list((tmp_path / "features").glob("*/*.safetensors"))) == 1
    assert torch.equal(first[0], values[0])  # whoever reads goes on reading
    again = store.features(items, Counting(), Audio())
    assert torch.equal(again[0], values[0]) and torch.equal(again[1], values[1])
