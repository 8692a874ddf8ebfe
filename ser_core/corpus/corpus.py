"""What every reader returns: a table of utterances with a checked schema, a label scheme, a licence and a protocol card.

utterance  file  start  end  speaker  gender  session  text  emotion  <dimension> ...
(one row each; missing values are empty strings or NaN, never guessed)
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ser_core.corpus.genders import read_genders, two_genders
from ser_core.corpus.licences import Terms
from ser_core.corpus.names import NAMES, changed_names, check_similar, read_name
from ser_core.corpus.texts import normalisation
from ser_core.corpus.unknown_speakers import named_after_files, why_unknown
from ser_core.errors import CorpusError
from ser_core.options import Option, location_field

WORDS = ("utterance", "file", "speaker", "gender", "session", "text", "emotion", "split", "script")
"""Text columns; "" for missing values. `split` is the corpus's own part in its own spelling; `script` is the sentence, script
or scenario that was acted."""
SECONDS = ("start", "end")
"""Place of the utterance in its file, in seconds; NaN means the file's own start or end."""
NOTICES = "notices"
"""Attribute of a table that holds the notices from reading it."""
PARTS = ("train", "dev", "test", "")
"""Parts of an utterance in a fold that comes with the corpus; "" leaves it out."""


@dataclasses.dataclass(frozen=True)
class Dimension:
    """One continuous emotion dimension and the bounds of its scale in the corpus."""

    name: str
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class CorpusOption(Option):
    """Base of the corpora: settings, and `read`, which returns the Corpus or raises CorpusError."""

    key: ClassVar[str] = "corpus"
    licence_terms: ClassVar[Terms] = Terms()
    """Terms of use of the release; empty if they are not known before reading."""
    name: str = ""
    """This option's name."""
    columns_file: str = location_field("")
    """A CSV or Parquet with the column utterance (or file) and extra columns: augmented_file, augmented_text, other texts."""

    def terms(self) -> str:
        """Returns the corpus's terms of use, printed on first use; "" if they are unknown before reading."""
        return self.licence_terms.text()

    def read(self, cache: Path) -> "Corpus":
        """Reads the utterances. `cache` is a folder for what a reader must create first (the demo corpus is spoken there)."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Utterances of one corpus under one label scheme.

    `table` has the columns WORDS, SECONDS and one per dimension (float, NaN when unrated), one row per utterance,
    sorted by `utterance`, which is unique and does not depend on where the corpus lies. `file` is an absolute path.
    `emotion` is one of `classes` or "" (unlabelled). `merged` says which labels were merged or dropped for that.
    `votes` [utterances, classes] is the share of annotators for each class; a row without votes for any class is NaN.
    `parts` has a column fold_1, fold_2, ... for every fold that comes with the corpus, each cell one of PARTS.
    `counts` says whether the reader found the counts of the release.
    `further` has text columns beyond the schema, which are requested by name; they are not part of the content.
    `notices` are sentences that every command prints about the files, such as unknown speakers or a column that is not read.
    They are not part of the content either. Notices about names, and those from `complete`, are added here.
    `similar_names` says whether names may differ only in case and the like (allow). `unknown_speakers` says whether the corpus
    documents the speakers (known). Otherwise users name them: if every utterance then names another speaker, folds by speaker
    are refused, or accepted as folds by utterance (each).
    """

    name: str
    table: pd.DataFrame
    classes: tuple[str, ...]
    dimensions: tuple[Dimension, ...]
    licence: str
    source: str
    text_source: str = "none"
    merged: str = "none"
    counts: str = "not checked"
    votes: np.ndarray | None = None
    parts: pd.DataFrame | None = None
    further: pd.DataFrame | None = None
    notices: tuple[str, ...] = ()
    similar_names: str = "refuse"
    unknown_speakers: str = "known"

    def __post_init__(self) -> None:
        check_table(self.name, self.table, self.classes, self.dimensions)
        # Leaving out utterances creates the corpus again, so duplicate notices are removed.
        notices = [*self.notices, *self.table.attrs.get(NOTICES, ()), *self._about_names()]
        object.__setattr__(self, "notices", tuple(dict.fromkeys(notices)))
        if self.votes is not None:
            check_votes(self.name, self.votes, (len(self.table), len(self.classes)))
        if self.parts is not None:
            check_parts(self.name, self.parts, len(self.table))

    def __len__(self) -> int:
        return len(self.table)

    def column(self, name: str) -> np.ndarray:
        """Returns one column of the table as an array: text for WORDS, float for the others."""
        return cells(self.table, name)

    @functools.cached_property
    def why_unknown(self) -> str:
        """Explains why speakers count as unknown; "" if they are known."""
        return "" if self.unknown_speakers == "known" else why_unknown(self.column("speaker").tolist())

    def _about_names(self) -> list[str]:
        """Returns notices about names. Raises CorpusError for similar names, unless they are allowed."""
        names = {"speakers": "speaker", "sessions": "session", "emotions": "emotion"}
        notices = check_similar(self.name, {what: self.column(name).tolist() for what, name in names.items()}, self.similar_names)
        notices += two_genders(self.column("speaker").tolist(), self.column("gender").tolist())
        if self.unknown_speakers == "known":
            return notices
        if self.why_unknown:
            return [*notices, f"{self.why_unknown}, so folds by speaker are folds by utterance"]
        return [*notices, *named_after_files(self.column("speaker").tolist(), self.column("file").tolist())]

    @property
    def scheme(self) -> dict[str, Any]:
        """Returns the classes in order and the dimensions with their scales, which shape a model's heads."""
        return {"classes": list(self.classes), "dimensions": {d.name: [d.low, d.high] for d in self.dimensions}}

    def without(self, utterances: Iterable[str]) -> "Corpus":
        """Returns the corpus without the named utterances (bad audio that you chose to skip)."""
        kept = ~np.isin(self.column("utterance"), list(utterances))
        votes = None if self.votes is None else self.votes[kept]
        rest = {
            name: None if rows is None else rows.loc[kept].reset_index(drop=True)
            for name, rows in (("parts", self.parts), ("further", self.further))
        }
        return dataclasses.replace(self, table=self.table.loc[kept].reset_index(drop=True), votes=votes, **rest)

    def card(self, audio_hash: str) -> dict[str, Any]:
        """Returns the protocol card: counts, label map, licence and content hash. `audio_hash` covers the files' bytes."""
        names, counts = np.unique(self.column("emotion"), return_counts=True)
        found = dict(zip(names.tolist(), counts.tolist(), strict=True))
        return {
            "corpus": self.name,
            "utterances": len(self),
            "speakers": len(set(self.column("speaker"))),
            "emotions": {name: count for name, count in found.items() if name},
            "unlabelled": found.get("", 0),
            **self.scheme,
            "merged": self.merged,
            "counts": self.counts,
            "text_source": self.text_source,
            "text_normalisation": normalisation(),
            "licence": self.licence,
            "source": self.source,
            "content": hashlib.sha256((self._rows() + audio_hash).encode()).hexdigest()[:16],
        }

    def _rows(self) -> str:
        """Returns every cell but the file's path as JSON. Missing columns and features do not change the hash."""
        absent = ["file", *(column for column in ("split", "script") if not (self.column(column) != "").any())]
        content = self.table.drop(columns=absent).to_dict("list")
        if self.votes is not None:
            content["votes"] = self.votes.round(6).tolist()
        if self.parts is not None:
            content["parts"] = self.parts.to_dict("list")
        return json.dumps(content, sort_keys=True)


def check_table(name: str, table: pd.DataFrame, classes: tuple[str, ...], dimensions: tuple[Dimension, ...]) -> None:
    """Raises CorpusError, with column and row, if a table violates the schema."""
    expected = [*WORDS, *SECONDS, *(d.name for d in dimensions)]
    if missing := [column for column in expected if column not in table]:
        raise CorpusError(f"corpus {name}: column {missing[0]!r} is missing; a corpus table has {', '.join(expected)}")
    if not len(table):
        raise CorpusError(f"corpus {name} has no utterances")
    utterances = cells(table, "utterance")
    if (twice := table["utterance"].duplicated().to_numpy(bool)).any():
        raise CorpusError(f"corpus {name}: utterance {str(utterances[twice][0])!r} appears more than once")
    for column in ("utterance", "file", "speaker"):
        if (empty := cells(table, column) == "").any():
            raise CorpusError(f"corpus {name}: row {int(empty.argmax())} has no {column}")
    if unknown := sorted(set(table["emotion"]) - set(classes) - {""}):
        raise CorpusError(f"corpus {name}: emotion {unknown[0]!r} is not in the label scheme {', '.join(classes)}")
    if (backwards := cells(table, "end") <= cells(table, "start")).any():
        raise CorpusError(f"corpus {name}: {utterances[backwards][0]} ends before it starts")
    for dimension in dimensions:
        values = cells(table, dimension.name)
        outside = (values < dimension.low) | (values > dimension.high)
        if outside.any():
            raise CorpusError(
                f"corpus {name}: {dimension.name} of {utterances[outside][0]} is {values[outside][0]:g}, "
                f"outside its scale {dimension.low:g} to {dimension.high:g}"
            )


def check_votes(name: str, votes: np.ndarray, shape: tuple[int, int]) -> None:
    """Raises CorpusError unless every row is a distribution over the classes, or all NaN."""
    if votes.shape != shape:
        raise CorpusError(f"corpus {name}: votes have shape {list(votes.shape)}, but utterances and classes have {list(shape)}")
    rated = ~np.isnan(votes).all(axis=1)
    wrong = rated & ~((votes >= 0).all(axis=1) & np.isclose(votes.sum(axis=1), 1))
    if wrong.any():
        raise CorpusError(
            f"corpus {name}: the votes of row {int(wrong.argmax())} are not a distribution: {votes[wrong][0].tolist()}"
        )


def check_parts(name: str, parts: pd.DataFrame, utterances: int) -> None:
    """Raises CorpusError unless the columns are fold_1, fold_2, ... in order, with one of PARTS for every utterance."""
    if len(parts) != utterances:
        raise CorpusError(f"corpus {name}: parts of {len(parts)} utterances; the table has {utterances}")
    expected = [f"fold_{number}" for number in range(1, max(len(parts.columns), 1) + 1)]
    if list(parts.columns) != expected:
        raise CorpusError(f"corpus {name}: the columns of parts are {list(parts.columns)}, not {expected}")
    for column in expected:
        if unknown := sorted(set(parts[column].map(repr)) - set(map(repr, PARTS))):
            raise CorpusError(f"corpus {name}: part {unknown[0]} of {column} is none of {', '.join(map(repr, PARTS))}")


def cells(table: pd.DataFrame, column: str) -> np.ndarray:
    """Returns a column as an array: text for WORDS, float for the others."""
    return table[column].to_numpy(str if column in WORDS else float)


def complete(table: pd.DataFrame) -> pd.DataFrame:
    """Adds missing optional columns, fixes types, normalises names and genders, and sorts by utterance.

    Notices about changed spellings go into the table's `attrs`, where a Corpus finds them.
    """
    table = table.copy()
    notices: list[str] = []
    for column in WORDS:
        table[column] = table[column].fillna("").astype(str) if column in table else ""
    for column in (*NAMES, "gender"):
        given = table[column].tolist()
        read = {cell: read_name(cell) for cell in set(given)}
        table[column] = names = [read[cell] for cell in given]
        notices += changed_names(column, given, names)
    table["gender"], strange = read_genders(table["gender"].tolist())
    for column in SECONDS:
        table[column] = table[column].astype(float) if column in table else float("nan")
    table = table.sort_values("utterance", kind="stable").reset_index(drop=True)
    table.attrs[NOTICES] = [*table.attrs.get(NOTICES, ()), *notices, *strange]
    return table
