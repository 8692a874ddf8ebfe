"""Reads a table of JSON lines: one object a line, whose keys are the columns."""

import json
from typing import Any

import numpy as np

from ser_core.corpus.user_tables.faults import Faults, quoted


def is_json_lines(text: str) -> bool:
    """Whether a text begins as an object or a list of JSON does."""
    return text.lstrip()[:1] == "{" or text.lstrip()[:2] in ("[{", "[\n", "[\r", "[ ")


def read_json_lines(text: str, faults: Faults) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The columns as text, "" where a line lacks the key, and the line of every row; other lines are faults."""
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
    faults.add_rows("lines are no JSON object; write one object on each line, or the table as CSV", examples, len(wrong))
    faults.damaged |= bool(wrong)
    names = list(dict.fromkeys(str(key) for each in objects for key in each))
    return {name: np.array([_text(each.get(name)) for each in objects], object) for name in names}, np.array(lines, int)


def _text(value: Any) -> str:
    """One value as a CSV spells it; "" where it is absent."""
    if value is None or value != value:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
