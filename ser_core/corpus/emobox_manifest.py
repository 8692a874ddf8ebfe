"""How the files of an EmoBox manifest are read: its lines, its folds, its label map, and its speakers.

Every fold file repeats the lines of its utterances, and some corpora lack the file of all lines. The lines of all files are
joined; two lines that disagree on an utterance are refused.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ser_core.corpus.release import without_suffix
from ser_core.corpus.user_tables.faults import Faults
from ser_core.errors import CorpusError

Line = Mapping[str, Any]
Folds = dict[int, dict[str, list[Line]]]
"""Lines by the number of the fold and the part."""

FIELDS = ("key", "dataset", "wav", "emo")
"""Fields that every line must have."""
TIMES = ("start_time", "end_time")
"""Start and end in the wav, in seconds; few corpora have them."""
PARTS = {"train": "train", "valid": "dev", "test": "test"}
"""Parts of a fold, in EmoBox's spelling and in that of a corpus's `parts`."""
SPEAKERS = {
    "emodb": r"(\d\d)[ab]\d\d[A-Z][a-z]$",
    "ravdess": r"(\d\d)$",
    "cremad": r"\b(1\d{3})[-_]",
    "iemocap": r"(Ses\d\d)[FM]_\w+_([FM])\d{3}$",
}
"""How to read the speaker from the key, if the corpus documents it. IEMOCAP: session and speaker, not who wears the markers."""
SPEAKER_FIELDS = ("speaker", "speaker_id", "spk")
"""Possible names of a field with the speaker; EmoBox's own lines have none."""
LABEL_MAPS = ("label_map.json", "label_dict.json")
STM = "data.seg.wrd.stm"
STM_LINE = re.compile(r"(?P<key>.+) \S+ (?P<speaker>.+) [\d.e+-]+ [\d.e+-]+ <id=(?P=key),")
"""Key, channel, speaker, start, end, and the key again. Key and speaker may contain spaces, as in RESD."""


def read_lines(file: Path) -> list[Line]:
    """Reads the lines of one JSONL file. Raises CorpusError with the numbers of all unusable lines, by reason."""
    lines: list[Line] = []
    wrong: dict[str, list[int]] = {}
    # Not splitlines(): text within a line may contain other line-ending characters, such as U+2028.
    for number, text in enumerate(_text(file).split("\n"), start=1):
        if text.strip():
            try:
                lines.append(_parsed(text))
            except ValueError as error:
                wrong.setdefault(str(error), []).append(number)
    faults = Faults(file)
    for reason, numbers in wrong.items():
        faults.add_rows(reason, (f"line {number}" for number in numbers), len(numbers))
    faults.raise_any("corpus emobox: ")
    return lines


def _text(file: Path) -> str:
    """Reads a UTF-8 file, with or without byte order mark. Raises CorpusError for another encoding."""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = file.read_bytes()[: error.start].count(b"\n") + 1
        raise CorpusError(f"corpus emobox: line {number} of {file} is not in UTF-8; save the file as UTF-8") from None


def _parsed(text: str) -> Line:
    """Parses one line. Raises ValueError if it is not JSON, lacks one of FIELDS, or has times that are not numbers."""
    try:
        line = json.loads(text)
    except ValueError:
        raise ValueError("it is not JSON") from None
    if not isinstance(line, dict):
        raise ValueError("it is not a JSON object")
    for field in FIELDS:
        if not isinstance(line.get(field), str) or not line[field]:
            raise ValueError(f"it has no text in {field!r}")
    for field in TIMES:
        if not isinstance(line.get(field, 0.0), int | float):
            raise ValueError(f"{field} is {line[field]!r}, not a number of seconds")
    return line


def read_folds(folder: Path) -> Folds:
    """Reads the folds below a folder, by number; {} if there are none.

    Raises CorpusError unless they are numbered from 1 without a gap and each has a training and a test file.
    """
    numbers = sorted(int(match[1]) for place in folder.iterdir() if (match := re.fullmatch(r"fold_(\d+)", place.name)))
    if numbers != list(range(1, len(numbers) + 1)):
        raise CorpusError(f"corpus emobox: {folder} has the folds {numbers}, which are not all from 1 to {len(numbers)}")
    return {number: _read_parts(folder / f"fold_{number}", number) for number in numbers}


def _read_parts(folder: Path, number: int) -> dict[str, list[Line]]:
    parts: dict[str, list[Line]] = {}
    for spelled, part in PARTS.items():
        files = sorted(folder.glob(f"*_{spelled}_fold_{number}.jsonl"))
        if len(files) > 1 or not (files or part == "dev"):
            found = ", ".join(file.name for file in files) or "none"
            raise CorpusError(f"corpus emobox: {folder} needs one file *_{spelled}_fold_{number}.jsonl and has {found}")
        if files:
            parts[part] = read_lines(files[0])
    return parts


def join_lines(folder: Path, folds: Folds) -> dict[str, Line]:
    """Returns every utterance's line by key, from the file of all lines and those of the folds.

    Raises CorpusError if there is no line, if two lines disagree, or if the lines belong to several corpora.
    """
    lines: dict[str, Line] = {}
    own = [line for file in sorted(folder.glob("*.jsonl")) for line in read_lines(file)]
    for line in (*own, *(line for parts in folds.values() for part in parts.values() for line in part)):
        known = lines.setdefault(line["key"], line)
        for field in (*FIELDS, *TIMES):
            if known.get(field) != line.get(field):
                raise CorpusError(
                    f"corpus emobox: the files below {folder} disagree on {field} of {line['key']}: "
                    f"{known.get(field)!r} and {line.get(field)!r}"
                )
    if not lines:
        raise CorpusError(f"corpus emobox: no lines in {folder}/*.jsonl or {folder}/fold_*; correct corpus.path")
    if len(datasets := sorted({line["dataset"] for line in lines.values()})) > 1:
        raise CorpusError(f"corpus emobox: {folder} holds several corpora ({', '.join(datasets)}); give each a folder")
    return lines


def map_labels(folder: Path, lines: Mapping[str, Line]) -> tuple[list[str], list[str]]:
    """Returns the class of every line by label_map.json, and notes about labels with different capitals there.

    Raises CorpusError if the map is missing, does not map words, or lacks a label.
    """
    # EMOVO's map is called label_dict.json.
    file = next((place for name in LABEL_MAPS if (place := folder / name).is_file()), folder / LABEL_MAPS[0])
    try:
        given = json.loads(file.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise CorpusError(f"corpus emobox: {file} cannot be read ({error}); write one like {{'hap': 'Happy'}}") from None
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given.values()):
        raise CorpusError(f"corpus emobox: {file} must map each label to a class, like {{'hap': 'Happy'}}")
    capitals = {label.casefold(): label for label in given}
    spelled = {emo: emo if emo in given else capitals.get(emo.casefold(), "") for emo in {line["emo"] for line in lines.values()}}
    for key, line in lines.items():
        if not spelled[line["emo"]]:
            raise CorpusError(
                f"corpus emobox: label {line['emo']!r} of {key} is not in {file}, which has {', '.join(given)}; add it there"
            )
    notes = [f"{emo} is {own} of label_map.json" for emo, own in sorted(spelled.items()) if emo != own]
    return [given[spelled[line["emo"]]] for line in lines.values()], notes


def speakers_of(folder: Path, lines: Mapping[str, Line], rule: str) -> list[str]:
    """Returns the speaker of every line: by `rule`, else its own field, the corpus's documented rule, or EmoBox's own table.

    Raises CorpusError if none of them applies, or if one leaves an utterance without a speaker.
    """
    dataset = next(iter(lines.values()))["dataset"]
    field = next((name for name in SPEAKER_FIELDS if any(name in line for line in lines.values())), "")
    rule = rule or ("" if field else SPEAKERS.get(dataset, ""))
    if rule:
        speakers = {key: _by_rule(rule, key, line["wav"]) for key, line in lines.items()}
        source = f"the rule {rule}"
    elif field:
        speakers = {key: _word(line.get(field)) for key, line in lines.items()}
        source = f"the field {field} of the lines"
    elif (folder / STM).is_file():
        matches = [STM_LINE.match(text) for text in _text(folder / STM).split("\n")]
        speakers = {match["key"]: match["speaker"] for match in matches if match}
        source = str(folder / STM)
    else:
        raise CorpusError(
            f"corpus emobox: the manifests of {dataset} do not name speakers; say with \"corpus.speaker='(...)'\" (both "
            f"quotes) which part of a key like {next(iter(lines))} is the speaker, or put EmoBox's {STM} next to them"
        )
    if silent := [key for key in lines if not speakers.get(key)]:
        raise CorpusError(
            f"corpus emobox: {source} names no speaker for {len(silent)} of {len(lines)} utterances, first {silent[0]}; "
            "set corpus.speaker to a regular expression with a group for the speaker"
        )
    return [speakers[key] for key in lines]


def _word(cell: Any) -> str:
    """Returns a field as a name; 3.0 becomes 3, and anything but text or a number is missing."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip() if isinstance(cell, str | int | float) and not isinstance(cell, bool) else ""


def _by_rule(rule: str, key: str, wav: str) -> str:
    """Returns what the rule's groups match in the key, else in the wav without suffix; "" without a match."""
    match = re.search(rule, key) or re.search(rule, without_suffix(wav))
    return "".join(group or "" for group in match.groups()) if match else ""


def parts_of(utterances: Sequence[str], folds: Folds) -> pd.DataFrame:
    """Returns the part of every utterance in every fold. Raises CorpusError for an utterance in two parts of one fold."""
    columns: dict[str, list[str]] = {}
    for number, parts in folds.items():
        places: dict[str, str] = {}
        for part, key in _placed(parts):
            if places.setdefault(key, part) != part:
                raise CorpusError(f"corpus emobox: fold_{number} has {key} in {places[key]} and in {part}")
        columns[f"fold_{number}"] = [places.get(utterance, "") for utterance in utterances]
    return pd.DataFrame(columns)


def _placed(parts: Mapping[str, Sequence[Line]]) -> Iterator[tuple[str, str]]:
    return ((part, line["key"]) for part, lines in parts.items() for line in lines)
