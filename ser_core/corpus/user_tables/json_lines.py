"""Reads a table of JSON lines: one object per line, whose keys are the columns."""

import json
from typing import Any

import numpy as np

from ser_core.corpus.user_tables.faults import Faults, quoted


def is_json_lines(text: str) -> bool:
    """Whether a text begins like a JSON object or list."""
    return text.lstrip()[:1] == "{" or text.lstrip()[:2] in ("[{", "[\n", "[\r", "[ ")


def read_json_lines(text: str, faults: Faults) -> tuple[dict[str, np.ndarray], np.ndarray, list[str]]:
    """Returns the columns as text ("" for a missing key), the line of every row, and columns of lists or structures.

    A line that is not an object is a fault, and so is a whole table in one object.
    """
    objects: list[dict[str, Any]] = []
    lines: list[int] = []
    wrong: list[tuple[int, str]] = []
    for line, written in enumerate(text.split("\n"), 1):
        if not written.strip():
            continue
        try:
            value = json.loads(written)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            objects.append(value)
            lines.append(line)
        else:
            wrong.append((line, written.strip()))
    examples = (f"line {line} {quoted(written)}" for line, written in wrong)
    faults.add_rows("lines are not JSON objects; write one object per line, or the table as CSV", examples, len(wrong))
    faults.damaged |= bool(wrong)
    if len(objects) == 1 and objects[0] and all(isinstance(value, dict) for value in objects[0].values()):
        faults.add("is JSON by columns; write one object per line, in pandas with to_json(FILE, orient='records', lines=True)")
        faults.damaged, objects, lines = True, [], []
    names = list(dict.fromkeys(str(key) for each in objects for key in each))
    nested = [name for name in names if any(isinstance(each.get(name), dict | list) for each in objects)]
    columns = {name: np.array([_text(each.get(name)) for each in objects], object) for name in names}
    return columns, np.array(lines, int), nested


def _text(value: Any) -> str:
    """Returns one value as a CSV spells it; "" if it is missing."""
    if value is None or value != value:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
