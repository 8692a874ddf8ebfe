"""Copies at another speed, tempo or pitch, in noise or in a room are found; other takes of a sentence are not."""

import numpy as np
import pytest

from ser_core.audio import Audio, load
from ser_core.audit.copies import NOTHING, PROBES, Picture, _cells, _neighbours, changed_copies, picture
from ser_core.audit.spectrum import power_of
from ser_core.augment import augment
from tests.shared_material import shared

NAN = float("nan")
CHANGES = ("speed:0.9", "speed:0.95", "speed:1.1", "noise:10", "pink_noise:10", "reverberation:0.4", "pitch:1")


def shown(wave: np.ndarray) -> Picture:
    return picture(power_of(wave))


def voiced(seed: int, seconds: float = 2.0) -> np.ndarray:
    """Harmonics of a gliding pitch under a changing envelope, as in speech."""
    generator = np.random.default_rng(seed)
    times = np.arange(round(seconds * 16_000)) / 16_000
    knots = np.linspace(0, seconds, 8)
    pitch = np.interp(times, knots, generator.uniform(100, 240, 8))
    phase = 2 * np.pi * np.cumsum(pitch) / 16_000
    loudness = [np.interp(times, knots, generator.uniform(0, 1, 8) ** 2) / number for number in range(1, 16)]
    wave = sum(weight * np.sin(number * phase) for number, weight in enumerate(loudness, 1))
    return (0.2 * wave / np.abs(wave).max()).astype(np.float32)


def test_silence_and_short_clips_are_like_nothing() -> None:
    assert shown(np.zeros(32_000, np.float32)).shape == NOTHING.shape
    assert shown(voiced(0, 0.4)).shape == NOTHING.shape
    assert changed_copies([NOTHING, NOTHING]) == [] and changed_copies([]) == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_with_its_factors(change: str) -> None:
    waves = [voiced(seed) for seed in range(8)]
    copies = changed_copies([shown(wave) for wave in (*waves, augment(waves[5], change, "copy"))])
    assert [(copy.one, copy.other) for copy in copies] == [(5, 8)]
    kind, _, amount = change.partition(":")
    assert copies[0].tempo == pytest.approx(float(amount) if kind == "speed" else 1.0, abs=0.03)
    assert copies[0].pitch == pytest.approx({"speed": float(amount), "pitch": 2 ** (1 / 12)}.get(kind, 1.0), abs=0.03)


def test_a_shorter_changed_copy_is_found() -> None:
    wave = voiced(3, 3.0)
    copies = changed_copies([shown(wave), shown(augment(wave[6_000:-8_000], "speed:1.06", "copy"))])
    assert [(copy.one, copy.other) for copy in copies] == [(0, 1)]


def test_cells_find_what_a_full_search_finds_nearby() -> None:
    generator = np.random.default_rng(0)
    known = generator.standard_normal((40_000, 96)).astype(np.float32)
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    asked = known[:200] + 0.03 * generator.standard_normal((200, 96)).astype(np.float32)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    assert len(known) // 2000 > PROBES
    owners = np.arange(40_000), np.full(200, -1)
    found = {(place, question) for place, question, _ in _neighbours(known, _cells(known), asked, *owners)}
    assert sum((number, number) in found for number in range(200)) >= 190


@pytest.mark.shared
def test_takes_of_a_sentence_by_one_speaker_are_others_and_their_copies_are_found() -> None:
    files = sorted(shared("data", "emodb").rglob("1[03]b0*.flac"))[:40]
    waves = [load(file, NAN, NAN, Audio()) for file in files]
    pictures = [shown(wave) for wave in waves]
    assert changed_copies(pictures) == []
    copies = [shown(augment(waves[number], change, "copy")) for number, change in enumerate(CHANGES)]
    found = {(copy.one, copy.other) for copy in changed_copies([*pictures, *copies])}
    assert found == {(number, len(waves) + number) for number in range(len(CHANGES))}
