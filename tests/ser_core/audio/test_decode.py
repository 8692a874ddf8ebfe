"""Intact odd files have every sample that another decoder finds in them; damaged ones are named."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from ser_core.audio import Audio, decode, load
from ser_core.errors import AudioError
from tests.ser_core.audio.odd_files import DAMAGED, INTACT, counted, speech_of, vbr
from tests.shared_material import shared

NAN = float("nan")
pytestmark = pytest.mark.shared
UNLIKE_FFMPEG = ("two opus streams", "without an end mark", "rf64 from a pipe")
"""Where ffmpeg does not cut the encoder's padding off, and where it reads nothing: the speech itself says what is right."""
SEEDS = [pytest.param(range(1), id="one"), pytest.param(range(1, 12), id="many", marks=pytest.mark.slow)]


def recordings() -> list[Path]:
    return sorted(shared("data", "emodb").rglob("*.flac"))


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("kind", INTACT)
def test_an_intact_file_has_every_sample(tmp_path: Path, kind: str, seeds: range) -> None:
    suffix, make, whole = INTACT[kind]
    for seed in seeds:
        speech = speech_of(recordings(), seed)
        file = tmp_path / f"{seed}.{suffix}"
        file.write_bytes(make(speech))
        sound = decode(file, NAN, NAN)
        length, reference = len(sound.channels), counted(file)
        if whole:
            assert length == len(speech.samples) * (2 if kind.startswith("two") else 1)
        if reference and not kind.endswith(UNLIKE_FFMPEG):
            assert (round(reference[0] * sound.rate), reference[1]) == (length, sound.channels.shape[1])
        assert reference or whole


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_file_is_named(tmp_path: Path, kind: str, seeds: range) -> None:
    suffix, make, reason = DAMAGED[kind]
    for seed in seeds:
        file = tmp_path / f"{seed}.{suffix}"
        file.write_bytes(make(speech_of(recordings(), seed)))
        try:
            load(file, NAN, NAN, Audio())
            said = decode(file, NAN, NAN).doubt
        except AudioError as error:
            said = str(error)
        assert re.match(reason, said), f"{kind}, seed {seed}: {said!r}"


def test_a_segment_of_a_file_of_unknown_length_is_what_lies_there(tmp_path: Path) -> None:
    file = tmp_path / "a.mp3"
    file.write_bytes(vbr(speech_of(recordings(), 3)))
    whole = decode(file, NAN, NAN)
    last = len(whole.channels) / whole.rate
    for start, end in [(0.0, 0.5), (0.3, 1.1), (last - 0.2, last), (0.7, NAN)]:
        part = decode(file, start, end)
        between = whole.channels[round(start * 16_000) : None if math.isnan(end) else round(end * 16_000)]
        np.testing.assert_allclose(part.channels, between, atol=1e-6)
        assert bool(part.doubt) == math.isnan(end)
    with pytest.raises(AudioError, match="lies outside"):
        decode(file, 0.1, last + 0.2)
