"""RAVDESS speech: 1440 utterances of 2 sentences, 24 actors, 8 emotions (Livingstone and Russo 2018), from file names.

03-01-06-01-02-01-12 = audio, speech, fearful, normal intensity, sentence 02, repetition 01, actor 12 (even: female)
"""

import dataclasses
import re
from collections import Counter
from pathlib import Path
from typing import ClassVar

import pandas as pd

from ser_core.corpus.corpus import Corpus, CorpusOption, complete
from ser_core.corpus.counts import COUNTS, check_counts
from ser_core.corpus.licences import Terms
from ser_core.corpus.release import closed_folders, labelled_files, with_companion_text
from ser_core.corpus.text_file import check_text_file, with_text_file
from ser_core.options import location_field, one_of, tolerance_field

NAME = re.compile(r"03-01-(?P<emotion>0[1-8])-(?P<intensity>0[12])-(?P<sentence>0[12])-(?P<take>0[12])-(?P<actor>\d\d)")
EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
COUNTS_OF_THE_RELEASE = {name: 96 if name == "neutral" else 192 for name in EMOTIONS.values()}
SENTENCES = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}


@dataclasses.dataclass(frozen=True)
class Ravdess(CorpusOption):
    """Settings of RAVDESS."""

    licence_terms: ClassVar[Terms] = Terms(
        licence="CC BY-NC-SA 4.0: not for commercial use",
        access="free download from Zenodo, record 1188976",
        commercial="not under this licence; the authors sell a separate one",
        redistribution="with attribution, under the same licence, non-commercial",
        citation="Livingstone and Russo, PLoS ONE 13(5), 2018",
    )
    name: str = "ravdess"
    """This option's name."""
    root: str = location_field("")
    """Folder of the release. Audio may be anywhere below it; songs and video are skipped."""
    text: str = "sentence"
    """Text channel: sentence (the acted one), companion (companion_text.csv: semi-synthetic, seven classes), column, or none."""
    text_file: str = location_field("")
    """Texts of corpus.text=column: a CSV or Parquet with the columns utterance (or file) and text."""
    counts: str = tolerance_field("release")
    """Utterances per emotion: release (counts must equal the published ones) or any (differences are noted on the card)."""

    def __post_init__(self) -> None:
        one_of(self, "text", ("sentence", "companion", "column", "none"))
        check_text_file(self.text, self.text_file)
        one_of(self, "counts", COUNTS)

    def read(self, cache: Path) -> Corpus:
        """Reads all speech utterances below `root`. Raises CorpusError if there are none, or not as many as released."""
        rows = [
            {
                "utterance": match.group(),
                "file": str(file),
                "speaker": match["actor"],
                "gender": "female" if int(match["actor"]) % 2 == 0 else "male",
                "script": match["sentence"],
                "text": SENTENCES[match["sentence"]] if self.text == "sentence" else "",
                "emotion": EMOTIONS[match["emotion"]],
            }
            for file, match in labelled_files("ravdess", self.root, NAME)
        ]
        table, dropped, text_notices, closed = pd.DataFrame(rows), [], list[str](), closed_folders(self.root)
        counts = check_counts("ravdess", COUNTS_OF_THE_RELEASE, Counter(table["emotion"]), self.counts, closed)
        text_source = {"companion": "companion lines (semi-synthetic)", "sentence": "acted sentence"}.get(self.text, "none")
        if self.text == "companion":
            table, dropped = with_companion_text("ravdess", self.root, table)
        if self.text == "column":
            table, text_source, text_notices = with_text_file("ravdess", table, self.text_file)
        return Corpus(
            name="ravdess",
            table=complete(table),
            classes=tuple(name for name in sorted(EMOTIONS.values()) if name not in dropped),
            dimensions=(),
            licence=self.licence_terms.licence,
            source="Livingstone and Russo, The Ryerson Audio-Visual Database, PLoS ONE 13(5), 2018; Zenodo 1188976",
            text_source=text_source,
            merged=f"dropped {', '.join(dropped)} (no companion line)" if dropped else "none",
            counts=counts,
            notices=(*text_notices, *closed),
        )
