"""MSP-Podcast: natural speech from podcasts (Lotfian and Busso 2019), labels from Labels/labels_consensus.csv.

FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set        read by name, because the order differs between releases
labels_detailed.csv (votes) has one row per worker, in three generations:
    1.6        Workers, EmoClass_Major, ...     1.7 to 1.12   EmoDetail = "WORKER0001; Neutral; Concerned; A:4; V:4; D:4;"
    2.0        WorkerID, EmoClass_Major, ...
The labels may be JSON instead, {"MSP-PODCAST_0001_0008.wav": {"EmoClass": "N", ...}}; CSV takes precedence over JSON.
Labels of Test3 are withheld, so its utterances are left out.
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ser_core.corpus.corpus import Corpus, CorpusOption, Dimension, cells, complete
from ser_core.corpus.counts import COUNTS, check_counts
from ser_core.corpus.licences import Terms
from ser_core.corpus.release import audio_by_stem, closed_folders, read_table, release_folder, with_files
from ser_core.corpus.schemes import classes_of, label_rows, schemes_of, vote_shares
from ser_core.corpus.text_file import TEXTS, TRANSCRIBED, check_text_file, with_text
from ser_core.corpus.user_tables.cell_values import to_numbers
from ser_core.errors import CorpusError
from ser_core.options import location_field, one_of, tolerance_field

RELEASES = {"1.11": 151_654, "1.12": 207_136, "2.0": 264_705}
"""Speaking turns, counted as audio files, because the consensus table may omit Test3."""
COLUMNS = ("FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Gender", "Split_Set")
DIMENSIONS = {"arousal": "EmoAct", "valence": "EmoVal", "dominance": "EmoDom"}
CATEGORIES = {
    "Angry": "A",
    "Contempt": "C",
    "Disgust": "D",
    "Fear": "F",
    "Happy": "H",
    "Neutral": "N",
    "Sad": "S",
    "Surprise": "U",
}
UNKNOWN = "Unknown"
WITHHELD = "Test3"


@dataclasses.dataclass(frozen=True)
class MspPodcast(CorpusOption):
    """Settings of MSP-Podcast."""

    licence_terms: ClassVar[Terms] = Terms(
        licence="MSP-Podcast agreement of UT Dallas, signed by the institution: no redistribution",
        access="by an agreement between the institution and UT Dallas",
        commercial="under a commercial agreement only",
        redistribution="not allowed: neither audio nor labels",
        citation="Lotfian and Busso, IEEE Trans. Affective Computing 10(4), 2019",
    )
    name: str = "msp_podcast"
    """This option's name."""
    root: str = location_field("")
    """Folder of the release, which holds Audios, Labels and Transcripts."""
    release: str = "2.0"
    """Release: 1.11, 1.12 or 2.0. Other releases have no known count and need counts=any."""
    scheme: str = "msp8"
    """Label scheme: msp8 (all but Other and no agreement) or msp4 (anger, happiness, neutral, sadness)."""
    unknown_speakers: str = "drop"
    """Utterances of unidentified speakers: drop, each (a separate speaker each; may split a voice), or one (a single speaker)."""
    text: str = "plain"
    """Text channel: plain (human transcripts without tags), gold (unchanged), column, or none."""
    text_file: str = location_field("")
    """Texts of corpus.text=column: a CSV or Parquet with the columns utterance (or file) and text."""
    counts: str = tolerance_field("release")
    """Number of audio files: release (must equal the published one) or any (a difference is noted on the card)."""

    def __post_init__(self) -> None:
        one_of(self, "scheme", schemes_of("msp"))
        one_of(self, "unknown_speakers", ("drop", "each", "one"))
        one_of(self, "text", TEXTS)
        check_text_file(self.text, self.text_file)
        one_of(self, "counts", COUNTS)
        if self.counts == "release":
            one_of(self, "release", tuple(RELEASES))

    def read(self, cache: Path) -> Corpus:
        """Reads the utterances with a class in the scheme. Raises CorpusError for missing audio or another number of files."""
        folder = release_folder("msp_podcast", self.root)
        closed = closed_folders(folder)
        files = audio_by_stem(folder / "Audios")
        counts = "not checked: the count of this release is not known"
        if self.release in RELEASES:
            counts = check_counts(
                "msp_podcast", {"utterances": RELEASES[self.release]}, {"utterances": len(files)}, self.counts, closed
            )
        table = _consensus(folder)
        withheld = cells(table, "split") == WITHHELD
        table, notes = label_rows(table.loc[~withheld], self.scheme)
        notes += [f"left out {withheld.sum()} of {WITHHELD} (labels withheld)"] if withheld.any() else []
        table, note = _identified(table, self.unknown_speakers)
        table = with_files("msp_podcast", table, files, closed)
        if self.text in TRANSCRIBED:
            table["text"] = [_transcript(folder, utterance) for utterance in table["utterance"]]
        table, text_source, text_notices = with_text("msp_podcast", table, self.text, self.text_file, "human transcripts")
        table = complete(table.drop(columns="code"))
        ballots = _ballots(folder)
        return Corpus(
            name="msp_podcast",
            table=table,
            classes=classes_of(self.scheme),
            dimensions=tuple(Dimension(name, 1, 7) for name in DIMENSIONS),
            licence=self.licence_terms.licence,
            source=f"Lotfian and Busso, IEEE Trans. Affective Computing 10(4), 2019; release {self.release}",
            text_source=text_source,
            merged="; ".join([*notes, *note]) or "none",
            counts=counts,
            notices=(*text_notices, *closed),
            unknown_speakers="each" if self.unknown_speakers == "each" else "known",
            votes=None if ballots is None else vote_shares(ballots, self.scheme, table["utterance"].tolist()),
        )


def _labels(folder: Path, *names: str) -> Path | None:
    """Returns the first of these label files that exists."""
    return next((folder / "Labels" / name for name in names if (folder / "Labels" / name).is_file()), None)


def _read(file: Path, columns: Sequence[str], numbers: Sequence[str] = ()) -> pd.DataFrame:
    """Reads a table of labels, CSV or JSON. Raises CorpusError if it lacks one of `columns` or is not JSON of labels."""
    if file.suffix == ".csv":
        return read_table("msp_podcast", file, columns, numbers)
    try:
        rows = _json_rows(json.loads(file.read_text("utf-8")))
    except (ValueError, AttributeError, TypeError) as error:
        raise CorpusError(f"corpus msp_podcast: {file} holds no labels by file name: {error}") from None
    table = pd.DataFrame(rows).fillna("")
    if missing := [column for column in columns if column not in table]:
        raise CorpusError(f"corpus msp_podcast: {file} lacks {missing[0]!r}; it has {', '.join(table.columns)}")
    for name in numbers:
        values, wrong, _, _ = to_numbers(table[name].to_numpy(object))
        if len(wrong):
            cell = table[name].iloc[wrong[0]]
            raise CorpusError(f"corpus msp_podcast: {file} has a rating that is not a number: {name} {cell!r}")
        table[name] = values
    return table


def _json_rows(labels: dict[str, Any]) -> list[dict[str, str]]:
    """Returns one row per utterance, or per worker in the detailed labels. Old releases put an utterance's labels into a list."""
    rows = []
    for name, entry in labels.items():
        entries = entry if isinstance(entry, list) else [entry]
        workers = [own for each in entries for own in (each.values() if _by_worker(each) else [each])]
        rows += [{"FileName": name, **{field: _text(cell) for field, cell in own.items()}} for own in workers]
    return rows


def _text(cell: Any) -> str:
    """Returns a cell as the CSV spells it."""
    return "" if cell is None or cell != cell else str(cell)


def _by_worker(entry: dict[str, Any]) -> bool:
    """Whether an entry holds one set of labels per worker instead of a single set."""
    return bool(entry) and all(isinstance(own, dict) for own in entry.values())


def _consensus(folder: Path) -> pd.DataFrame:
    """Returns one row per utterance with its raw label in `code`."""
    names = [f"labels_{word}{suffix}" for suffix in (".csv", ".json") for word in ("consensus", "concensus")]
    file = _labels(folder, *names)
    if file is None:
        raise CorpusError(f"corpus msp_podcast: no Labels/labels_consensus.csv (or .json) below {folder}; correct corpus.root")
    raw = _read(file, COLUMNS, list(DIMENSIONS.values()))
    ratings = {name: raw[column].to_numpy(float) for name, column in DIMENSIONS.items()}
    return pd.DataFrame(
        {
            "utterance": [Path(name).stem for name in raw["FileName"]],
            "speaker": raw["SpkrID"],
            "gender": [{"Female": "female", "Male": "male"}.get(gender, "") for gender in raw["Gender"]],
            "split": raw["Split_Set"],
            "code": raw["EmoClass"],
            **ratings,
        }
    )


def _identified(table: pd.DataFrame, unknown_speakers: str) -> tuple[pd.DataFrame, list[str]]:
    """Returns the table with speakers named according to `unknown_speakers`, and a note about it."""
    speakers = np.array(table["speaker"].tolist(), object)
    unknown = np.isin(speakers, [UNKNOWN, ""])
    if not unknown.any():
        return table, []
    count = int(unknown.sum())
    if unknown_speakers == "drop":
        return table.loc[~unknown], [f"dropped {count} of unknown speakers"]
    if unknown_speakers == "one":
        return table.assign(speaker=np.where(unknown, UNKNOWN, speakers)), [f"{count} of unknown speakers are one speaker"]
    own = np.array([f"{UNKNOWN} {utterance}" for utterance in table["utterance"]], object)
    return table.assign(speaker=np.where(unknown, own, speakers)), [f"{count} of unknown speakers are a speaker each"]


def _transcript(folder: Path, utterance: str) -> str:
    """Returns the transcript on one line, or "" if the release has none."""
    try:
        content = (folder / "Transcripts" / f"{utterance}.txt").read_bytes()
    except FileNotFoundError:
        return ""
    return " ".join(content.decode("utf-8", errors="replace").split())


def _ballots(folder: Path) -> pd.DataFrame | None:
    """Returns the primary label of every worker from any generation of the detailed table; None without one."""
    file = _labels(folder, "labels_detailed.csv", "labels_detailed.json")
    if file is None:
        return None
    raw = _read(file, ("FileName",))
    if "EmoClass_Major" in raw:
        labels = raw["EmoClass_Major"].tolist()
    elif "EmoDetail" in raw:
        labels = [detail.split(";")[1] if detail.count(";") else "" for detail in raw["EmoDetail"]]
    else:
        raise CorpusError(
            f"corpus msp_podcast: {file} has neither EmoClass_Major nor EmoDetail; move it away to continue without votes"
        )
    codes = [CATEGORIES.get(label.strip(), label.strip()) for label in labels]
    return pd.DataFrame({"utterance": [Path(name).stem for name in raw["FileName"]], "code": codes, "weight": 1.0})
