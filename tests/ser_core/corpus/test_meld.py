"""MELD from trees of its layouts, with made-up lines: encodings, the dyadic edition, clips by part, the bad ones."""

from pathlib import Path
from typing import Any

import pytest

from ser_core.corpus.corpus import Corpus
from ser_core.corpus.meld import COUNTS_OF_THE_RELEASE, Meld
from ser_core.errors import CorpusError, SettingError

HEAD = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"
DYADIC = HEAD.removeprefix("Sr No.,").replace("Utterance_ID,", "Utterance_ID,Old_Dialogue_ID,Old_Utterance_ID,")
TIMES = '3,2,"00:16:16,059","00:16:21,731"\n'
TABLES = {
    "train": f'1,"Well, it\u2019s a boat.",Ann,joy,positive,0,0,{TIMES}2,No\x92 way,Bob,surprise,negative,0,1,{TIMES}'
    f"3,Broken.,Bob,neutral,neutral,125,3,{TIMES}",
    "dev": f"1,Hello there.,Ann,neutral,neutral,0,0,{TIMES}2,Gone.,Bob,neutral,neutral,110,7,{TIMES}",
    "test": f"1,I am cross.,Cleo the Guard,anger,negative,0,0,{TIMES}",
}
CLIPS = {"train": ("dia0_utt0", "dia0_utt1"), "dev": ("dia0_utt0",), "test": ("dia0_utt0", "final_videos_testdia0_utt0")}


def tree(folder: Path, encoding: str = "utf-8", suffix: str = ".mp4", own: bool = True) -> Path:
    """The release's folders, or plain train, dev, test."""
    names = {"train": "train/train_splits", "dev": "dev/dev_splits_complete", "test": "output_repeated_splits_test"}
    for split, rows in TABLES.items():
        text = rows if encoding == "utf-8" else rows.replace("\x92", "\u2019")
        (folder / f"{split}_sent_emo.csv").write_bytes((HEAD + text).encode(encoding))
        place = folder / (names[split] if own else split)
        place.mkdir(parents=True)
        for name in CLIPS[split]:
            (place / f"{name}{suffix}").touch()
            (place / f"._{name}{suffix}").touch()
    return folder


def read(root: Path, **knobs: Any) -> Corpus:
    return Meld(root=str(root), **{"counts": "any", **knobs}).read(Path("unused"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize(("suffix", "own"), [(".mp4", True), (".wav", False), (".flac", False)])
def test_every_cell_comes_through(tmp_path: Path, encoding: str, suffix: str, own: bool) -> None:
    corpus = read(tree(tmp_path, encoding, suffix, own))
    assert corpus.table[["utterance", "speaker", "emotion", "split", "text"]].to_numpy().tolist() == [
        ["dev_dia0_utt0", "Ann", "neutral", "dev", "Hello there."],
        ["test_dia0_utt0", "Cleo the Guard", "anger", "test", "I am cross."],
        ["train_dia0_utt0", "Ann", "happiness", "train", "Well, it\u2019s a boat."],
        ["train_dia0_utt1", "Bob", "surprise", "train", "No\u2019 way"],
    ]
    files = [Path(file).relative_to(tmp_path) for file in corpus.column("file")]
    assert [file.name for file in files] == [f"dia0_utt{number}{suffix}" for number in (0, 0, 0, 1)]
    parts = ["dev", "output_repeated_splits_test", "train", "train"] if own else ["dev", "test", "train", "train"]
    assert [file.parts[0] for file in files] == parts
    assert corpus.merged == "dropped train dia125_utt3 (cannot be decoded); dropped dev dia110_utt7 (has no clip)"
    assert corpus.votes is None and set(read(tmp_path, text="none").column("text")) == {""}


def test_sound_is_preferred_to_video(tmp_path: Path) -> None:
    root = tree(tmp_path)
    (root / "train/train_splits/dia0_utt0.wav").touch()
    assert [Path(file).suffix for file in read(root).column("file")] == [".mp4", ".mp4", ".wav", ".mp4"]


def test_bad_clips_are_kept_on_request_and_absent_ones_counted(tmp_path: Path) -> None:
    root = tree(tmp_path)
    with pytest.raises(CorpusError, match="2 of 6 utterances have no audio file, first dev dia110_utt7"):
        read(root, known_bad="keep")
    (root / "train/train_splits/dia125_utt3.mp4").touch()
    (root / "dev/dev_splits_complete/dia110_utt7.mp4").touch()
    assert len(read(root, known_bad="keep")) == 6
    (root / "dev/dev_splits_complete/dia0_utt0.mp4").unlink()
    with pytest.raises(CorpusError, match="1 of 4 utterances have no audio file, first dev dia0_utt0"):
        read(root)


def test_the_dyadic_edition_names_its_clips_by_the_old_numbers(tmp_path: Path) -> None:
    root = tree(tmp_path)
    for split in TABLES:
        (root / f"{split}_sent_emo.csv").unlink()
        (root / f"{split}_sent_emo_dya.csv").write_text(f"{DYADIC}A line.,Ann,fear,negative,7,2,0,0,{TIMES}")
    corpus = read(root)
    assert corpus.column("utterance").tolist() == ["dev_dia7_utt2", "test_dia7_utt2", "train_dia7_utt2"]
    assert {Path(file).name for file in corpus.column("file")} == {"dia0_utt0.mp4"}


def test_what_is_no_release_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no train_sent_emo\.csv below"):
        read(tmp_path)
    with pytest.raises(CorpusError, match=r"train 9989 expected, 3 found; dev 1109 expected, 2 found.*corpus\.counts=any"):
        read(tree(tmp_path), counts="release")
    (tmp_path / "dev_sent_emo.csv").write_text(HEAD.replace("Emotion", "Feeling"))
    with pytest.raises(CorpusError, match="column 'Emotion' is missing; it has Sr No"):
        read(tmp_path)


def test_the_counts_of_the_release(tmp_path: Path) -> None:
    of_train = {name.partition(" ")[2]: count for name, count in COUNTS_OF_THE_RELEASE.items() if " " in name}
    assert sum(of_train.values()) == COUNTS_OF_THE_RELEASE["train"]
    labels = {
        "train": [name for name in of_train for _ in range(of_train[name])],
        "dev": ["neutral"] * 1109,
        "test": ["fear"] * 2610,
    }
    for split, own in labels.items():
        rows = [f"{row},A line.,Ann,{label},neutral,{row},0,{TIMES}" for row, label in enumerate(own)]
        (tmp_path / f"{split}_sent_emo.csv").write_text(HEAD + "".join(rows))
        (tmp_path / split).mkdir()
        for row in range(len(own)):
            (tmp_path / split / f"dia{row}_utt0.wav").touch()
    corpus = read(tmp_path, counts="release")
    assert len(corpus) == 13_708 and corpus.card("")["counts"] == "as released"


@pytest.mark.parametrize("knobs", [{"scheme": "meld3"}, {"known_bad": "mend"}, {"text": "asr"}, {"counts": "some"}])
def test_a_knob_lists_its_values(knobs: dict[str, str]) -> None:
    with pytest.raises(SettingError, match=f"corpus.{next(iter(knobs))} must be one of"):
        Meld(**knobs)  # type: ignore[arg-type]
