"""Checking a corpus decodes every utterance and names those that cannot be used."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from ser_core.audio import Audio
from ser_core.corpus.check import Checked, check_audio, notice_of
from ser_core.corpus.corpus import Corpus, complete
from tests.ser_core.stored import without_length
from tests.shared_material import shared

FINE = Checked({}, {})


def corpus(files: dict[str, Path], **columns: float) -> Corpus:
    rows = [{"utterance": name, "file": str(file), "speaker": "x", **columns} for name, file in files.items()]
    return Corpus("made", complete(pd.DataFrame(rows)), ("joy",), (), "none", "made here")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, 16_000)
    for name in ("good", "fine", "cut"):
        soundfile.write(tmp_path / f"{name}.flac", noise, 16_000)
    content = (tmp_path / "cut.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(content[: len(content) // 2])
    soundfile.write(tmp_path / "silent.wav", noise * 0, 16_000)
    soundfile.write(tmp_path / "short.wav", noise[:500], 16_000)
    (tmp_path / "empty.wav").touch()
    places = {file.stem: file for file in tmp_path.iterdir()}
    return {**places, "missing": tmp_path / "missing.wav"}


def test_each_unusable_utterance_is_named_with_its_reason(files: dict[str, Path]) -> None:
    reasons = check_audio(corpus(files), Audio(), minimum_samples=800).unusable
    assert {name: reason.partition(":")[0] for name, reason in reasons.items()} == {
        "cut": "truncated",
        "empty": "empty",
        "missing": "missing",
        "short": "too short",
        "silent": "silent",
    }


def test_the_encoder_says_what_is_too_short(files: dict[str, Path]) -> None:
    assert "short" not in check_audio(corpus(files), Audio(), minimum_samples=400).unusable


def test_what_may_have_been_cut_is_named_and_used(files: dict[str, Path], tmp_path: Path) -> None:
    soundfile.write(tmp_path / "pipe.wav", np.random.default_rng(0).uniform(-0.1, 0.1, 16_000), 16_000)
    (tmp_path / "pipe.wav").write_bytes(without_length((tmp_path / "pipe.wav").read_bytes()))
    checked = check_audio(corpus({"good": files["good"], "pipe": tmp_path / "pipe.wav"}), Audio())
    assert checked == Checked(
        {}, {"pipe": "length unknown: the header gives 0x7ffff000 bytes of audio, so a truncation would go unnoticed"}
    )
    (notice,) = notice_of(checked.doubtful, 2)
    assert notice.startswith("1 of 2 utterances are in files of unknown length")
    assert notice_of({}, 2) == ()


def test_segments_are_checked_against_their_files(files: dict[str, Path]) -> None:
    good = {"good": files["good"]}
    assert check_audio(corpus(good, start=0.2, end=0.9), Audio()) == FINE
    assert "outside" in check_audio(corpus(good, start=0.2, end=1.9), Audio()).unusable["good"]


@pytest.mark.shared
@pytest.mark.parametrize(("name", "pattern"), [("emodb", "03a0*.flac"), ("ravdess", "*-01.opus")])
def test_real_recordings_are_sound(name: str, pattern: str) -> None:
    files = sorted(shared("data", name).rglob(pattern))[:40]
    assert files
    assert check_audio(corpus({file.stem: file for file in files}), Audio()) == FINE
