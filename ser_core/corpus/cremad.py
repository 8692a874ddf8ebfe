"""CREMA-D: 7,442 utterances of 12 sentences, 91 actors, 6 emotions (Cao et al. 2014), read from file names.

1001_IEO_ANG_HI.wav = actor, sentence, emotion acted, intensity
The label is the intended emotion. Listeners often heard another one, which `votes` holds: rows of
processedResults/tabulatedVotes.csv whose name starts with 1 are votes on the voice alone (2 the face, 3 both).
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
from ser_core.corpus.release import audio_by_stem, closed_folders, read_table, release_folder
from ser_core.corpus.schemes import classes_of, label_rows, schemes_of, vote_shares
from ser_core.corpus.text_file import check_text_file, with_text_file
from ser_core.errors import CorpusError
from ser_core.options import location_field, one_of, tolerance_field

NAME = re.compile(r"(?P<actor>1\d{3})_(?P<sentence>[A-Z]{3})_(?P<code>ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX)")
SENTENCES = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
LETTERS = {"A": "ANG", "D": "DIS", "F": "FEA", "H": "HAP", "N": "NEU", "S": "SAD"}
COUNTS_OF_THE_RELEASE = {"ANG": 1271, "DIS": 1271, "FEA": 1271, "HAP": 1271, "NEU": 1087, "SAD": 1271}
KNOWN_BAD = "1076_MTI_SAD_XX"
"""Its audio is silent in the release."""


@dataclasses.dataclass(frozen=True)
class CremaD(CorpusOption):
    """Settings of CREMA-D."""

    licence_terms: ClassVar[Terms] = Terms(
        licence="Open Database License 1.0; contents under the Database Contents License 1.0",
        access="free download",
        commercial="allowed",
        redistribution="with attribution; a database made from it stays under the same licence",
        citation="Cao et al., IEEE Trans. Affective Computing 5(4), 2014",
    )
    name: str = "cremad"
    """This option's name."""
    root: str = location_field("")
    """Folder of the release. Audio may be anywhere below it; WAV is preferred to MP3."""
    scheme: str = "cremad6"
    """Label scheme: cremad6, the acted emotions."""
    text: str = "sentence"
    """Text channel: sentence (the acted one, which carries no emotion), column, or none."""
    text_file: str = location_field("")
    """Texts of corpus.text=column: a CSV or Parquet with the columns utterance (or file) and text."""
    known_bad: str = "drop"
    """The utterance whose audio is silent in the release: drop or keep."""
    counts: str = tolerance_field("release")
    """Utterances per emotion: release (counts must equal the published ones) or any (differences are noted on the card)."""

    def __post_init__(self) -> None:
        one_of(self, "scheme", schemes_of("cremad"))
        one_of(self, "text", ("sentence", "column", "none"))
        check_text_file(self.text, self.text_file)
        one_of(self, "known_bad", ("drop", "keep"))
        one_of(self, "counts", COUNTS)

    def read(self, cache: Path) -> Corpus:
        """Reads all utterances below `root`. Raises CorpusError if there are none, or not as many as released."""
        folder = release_folder("cremad", self.root)
        closed = closed_folders(folder)
        genders, found = _genders(folder), _recordings(folder)
        codes = Counter(match["code"] for match, _ in found.values())
        counts = check_counts("cremad", COUNTS_OF_THE_RELEASE, codes, self.counts, closed)
        rows = [
            {
                "utterance": name,
                "file": file,
                "speaker": match["actor"],
                "gender": genders.get(match["actor"], ""),
                "script": match["sentence"],
                "text": SENTENCES.get(match["sentence"], "") if self.text == "sentence" else "",
                "code": match["code"],
            }
            for name, (match, file) in found.items()
            if name != KNOWN_BAD or self.known_bad == "keep"
        ]
        table, notes = label_rows(pd.DataFrame(rows), self.scheme)
        if len(rows) < len(found):
            notes.append(f"dropped {KNOWN_BAD} (silent)")
        text_source, text_notices = ("acted sentence" if self.text == "sentence" else "none"), list[str]()
        if self.text == "column":
            table, text_source, text_notices = with_text_file("cremad", table, self.text_file)
        table, ballots = complete(table.drop(columns="code")), _ballots(folder)
        return Corpus(
            name="cremad",
            table=table,
            classes=classes_of(self.scheme),
            dimensions=(),
            licence=self.licence_terms.licence,
            source="Cao et al., CREMA-D, IEEE Trans. Affective Computing 5(4), 2014",
            text_source=text_source,
            merged="; ".join(notes) or "none",
            counts=counts,
            notices=(*text_notices, *closed),
            votes=None if ballots is None else vote_shares(ballots, self.scheme, table["utterance"].tolist()),
        )


def _recordings(folder: Path) -> dict[str, tuple[re.Match[str], str]]:
    """Returns the parsed file name and the file, by utterance. Raises CorpusError if there are none."""
    found = {name: (match, file) for name, file in audio_by_stem(folder).items() if (match := NAME.fullmatch(name))}
    if not found:
        raise CorpusError(f"corpus cremad: no audio file named like 1001_IEO_ANG_HI below {folder}; correct corpus.root")
    return found


def _genders(folder: Path) -> dict[str, str]:
    """Returns gender by actor from VideoDemographics.csv; {} if the release lacks it."""
    file = next(iter(sorted(folder.rglob("VideoDemographics.csv"))), None)
    if file is None:
        return {}
    table = read_table("cremad", file, ("ActorID", "Sex"))
    return {actor: sex.lower() for actor, sex in zip(table["ActorID"], table["Sex"], strict=True)}


def _ballots(folder: Path) -> pd.DataFrame | None:
    """Returns votes on the voice alone, one row per utterance and emotion; None if the release lacks them."""
    file = next(iter(sorted(folder.rglob("tabulatedVotes.csv"))), None)
    if file is None:
        return None
    table = read_table("cremad", file, ("fileName",), numbers=list(LETTERS)).fillna(dict.fromkeys(LETTERS, 0.0))
    rows = table[table.columns[0]].tolist()
    voice = table.loc[[row.startswith("1") for row in rows]]
    votes = [
        (name, code, float(count))
        for letter, code in LETTERS.items()
        for name, count in zip(voice["fileName"], voice[letter], strict=True)
    ]
    return pd.DataFrame(votes, columns=["utterance", "code", "weight"])
