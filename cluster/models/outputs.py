"""How `ser predict` writes: a line per utterance as JSON, CSV, Parquet, or with audformat's segmented index.

file,start,end,emotion,p.anger,...,valence,...,uncertainty,spread
"""

import contextlib
import csv
import json
import math
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from ser_core.errors import SettingError
from ser_core.trained.description import Description
from ser_core.trained.prediction import Prediction

FORMATS = ("jsonl", "csv", "parquet", "audformat")
Write = Callable[[str, Prediction], None]


def columns_of(description: Description, helpers: Sequence[str]) -> list[str]:
    """Returns the columns of a table of predictions."""
    classes = [f"p.{name}" for name in description.classes] if "emotion" in description.tasks else []
    scales = list(description.dimensions) if "dimensions" in description.tasks else []
    measures = ["uncertainty", "spread"] if classes else []
    return ["file", "start", "end", *(["emotion"] if classes else []), *classes, *scales, *helpers, *measures]


def row_of(file: str, found: Prediction) -> dict[str, Any]:
    """Returns a prediction as one flat row. What is not defined is None."""
    row: dict[str, Any] = {"file": file, "start": found.start, "end": found.end, "emotion": found.emotion}
    row |= {f"p.{name}": value for name, value in found.probabilities.items()}
    row |= {**found.dimensions, **found.others, "uncertainty": found.uncertainty, "spread": found.spread}
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}


def format_of(target: Path | None, asked: str) -> str:
    """Returns the format: as asked, else by the file's ending, else jsonl. Raises SettingError for an unknown one."""
    form = asked or (target.suffix.lstrip(".").lower() if target else "") or "jsonl"
    if form not in FORMATS:
        raise SettingError(f"--format {form}: choose from {', '.join(FORMATS)}, or end the file's name with one of them")
    if form in ("parquet", "audformat") and target is None:
        raise SettingError(f"--format {form} needs a file: --to FILE")
    return form


@contextlib.contextmanager
def writing(target: Path | None, form: str, columns: Sequence[str]) -> Iterator[Write]:
    """Yields a function that writes a row. A file appears under its name only when it is complete."""
    if target is None:
        yield _liner(sys.stdout, form, columns)
        return
    target = target.expanduser()
    if not target.parent.is_dir():
        raise SettingError(f"--to {target}: there is no folder {target.parent}; create it")
    if target.exists() and not target.is_file():  # a pipe or a device is written to, never replaced
        if form == "parquet":
            raise SettingError(f"--to {target} is no ordinary file, and Parquet needs one; choose another format or file")
        with target.open("w", encoding="utf-8", newline="") as lines:
            yield _liner(lines, form, columns)
        return
    draft = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        draft.touch()
    except OSError as error:
        raise SettingError(f"--to {target} cannot be written: {error.strerror}; choose another folder") from None
    try:
        if form == "parquet":
            rows: list[dict[str, Any]] = []
            yield lambda file, found: rows.append(row_of(file, found))
            _parquet(rows, columns, draft)
        else:
            with draft.open("w", encoding="utf-8", newline="") as lines:
                yield _liner(lines, form, columns)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _liner(lines: TextIO, form: str, columns: Sequence[str]) -> Write:
    if form == "jsonl":

        def as_json(file: str, found: Prediction) -> None:
            row = row_of(file, found)
            print(json.dumps({name: row.get(name) for name in columns}, ensure_ascii=False), file=lines, flush=True)

        return as_json
    table = csv.DictWriter(lines, columns, extrasaction="ignore", lineterminator="\n")
    table.writeheader()

    def as_row(file: str, found: Prediction) -> None:
        row = row_of(file, found)
        if form == "audformat":  # its segmented index has times as pandas writes them; NaT is the end of the file
            row |= {name: _clock(row[name]) for name in ("start", "end")}
        table.writerow(row)

    return as_row


def _clock(seconds: float | None) -> str:
    """Formats seconds as pandas writes a Timedelta.

    >>> _clock(61.5), _clock(None)
    ('0 days 00:01:01.500000', '')
    """
    if seconds is None:
        return ""
    days, rest = divmod(seconds, 86400)
    return f"{int(days)} days {int(rest // 3600):02}:{int(rest % 3600 // 60):02}:{rest % 60:09.6f}"


def _parquet(rows: Sequence[dict[str, Any]], columns: Sequence[str], file: Path) -> None:
    import pandas as pd

    pd.DataFrame(rows, columns=list(columns)).to_parquet(file, index=False)
