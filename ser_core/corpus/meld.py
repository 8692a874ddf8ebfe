"""MELD: 13,708 utterances of the series Friends, 7 emotions (Poria et al. 2019), from {train,dev,test}_sent_emo.csv.

dia0_utt3.mp4 = utterance 3 of dialogue 0 of one part; every part starts its own numbering, so a name includes its part
Clips are video: save the sound next to them as WAV or FLAC (ffmpeg -i dia0_utt3.mp4 -ac 1 -ar 16000 dia0_utt3.wav), which
is preferred. The main characters speak in all three parts, so the official split is not speaker-independent.
"""

import dataclasses
from collections import Counter
from pathlib import Path
from typing import ClassVar

import pandas as pd

from ser_core.corpus.corpus import Corpus, CorpusOption, complete
from ser_core.corpus.counts import COUNTS, check_counts
from ser_core.corpus.licences import Terms
from ser_core.corpus.release import AUDIO_SUFFIXES, audio_by_stem, closed_folders, read_table, release_folder, with_files
from ser_core.corpus.schemes import classes_of, label_rows, schemes_of
from ser_core.corpus.text_file import TEXTS, check_text_file, with_text
from ser_core.errors import CorpusError
from ser_core.options import location_field, one_of, tolerance_field

FOLDERS = {
    "train": ("train_splits", "train"),
    "dev": ("dev_splits_complete", "dev"),
    "test": ("output_repeated_splits_test", "test"),
}
"""Folders of the clips of a part; the release's own folder comes first."""
COLUMNS = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID")
COUNTS_OF_THE_RELEASE = {
    "train": 9989,
    "dev": 1109,
    "test": 2610,
    "train neutral": 4710,
    "train joy": 1743,
    "train surprise": 1205,
    "train anger": 1109,
    "train sadness": 683,
    "train disgust": 271,
    "train fear": 268,
}
KNOWN_BAD = {"train dia125_utt3": "cannot be decoded", "dev dia110_utt7": "has no clip"}
WINDOWS = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}
"""Windows-1252 quotes and dashes that are in the tables as control characters."""


@dataclasses.dataclass(frozen=True)
class Meld(CorpusOption):
    """Settings of MELD."""

    licence_terms: ClassVar[Terms] = Terms(
        licence="annotations GPL-3.0 by their repository, called non-commercial elsewhere; clips not free: research only",
        access="free download",
        commercial="not of the clips, whose rights are with the makers of the series",
        redistribution="of the annotations; not of the clips",
        citation="Poria et al., ACL 2019, arXiv 1810.02508",
    )
    name: str = "meld"
    """This option's name."""
    root: str = location_field("")
    """Folder with the three tables and the clips of each part, anywhere below it."""
    scheme: str = "meld7"
    """Label scheme: meld7."""
    text: str = "plain"
    """Text channel: plain (subtitles without tags), gold (unchanged), column, or none."""
    text_file: str = location_field("")
    """Texts of corpus.text=column: a CSV or Parquet with the columns utterance (or file) and text."""
    known_bad: str = "drop"
    """The two utterances whose clips are broken or missing in the release: drop or keep."""
    counts: str = tolerance_field("release")
    """Utterances per part: release (counts must equal the published ones) or any (differences are noted on the card)."""

    def __post_init__(self) -> None:
        one_of(self, "scheme", schemes_of("meld"))
        one_of(self, "text", TEXTS)
        check_text_file(self.text, self.text_file)
        one_of(self, "known_bad", ("drop", "keep"))
        one_of(self, "counts", COUNTS)

    def read(self, cache: Path) -> Corpus:
        """Reads the utterances of the three parts. Raises CorpusError for other counts than released and for missing clips."""
        folder = release_folder("meld", self.root)
        closed = closed_folders(folder)
        table = pd.concat([_part(folder, split) for split in FOLDERS], ignore_index=True)
        found = Counter(table["split"].tolist())
        found.update(f"train {code}" for code, split in zip(table["code"], table["split"], strict=True) if split == "train")
        counts = check_counts("meld", COUNTS_OF_THE_RELEASE, found, self.counts, closed)
        table, notes = label_rows(table, self.scheme)
        if self.known_bad == "drop":
            bad = [name for name in table["clip"] if name in KNOWN_BAD]
            table = table.loc[[name not in KNOWN_BAD for name in table["clip"]]]
            notes += [f"dropped {name} ({KNOWN_BAD[name]})" for name in bad]
        table = with_files("meld", table, _clips(folder), closed, column="clip")
        table, text_source, text_notices = with_text("meld", table, self.text, self.text_file, "subtitles")
        return Corpus(
            name="meld",
            table=complete(table.drop(columns=["code", "clip"])),
            classes=classes_of(self.scheme),
            dimensions=(),
            licence=self.licence_terms.licence,
            source="Poria et al., MELD, ACL 2019, arXiv 1810.02508",
            text_source=text_source,
            merged="; ".join(notes) or "none",
            counts=counts,
            notices=(*text_notices, *closed),
        )


def _part(folder: Path, split: str) -> pd.DataFrame:
    """Returns one part's utterances with raw label in `code` and clip; from the dyadic edition if only that exists."""
    names = (f"{split}_sent_emo.csv", f"{split}_sent_emo_dya.csv")
    file = next((file for name in names for file in sorted(folder.rglob(name))), None)
    if file is None:
        raise CorpusError(f"corpus meld: no {names[0]} below {folder}; put the three tables of the release there")
    raw = read_table("meld", file, COLUMNS)
    old = "Old_" if "Old_Dialogue_ID" in raw else ""
    dialogues, utterances = raw[f"{old}Dialogue_ID"], raw[f"{old}Utterance_ID"]
    return pd.DataFrame(
        {
            "utterance": [f"{split}_dia{d}_utt{u}" for d, u in zip(raw["Dialogue_ID"], raw["Utterance_ID"], strict=True)],
            "clip": [f"{split} dia{d}_utt{u}" for d, u in zip(dialogues, utterances, strict=True)],
            "speaker": [speaker.strip() for speaker in raw["Speaker"]],
            "text": [" ".join(text.translate(WINDOWS).split()) for text in raw["Utterance"]],
            "split": split,
            "code": [emotion.strip().lower() for emotion in raw["Emotion"]],
        }
    )


def _clips(folder: Path) -> dict[str, str]:
    """Returns clips as "part name", sound files before video; within a part the release's own folder wins."""
    suffixes = (*AUDIO_SUFFIXES, ".mp4")
    clips: dict[str, str] = {}
    for split, names in FOLDERS.items():
        for place in (place for name in reversed(names) for place in sorted(folder.rglob(name)) if place.is_dir()):
            clips |= {f"{split} {stem}": file for stem, file in audio_by_stem(place, suffixes).items()}
    return clips
