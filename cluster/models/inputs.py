"""What `ser predict` reads: files, folders, tables of files, or a list on standard input.

recordings/  talk.wav  table.csv (file, start, end, text)  -   -->  one Utterance per recording, row or window
"""

import csv
import dataclasses
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ser_core.errors import AudioError, SettingError
from ser_core.trained.emotion_model import Utterance
from ser_core.trained.windows import windows

TABLES = (".csv", ".tsv", ".parquet")
SOUNDS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au", ".m4a", ".webm", ".aac", ".mp4")
"""Endings of the files that a folder is searched for."""


@dataclasses.dataclass(frozen=True)
class InputSettings:
    """How inputs become utterances."""

    text_column: str = ""
    """Column of a table with the texts."""
    transcripts: str = ""
    """A table with the columns file and text."""
    window: float = 0.0
    """Seconds of a window; 0 takes each file or row as one utterance."""
    hop: float = 0.0
    """Seconds from window to window; 0 means half a window."""
    active_only: bool = False
    """Whether windows without speech are left out."""


Found = Utterance | tuple[str, AudioError]
"""An utterance, or a file with the reason why it has none."""


def utterances(inputs: Sequence[str], settings: InputSettings, needs_text: bool) -> Iterator[Found]:
    """Yields what to predict, in order. Raises SettingError for an input that does not exist and for missing texts."""
    texts = _transcripts(settings.transcripts) if settings.transcripts else {}
    tables = any(Path(given).suffix.lower() in TABLES for given in inputs)
    if needs_text and not (settings.transcripts or settings.text_column or tables):
        raise SettingError(
            "this model reads speech and text, but there are no texts; give a table with --text-column, --transcripts FILE, or "
            "--speech-only if the model was trained for that"
        )
    for row in (row for given in inputs for row in _rows(given, settings)):
        text = row.text or texts.get(row.file, "") or texts.get(Path(row.file).name, "")
        if needs_text and not text:
            yield row.file, AudioError("has no text, and this model reads speech and text")
            continue
        if not settings.window:
            yield dataclasses.replace(row, text=text)
            continue
        try:
            yield from windows(row.file, settings.window, settings.hop or settings.window / 2, settings.active_only, text)
        except AudioError as error:
            yield row.file, error


def _rows(given: str, settings: InputSettings) -> Iterator[Utterance]:
    if given == "-":
        yield from (Utterance(line.strip()) for line in sys.stdin if line.strip())
        return
    place = Path(given).expanduser()
    if place.is_dir():
        found = sorted(file for file in place.rglob("*") if file.suffix.lower() in SOUNDS and file.is_file())
        if not found:
            raise SettingError(f"{given} holds no audio ({', '.join(SOUNDS)})")
        yield from (Utterance(str(file)) for file in found)
    elif place.suffix.lower() in TABLES and place.is_file():
        yield from _table(place, settings.text_column)
    else:
        yield Utterance(given)  # a missing file gets its reason, like a damaged one


def _table(file: Path, text_column: str) -> Iterator[Utterance]:
    """Reads the columns file, start, end and the text. Relative paths start from the table's folder."""
    records = _records(file)
    columns = records[0].keys() if records else ()
    wanted = {"file", *([text_column] if text_column else [])}
    if missing := sorted(wanted - set(columns)):
        raise SettingError(f"{file} has no column {missing[0]}; it has {', '.join(map(str, columns)) or 'no rows'}")
    column = text_column or "text"
    for row in records:
        place = Path(str(row["file"])).expanduser()
        start, end = (_seconds(row.get(name, ""), file, name) for name in ("start", "end"))
        yield Utterance(str(place if place.is_absolute() else file.parent / place), start, end, str(row.get(column) or ""))


def _records(file: Path) -> Sequence[Mapping[Any, Any]]:
    """Reads a table. Raises SettingError for one that is damaged or not in UTF-8."""
    try:
        if file.suffix.lower() == ".parquet":
            import pandas as pd

            return [{str(name): value for name, value in row.items()} for row in pd.read_parquet(file).to_dict("records")]
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return list(csv.DictReader(lines, delimiter="\t" if file.suffix.lower() == ".tsv" else ","))
    except UnicodeDecodeError:
        raise SettingError(f"{file} is not in UTF-8; save it as UTF-8") from None
    except (OSError, ValueError, csv.Error) as error:  # pyarrow's errors are ValueErrors
        raise SettingError(f"{file} cannot be read as a table: {str(error).splitlines()[0]}; write it again") from None


def _seconds(value: object, file: Path, name: str) -> float:
    if value is None or str(value).strip() in ("", "NaT", "nan"):
        return math.nan
    text = str(value)
    try:
        if " days " in text:  # as audformat writes times: 0 days 00:00:01.500000
            days, _, clock = text.partition(" days ")
            hours, minutes, seconds = clock.split(":")
            return int(days) * 86400 + int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        return float(text)
    except ValueError:
        raise SettingError(f"{file}: {name} must be seconds, got {text!r}") from None


def _transcripts(name: str) -> dict[str, str]:
    file = Path(name).expanduser()
    if not file.is_file():
        raise SettingError(f"--transcripts {name} does not exist; give a table with the columns file and text")
    records = _records(file)
    if records and not {"file", "text"} <= set(records[0]):
        raise SettingError(f"--transcripts {name} needs the columns file and text; it has {', '.join(records[0])}")
    found = {str(row["file"]): str(row["text"] or "") for row in records}
    # A transcript may name a file relative to its own folder.
    return found | {str(file.parent / key): text for key, text in found.items()}
