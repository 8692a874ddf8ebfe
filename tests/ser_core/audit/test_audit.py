"""Each finding, planted into a small corpus, is found; the sound corpus that it was planted into shows nothing."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from ser_core.audio import Audio
from ser_core.audit import Finding, findings_of
from ser_core.audit.audit import audit
from ser_core.audit.files import unusable
from ser_core.audit.listening import Heard, listen
from ser_core.audit.pretraining import pretraining
from ser_core.config.compose import compose
from ser_core.corpus.corpus import Corpus, complete
from ser_core.folds import FOLDS, Fold, Folds, make_folds
from ser_core.folds.dev.speakers import Speakers
from ser_core.folds.dev.utterances import Utterances
from tests.ser_core.stored import without_length

SPEAKERS, COUNT = 6, 4
SECONDS = 1.0


def babble(seed: int, seconds: float = SECONDS) -> np.ndarray:
    """Noise whose spectrum changes every 50 ms, as speech does."""
    generator = np.random.default_rng(seed)
    blocks = [
        np.convolve(generator.standard_normal(800), np.cumprod(np.r_[1.0, generator.uniform(-0.9, 0.9, 8)]), "same")
        for _ in range(round(seconds * 20))
    ]
    wave = np.concatenate(blocks)
    return 0.3 * wave / np.abs(wave).max()


def corpus(folder: Path, **columns: Sequence[Any]) -> Corpus:
    """Six speakers, three of each gender, who say four texts of their own as joy or anger."""
    rows = []
    for speaker in range(SPEAKERS):
        for number in range(COUNT):
            name = f"{speaker}-{number}"
            soundfile.write(folder / f"{name}.wav", babble(10 * speaker + number), 16_000)
            row = {"utterance": name, "file": str(folder / f"{name}.wav"), "speaker": str(speaker)}
            words = " ".join(f"word{speaker}{number}{letter}" for letter in "abcde")
            rows.append(
                {**row, "gender": ("female", "male")[speaker % 2], "text": words, "emotion": ("anger", "joy")[number % 2]}
            )
    table = complete(pd.DataFrame(rows).assign(**columns))
    return Corpus("made", table, ("anger", "joy"), (), "none", "made here")


def split(made: Corpus, protocol: str = "kfold", **knobs: Any) -> Folds:
    own = {"count": 3} if protocol == "kfold" else {}
    chosen = FOLDS[protocol](**({"dev": Speakers(count=1 + (protocol == "kfold"))} | own | knobs))  # type: ignore[arg-type]
    return make_folds(made, chosen, made.card("0"))


def found(made: Corpus, folds: Folds | None = None, audio: Audio | None = None) -> dict[str, Finding]:
    audio = audio or Audio()
    return {each.name: each for each in findings_of(made, folds or split(made), listen(made, audio), audio)}


def changed(made: Corpus, row: int, **values: Any) -> Corpus:
    table = made.table.copy()
    for column, value in values.items():
        table.loc[row, column] = value
    return dataclasses.replace(made, table=table)


def across(folds: Folds) -> tuple[int, int]:
    """A row of the first fold's training part and one of its test part."""
    return int(folds.folds[0].train[0]), int(folds.folds[0].test[0])


def test_a_sound_corpus_shows_nothing(tmp_path: Path) -> None:
    made = corpus(tmp_path)
    findings = found(made)
    assert {name for name in findings if name not in ("single-speaker part", "gender balance")} == set()
    assert "fail" not in {finding.severity for finding in findings.values()}


def test_a_speaker_moved_from_training_to_test_fails(tmp_path: Path) -> None:
    made = corpus(tmp_path)
    folds = split(made)
    first = folds.folds[0]
    row = first.train[0]
    moved = Fold(1, first.held_out, first.train[1:], first.dev, np.sort(np.r_[first.test, row]))
    mutated = Folds((moved, *folds.folds[1:]), folds.hash, folds.protocol)
    finding = found(made, mutated)["speaker overlap"]
    assert finding.severity == "fail"
    assert finding.counts["test and train"] == 1 and finding.counts["folds"] == 1
    assert finding.examples[0].startswith(f"fold 1: speaker {made.column('speaker')[row]}: test")


def test_development_that_shares_speakers_with_training_is_warned_of(tmp_path: Path) -> None:
    made = corpus(tmp_path)
    finding = found(made, split(made, dev=Utterances()))["speaker overlap"]
    assert finding.severity == "warn" and "development is not speaker-independent" in finding.found


@pytest.mark.parametrize(("protocol", "severity"), [("loso", "fail"), ("lospo", "warn")])
def test_sessions_in_two_parts_fail_where_the_protocol_promises_otherwise(tmp_path: Path, protocol: str, severity: str) -> None:
    made = corpus(tmp_path, session=[f"s{row // COUNT // 2}" for row in range(SPEAKERS * COUNT)])
    folds = dataclasses.replace(split(made, "lospo"), protocol={"protocol": protocol})
    assert found(made, folds)["session overlap"].severity == severity
    held_out = found(made, split(made, "loso"))["session overlap"]
    assert held_out.severity == "warn" and next(iter(held_out.counts)) == "dev and train"


def test_a_copied_file_fails_and_is_counted_as_a_duplicate(tmp_path: Path) -> None:
    made = corpus(tmp_path)
    train, test = across(split(made))
    wave, _ = soundfile.read(made.table.loc[train, "file"], dtype="int16")
    soundfile.write(tmp_path / "copy.flac", wave, 16_000)
    findings = found(changed(made, test, file=str(tmp_path / "copy.flac"), emotion="joy"))
    assert findings["identical audio"].severity == "fail"
    assert findings["duplicated audio"].severity == "warn"
    assert findings["duplicated audio"].counts["sample for sample"] == 1
    assert "near-duplicate audio" not in findings


@pytest.mark.parametrize("change", ["gain", "trim", "vorbis"])
def test_a_changed_copy_fails(tmp_path: Path, change: str) -> None:
    made = corpus(tmp_path)
    train, test = across(split(made))
    wave, _ = soundfile.read(made.table.loc[train, "file"])
    copy = tmp_path / ("copy.ogg" if change == "vorbis" else "copy.flac")
    soundfile.write(copy, {"gain": wave * 0.2, "trim": wave[700:-500], "vorbis": wave}[change], 16_000)
    findings = found(changed(made, test, file=str(copy)))
    assert findings["near-duplicate audio"].severity == "fail"
    assert "identical audio" not in findings


def test_overlapping_segments_of_one_file_fail(tmp_path: Path) -> None:
    made = corpus(tmp_path)
    train, test = across(split(made))
    soundfile.write(tmp_path / "long.wav", babble(99, 3), 16_000)
    place = {"file": str(tmp_path / "long.wav")}
    apart = changed(changed(made, train, **place, start=0.0, end=1.0), test, **place, start=2.0, end=3.0)
    assert "near-duplicate audio" not in found(apart)
    touching = changed(apart, test, start=0.9, end=1.9)
    assert found(touching)["near-duplicate audio"].severity == "fail"


def test_texts_acted_in_every_emotion_are_a_note(tmp_path: Path) -> None:
    findings = found(corpus(tmp_path, text=["The cloth lies on the fridge."] * (SPEAKERS * COUNT)))
    assert findings["exact text overlap"].severity == "info"
    assert findings["exact text overlap"].counts["rate"] == 1.0
    assert "near-duplicate text overlap" not in findings


def test_texts_that_give_the_label_away_are_a_warning(tmp_path: Path) -> None:
    texts = ["[LAUGHTER] How lovely, you!", "Go away, please."] * (SPEAKERS * COUNT // 2)
    findings = found(corpus(tmp_path, text=texts))
    assert findings["exact text overlap"].severity == "warn"
    assert findings["exact text overlap"].counts["lookup"] == 1.0
    tags = findings["annotation tags"]
    assert tags.counts["per class"] == {"anger": SPEAKERS * COUNT // 2, "joy": 0}


@pytest.mark.parametrize(("text", "expected"), [("one two three four five", True), ("one two six seven eight", False)])
def test_near_texts_need_most_words_in_common(tmp_path: Path, text: str, expected: bool) -> None:
    made = corpus(tmp_path)
    train, test = across(split(made))
    planted = changed(changed(made, train, text="One, two, three, four!"), test, text=text)
    findings = found(planted)
    assert ("near-duplicate text overlap" in findings) is expected
    assert "exact text overlap" not in findings


def test_classes_speakers_and_genders_of_parts(tmp_path: Path) -> None:
    rows = SPEAKERS * COUNT
    emotions = ["joy" if row < COUNT else "anger" for row in range(rows)]
    genders = ["male" if row < COUNT else "female" for row in range(rows)]
    findings = found(corpus(tmp_path, emotion=emotions, gender=genders), None)
    assert findings["class imbalance"].severity == "warn"
    assert findings["class missing in a part"].counts["test"] == 2
    assert findings["gender balance"].severity == "warn"
    made = corpus(tmp_path)
    assert found(made, split(made, "lospo"))["single-speaker part"].counts == {"dev": SPEAKERS, "test": SPEAKERS}


def test_clipped_and_long_utterances(tmp_path: Path) -> None:
    made = corpus(tmp_path)
    wave, _ = soundfile.read(made.table.loc[3, "file"])
    soundfile.write(made.table.loc[3, "file"], np.clip(wave * 40, -1, 1), 16_000)
    findings = found(made)
    assert findings["clipped audio"].counts["per class"] == {"anger": "0 of 12", "joy": "1 of 12"}
    assert "longer than is read" not in findings
    assert found(made, audio=Audio(max_seconds=0.5))["longer than is read"].severity == "warn"


def test_files_that_do_not_say_how_long_they_are_are_a_warning(tmp_path: Path) -> None:
    made = corpus(tmp_path)
    assert "length unknown" not in found(made)
    file = Path(made.table.loc[2, "file"])
    file.write_bytes(without_length(file.read_bytes()))
    finding = found(made)["length unknown"]
    assert (finding.severity, finding.counts) == ("warn", {"utterances": 1})


def test_unusable_audio_is_counted_by_kind(tmp_path: Path) -> None:
    made = corpus(tmp_path)
    Path(made.table.loc[0, "file"]).write_bytes(b"")
    Path(made.table.loc[1, "file"]).unlink()
    (finding,) = unusable(made, listen(made, Audio()))
    assert finding.counts == {"utterances": 2, "empty": 1, "missing": 1}
    assert unusable(made, [Heard()] * len(made)) == []


@pytest.mark.parametrize(
    ("name", "encoder", "met"),
    [
        ("iemocap", "models/hubert-large-superb-er", True),
        ("MSP-Podcast 1.11", "audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim", True),
        ("meld", "emotion2vec_base", True),
        ("emodb", "emotion2vec_base", False),
        ("iemocap", "hubert-large-ll60k", False),
    ],
)
def test_encoders_that_met_the_corpus(tmp_path: Path, name: str, encoder: str, met: bool) -> None:
    made = dataclasses.replace(corpus(tmp_path), name=name)
    assert bool(pretraining(made, {"model.speech": [encoder]})) is met


def test_the_audit_leaves_unusable_audio_out_of_the_folds(tmp_path: Path) -> None:
    made = corpus(tmp_path)
    Path(made.table.loc[0, "file"]).write_bytes(b"no sound")
    made.table.to_csv(tmp_path / "table.csv", index=False)
    audited = audit(compose(["corpus=table", f"corpus.path={tmp_path / 'table.csv'}", f"run.store={tmp_path}"]))
    assert audited.utterances == len(made) - 1
    assert audited.passed
    assert "unusable audio" in {finding["name"] for finding in audited.plain()["findings"]}


def test_unknown_speakers_are_a_finding_and_the_rest_is_still_reported(tmp_path: Path) -> None:
    speech = corpus(tmp_path)
    rows = [f"{Path(file).name},u{row},{'joy' if row % 4 else 'anger'}" for row, file in enumerate(speech.table["file"])]
    (tmp_path / "table.csv").write_text("\n".join(["file,speaker,emotion", *rows]))
    base = ["corpus=table", f"corpus.path={tmp_path / 'table.csv'}", f"run.store={tmp_path / 'store'}"]
    for more, severity in (
        (["folds=kfold"], "fail"),
        (["folds=lospo"], "fail"),
        (["folds=kfold", "corpus.unknown_speakers=each"], "warn"),
    ):
        audited = audit(compose([*base, *more]))
        finding = next(each for each in audited.findings if each.name == "unknown speakers")
        assert finding.severity == severity and finding.found.startswith("Speakers are not known: every utterance names")
        assert audited.passed == (severity == "warn") and len(audited.findings) > 1
        assert audited.notices[0].startswith("speakers are not known")
