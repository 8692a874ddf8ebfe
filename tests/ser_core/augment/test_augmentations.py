"""Every augmentation follows from the utterance alone and does what its value says, measured on the waveform."""

import itertools
import math

import numpy as np
import pytest
import torch

from ser_core.augment import AUGMENTATIONS, augment, augmentation
from ser_core.augment.codec import CODECS
from ser_core.augment.pink_noise import PinkNoise
from ser_core.errors import SettingError

RATE_HZ = 16_000
VALUES = {"speed": "1.25", "pitch": "-3", "noise": "7", "pink_noise": "-4.5", "reverberation": "0.4", "codec": "gsm"}
"""A value that each takes."""


def tone(hertz: float = 300.0, seconds: float = 1.5) -> np.ndarray:
    times = np.arange(round(RATE_HZ * seconds)) / RATE_HZ
    return (0.2 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def loudest_hz(wave: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    return float(spectrum.argmax() * RATE_HZ / len(wave))


def decibels(ratio: float) -> float:
    return 10 * math.log10(ratio)


def test_every_augmentation_has_a_value_here() -> None:
    assert set(VALUES) == set(AUGMENTATIONS)


@pytest.mark.parametrize("entry", [*AUGMENTATIONS, *(f"{name}:{value}" for name, value in VALUES.items())])
def test_what_is_drawn_follows_from_the_utterance(entry: str) -> None:
    wave = tone()
    kept = wave.copy()
    one = augment(wave, entry, "u1")
    torch.manual_seed(5)
    assert np.array_equal(one, augment(wave, entry, "u1")) and np.array_equal(wave, kept)
    assert one.dtype == np.float32 and one.ndim == 1 and np.isfinite(one).all() and np.abs(one).max() > 0.05
    assert len(one) == len(wave) or entry.startswith("speed")
    others = [augment(wave, entry, f"u{number}") for number in range(2, 9)]
    same = [len(one) == len(other) and np.array_equal(one, other) for other in others]
    assert all(same) == (entry in ("speed:1.25", "pitch:-3", "codec:gsm"))


@pytest.mark.parametrize("name", ["noise", "pink_noise"])
@pytest.mark.parametrize("ratio", [-10.0, 0.0, 12.5])
def test_noise_is_as_loud_as_its_ratio_says(name: str, ratio: float) -> None:
    wave = tone().astype(np.float64)
    added = augment(tone(), f"{name}:{ratio}", "u") - wave
    assert decibels(np.mean(wave**2) / np.mean(added**2)) == pytest.approx(ratio, abs=0.01)


def test_white_noise_is_flat_and_pink_noise_falls_by_three_decibels_an_octave() -> None:
    falls = {}
    for name in ("noise", "pink_noise"):
        kind = AUGMENTATIONS[name]()
        sound = kind.sound(1 << 18, torch.Generator().manual_seed(1)).double().numpy()  # type: ignore[attr-defined]
        powers = np.abs(np.fft.rfft(sound)) ** 2
        hertz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
        octaves = [powers[(hertz >= low) & (hertz < 2 * low)].mean() for low in (125, 250, 500, 1000, 2000)]
        falls[name] = [decibels(one / other) for one, other in itertools.pairwise(octaves)]
    assert falls["noise"] == pytest.approx([0.0] * 4, abs=0.3)
    assert falls["pink_noise"] == pytest.approx([3.01] * 4, abs=0.3)
    assert abs(float(PinkNoise().sound(4096, torch.Generator().manual_seed(1)).mean())) < 1e-4


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_speed_moves_length_and_frequency_together(factor: float) -> None:
    wave = augment(tone(), f"speed:{factor}", "u")
    assert len(wave) == pytest.approx(24_000 / factor, abs=1)
    assert loudest_hz(wave) == pytest.approx(300 * factor, abs=2)


@pytest.mark.parametrize("semitones", [-5, -1, 2, 7])
def test_pitch_moves_frequency_and_keeps_length_and_power(semitones: int) -> None:
    wave = augment(tone(), f"pitch:{semitones}", "u")
    assert loudest_hz(wave) == pytest.approx(300 * 2 ** (semitones / 12), rel=0.012)
    assert np.mean(wave**2) == pytest.approx(np.mean(tone() ** 2), rel=1e-3)


@pytest.mark.parametrize("seconds", [0.3, 0.9])
def test_a_room_decays_by_sixty_decibels_in_its_time(seconds: float) -> None:
    """The slope of Schroeder's backward integral of the response to a click, between 5 and 25 dB below its beginning."""
    click = np.zeros(2 * RATE_HZ, np.float32)
    click[0] = 0.9
    response = augment(click, f"reverberation:{seconds}", "u").astype(float)
    response[0] = 0
    left = 10 * np.log10(np.cumsum(response[::-1] ** 2)[::-1] / np.sum(response**2) + 1e-12)
    low, high = (int(np.argmax(left < level)) for level in (-5, -25))
    assert 60 / 20 * (high - low) / RATE_HZ == pytest.approx(seconds, rel=0.12)


@pytest.mark.parametrize("codec", CODECS)
def test_a_codec_loses_something_and_keeps_the_tone_in_its_place(codec: str) -> None:
    wave = tone()
    heard = augment(wave, f"codec:{codec}", "u")
    assert not np.array_equal(heard, wave)
    assert loudest_hz(heard) == pytest.approx(300, abs=1)
    assert np.corrcoef(heard[1600:-1600], wave[1600:-1600])[0, 1] > 0.95


def test_the_telephone_hears_nothing_above_four_kilohertz() -> None:
    high = tone(5500.0) + tone(500.0)
    for codec, cut in (("mulaw", True), ("gsm", True), ("vorbis", False)):
        powers = np.abs(np.fft.rfft(augment(high, f"codec:{codec}", "u"))) ** 2
        share = powers[len(powers) * 9 // 16 :].sum() / powers.sum()
        assert (share < 0.01) == cut


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("echo", "'echo' is not an augmentation; write NAME or NAME:VALUE with speed, pitch"),
        ("noise:", "'noise:' is not an augmentation"),
        ("noise:loud", "noise:loud: the value is a signal-to-noise ratio in dB, from -20 to 60; got 'loud'"),
        ("noise:nan", "from -20 to 60; got 'nan'"),
        ("speed:3", "a factor on the tempo, from 0.5 to 2; got '3'"),
        ("codec:fax", "one of mulaw, gsm, mp3, vorbis, opus; got 'fax'"),
    ],
)
def test_an_entry_that_says_nothing_is_refused(entry: str, message: str) -> None:
    with pytest.raises(SettingError, match=f"^here: .*{message}"):
        augmentation(entry, "here")
