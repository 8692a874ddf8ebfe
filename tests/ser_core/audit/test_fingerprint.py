"""Fingerprints find real recordings again after every change that leaves them the same, and no other take."""

import numpy as np
import pytest
import soundfile

from ser_core.audio import Audio, load
from ser_core.audit.fingerprint import SILENCE, fingerprint, same_recordings
from tests.shared_material import shared

NAN = float("nan")


def test_silence_and_short_clips_are_like_nothing() -> None:
    assert same_recordings([SILENCE, SILENCE]) == []
    assert same_recordings([fingerprint(np.zeros(16_000, np.float32))] * 2) == []
    assert same_recordings([fingerprint(np.ones(500, np.float32))] * 2) == []
    assert same_recordings([]) == []


@pytest.mark.shared
def test_other_takes_of_a_sentence_by_the_same_speaker_are_others() -> None:
    files = sorted(shared("data", "emodb").rglob("0[38]a0*.flac")) + sorted(shared("data", "emodb").rglob("1[03]b0*.flac"))
    assert len(files) > 80
    assert same_recordings([fingerprint(load(file, NAN, NAN, Audio())) for file in files]) == []


@pytest.mark.shared
@pytest.mark.parametrize("change", ["gain", "trim", "ogg", "mp3", "noise"])
def test_a_recording_is_found_again(change: str, tmp_path) -> None:
    waves = [load(file, NAN, NAN, Audio()) for file in sorted(shared("data", "emodb").rglob("11*.flac"))[:12]]
    copies = []
    for number, wave in enumerate(waves):
        if change in ("ogg", "mp3"):
            soundfile.write(tmp_path / f"copy.{change}", wave, 16_000)
            copies.append(soundfile.read(tmp_path / f"copy.{change}", dtype="float32")[0])
        else:
            noise = np.random.default_rng(0).standard_normal(len(wave)).astype(np.float32)
            made = {"gain": wave * 0.1, "trim": wave[97 * number + 50 : -1000], "noise": wave + 0.05 * wave.std() * noise}
            copies.append(made[change])
    pairs = same_recordings([fingerprint(wave) for wave in (*waves, *copies)])
    assert pairs == [(number, number + len(waves)) for number in range(len(waves))]


@pytest.mark.shared
def test_the_recording_that_ravdess_holds_twice_is_found() -> None:
    """Actor 7's two repetitions of the happy first sentence are one recording in the release."""
    files = sorted(shared("data", "ravdess").rglob("03-01-03-01-0*-07.opus"))
    pairs = same_recordings([fingerprint(load(file, NAN, NAN, Audio())) for file in files])
    assert [(files[one].stem, files[other].stem) for one, other in pairs] == [("03-01-03-01-02-01-07", "03-01-03-01-02-02-07")]
