"""IEMOCAP: 10,039 utterances of 10 actors in 5 sessions (Busso et al. 2008), labels from dialog/EmoEvaluation.

Ses01F_impro01_M000 = session 01, dialogue in which F wears the markers, improvisation 01, spoken by M: speaker Ses01M
    [6.2901 - 8.2357] <tab> Ses01F_impro01_F000 <tab> neu <tab> [2.5000, 2.5000, 2.5000]     valence, arousal, dominance
    C-E2: <tab> Neutral; Anger; <tab> ()                                                    one evaluator's vote
Files are read as Latin-1. The actors' own votes (C-F1, C-M1) are left out, as in the means of the release.
"""

import dataclasses
import re
from collections import Counter
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from ser_core.corpus.corpus import Corpus, CorpusOption, Dimension, complete
from ser_core.corpus.counts import COUNTS, check_counts
from ser_core.corpus.licences import Terms
from ser_core.corpus.release import audio_by_stem, closed_folders, release_folder, with_files
from ser_core.corpus.schemes import KEEP, SCHEMES, classes_of, label_rows, schemes_of, vote_shares
from ser_core.corpus.text_file import TEXTS, TRANSCRIBED, check_text_file, with_text
from ser_core.errors import CorpusError
from ser_core.options import location_field, one_of, tolerance_field

TURN = re.compile(
    r"\[[\d.]+ - [\d.]+\]\t(?P<utterance>Ses\d\d[FM]_\w+_[FM]\d{3})\t(?P<code>\w{3})\t"
    r"\[(?P<valence>[\d.]+), (?P<arousal>[\d.]+), (?P<dominance>[\d.]+)\]\s*"
)
VOTE = re.compile(r"C-E\d+:\t(?P<labels>[^\t]*)")
LINE = re.compile(r"(Ses\d\d[FM]_\S+_[FM]\d{3}) \[[\d.]+-[\d.]+\]: (.*)")
CATEGORIES = {
    "Neutral": "neu",
    "Neutral state": "neu",
    "Happiness": "hap",
    "Anger": "ang",
    "Sadness": "sad",
    "Frustration": "fru",
    "Excited": "exc",
    "Fear": "fea",
    "Surprise": "sur",
    "Disgust": "dis",
    "Other": "oth",
}
DIMENSIONS = tuple(Dimension(name, 1, 5) for name in ("valence", "arousal", "dominance"))
PARTS = {"impro": "improvised", "scrip": "scripted"}

SESSIONS = {
    "Ses01": {"neutral": 384, "happiness": 278, "anger": 229, "sadness": 194},
    "Ses02": {"neutral": 362, "happiness": 327, "anger": 137, "sadness": 197},
    "Ses03": {"neutral": 320, "happiness": 286, "anger": 240, "sadness": 305},
    "Ses04": {"neutral": 258, "happiness": 303, "anger": 327, "sadness": 143},
    "Ses05": {"neutral": 384, "happiness": 442, "anger": 170, "sadness": 245},
}
COUNTS_OF_THE_RELEASE = {
    "utterances": 10039,
    **{f"{session} {name}": count for session, counts in SESSIONS.items() for name, count in counts.items()},
    "hap": 595,
    "exc": 1041,
    "improvised of iemocap4": 2943,
    "scripted of iemocap4": 2588,
}
"""All utterances, and the 5,531 of iemocap4 by session and class and by style, with hap and exc separate."""


@dataclasses.dataclass(frozen=True)
class Iemocap(CorpusOption):
    """Settings of IEMOCAP."""

    licence_terms: ClassVar[Terms] = Terms(
        licence="IEMOCAP release agreement of USC SAIL: research only, no redistribution",
        access="by request to USC SAIL, which asks for a signed agreement",
        commercial="not allowed",
        redistribution="not allowed: neither audio nor labels",
        citation="Busso et al., Language Resources and Evaluation 42, 2008",
    )
    name: str = "iemocap"
    """This option's name."""
    root: str = location_field("")
    """Folder of the release, which holds Session1 to Session5."""
    scheme: str = "iemocap4"
    """Label scheme: iemocap4 (happiness and excitement are one class; 5,531 utterances) or iemocap6 (with frustration)."""
    keep: str = "labelled"
    """Which utterances: labelled (with a class in the scheme) or all (10,039, the others without emotion)."""
    part: str = "all"
    """Which dialogues: all, improvised, or scripted (every session acts the same scripts)."""
    text: str = "plain"
    """Text channel: plain (without tags), gold (with tags like [LAUGHTER], which reveal the emotion), column, or none."""
    text_file: str = location_field("")
    """Texts of corpus.text=column: a CSV or Parquet with the columns utterance (or file) and text."""
    counts: str = tolerance_field("release")
    """Counts per session and class: release (must equal the published ones) or any (differences are noted on the card)."""

    def __post_init__(self) -> None:
        one_of(self, "scheme", schemes_of("iemocap"))
        one_of(self, "keep", KEEP)
        one_of(self, "part", ("all", "improvised", "scripted"))
        one_of(self, "text", TEXTS)
        check_text_file(self.text, self.text_file)
        one_of(self, "counts", COUNTS)

    def read(self, cache: Path) -> Corpus:
        """Reads the utterances that `keep` selects. Raises CorpusError for missing audio or other counts than released."""
        folder = release_folder("iemocap", self.root)
        closed = closed_folders(folder)
        turns, ballots = _evaluations(folder)
        counts = check_counts("iemocap", COUNTS_OF_THE_RELEASE, _counted(turns), self.counts, closed)
        chosen = turns if self.part == "all" else turns.loc[turns["part"].eq(self.part)]
        table, notes = label_rows(chosen, self.scheme, self.keep)
        table, strange = _within_scales(table)
        notes += [f"{strange} ratings outside 1 to 5 are absent"] if strange else []
        if self.part != "all":
            notes.insert(0, f"{self.part} dialogues only")
        table = with_files("iemocap", table, _audio(folder), closed)
        texts = _transcripts(folder) if self.text in TRANSCRIBED else {}
        table["text"] = [texts.get(utterance, "") for utterance in table["utterance"]]
        table, text_source, text_notices = with_text("iemocap", table, self.text, self.text_file, "human transcripts")
        table = complete(table.drop(columns=["code", "part"]))
        return Corpus(
            name="iemocap",
            table=table,
            classes=classes_of(self.scheme),
            dimensions=DIMENSIONS,
            licence=self.licence_terms.licence,
            source="Busso et al., IEMOCAP: Interactive emotional dyadic motion capture database, LREC 42, 2008",
            text_source=text_source,
            merged="; ".join(notes) or "none",
            counts=counts,
            notices=(*text_notices, *closed),
            votes=vote_shares(ballots, self.scheme, table["utterance"].tolist()),
        )


def _evaluations(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns one row per turn, and one per label of an evaluator; several labels in one vote share it."""
    turns, ballots = [], []
    for file in sorted(folder.glob("Session*/dialog/EmoEvaluation/Ses*.txt")):
        utterance = ""
        for line in file.read_text("latin-1").splitlines():
            if match := TURN.fullmatch(line):
                utterance = match["utterance"]
                turns.append(_turn(match))
            elif match := VOTE.match(line):
                labels = [label.strip() for label in match["labels"].split(";") if label.strip()]
                ballots += [(utterance, CATEGORIES.get(label, label), 1 / len(labels)) for label in labels]
            elif line.startswith("["):
                raise CorpusError(f"corpus iemocap: {file.name} has a turn that cannot be read: {line!r}")
    if not turns:
        raise CorpusError(f"corpus iemocap: no Session*/dialog/EmoEvaluation/Ses*.txt with turns below {folder}")
    return pd.DataFrame(turns), pd.DataFrame(ballots, columns=["utterance", "code", "weight"])


def _turn(match: re.Match[str]) -> dict[str, object]:
    """Parses the head line of an evaluation. The last letter gives the speaker, not the dialogue's name."""
    utterance = match["utterance"]
    session, letter = utterance[:5], utterance[-4]
    return {
        "utterance": utterance,
        "speaker": session + letter,
        "gender": {"F": "female", "M": "male"}[letter],
        "session": session,
        "script": re.findall(r"[a-z]+\d\d|$", utterance.split("_")[1])[0],
        "part": PARTS.get(utterance.split("_")[1][:5], ""),
        "code": match["code"],
        **{dimension.name: float(match[dimension.name]) for dimension in DIMENSIONS},
    }


def _within_scales(table: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Removes ratings outside their scale (an evaluator's slip) and counts them."""
    ratings = {dimension.name: table[dimension.name].to_numpy(float) for dimension in DIMENSIONS}
    strange = {name: (values < 1) | (values > 5) for name, values in ratings.items()}
    kept = {name: np.where(strange[name], np.nan, values) for name, values in ratings.items()}
    return table.assign(**kept), sum(int(rows.sum()) for rows in strange.values())


def _counted(turns: pd.DataFrame) -> dict[str, int]:
    """Returns the counts in COUNTS_OF_THE_RELEASE."""
    found = Counter({"utterances": len(turns)})
    for session, part, code in zip(turns["session"], turns["part"], turns["code"], strict=True):
        if emotion := SCHEMES["iemocap4"].get(code):
            found.update([f"{session} {emotion}", f"{part} of iemocap4"])
        if code in ("hap", "exc"):
            found[code] += 1
    return found


def _audio(folder: Path) -> dict[str, str]:
    """Returns the audio of the sentences by name."""
    sessions = sorted(folder.glob("Session*/sentences/wav"))
    return {name: file for session in sessions for name, file in audio_by_stem(session).items()}


def _transcripts(folder: Path) -> dict[str, str]:
    """Returns the text with its tags by utterance. Lines without times and turns without audio (_FXX0) are no transcripts."""
    texts = {}
    for file in sorted(folder.glob("Session*/dialog/transcriptions/Ses*.txt")):
        for line in file.read_text("latin-1").splitlines():
            if match := LINE.fullmatch(line.rstrip()):
                texts[match[1]] = " ".join(match[2].split())
    return texts
