"""Writes the result of a command to its `--json` file, and checks that file before the work begins."""

import json
import os
from pathlib import Path
from typing import Any

from ser_core.errors import SettingError
from ser_core.override_values import shortened


def check_json_file(file: Path | None, option: str = "--json") -> None:
    """Raises SettingError with the reason when the file of this option cannot be written. None means no file."""
    if file is None:
        return
    place, named = file.expanduser().absolute(), f"{option} {shortened(str(file))}"
    try:
        there, folder = place.exists(), place.parent.is_dir()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingError(f"{named} cannot be written: {reason}; give another name") from None
    if not folder:
        raise SettingError(f"{named}: the folder {shortened(str(place.parent))} does not exist; create it first")
    if place.is_dir() or not os.access(place if there else place.parent, os.W_OK):
        reason = "it is a folder" if place.is_dir() else "permission denied"
        raise SettingError(f"{named} cannot be written: {reason}; give another name")


def write_json_file(file: Path | None, content: Any) -> None:
    """Writes plain data as JSON without escaping non-ASCII letters. Does nothing when `file` is None."""
    if file is not None:
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        file.expanduser().write_text(text, encoding="utf-8", errors="backslashreplace")
