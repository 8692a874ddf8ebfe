"""How the text after the first `=` of an override becomes a value: as typed for text, checked for numbers, lists, mappings.

corpus.path=my files/epoch=3 (#2).csv    text stands as it was typed; one pair of quotes around all of it goes
optim.epochs=20  optim.refit=false       null where a field may be null
corpus.classes=[angry, "a, b", 日本]      commas part entries; quotes keep commas and outer spaces
corpus.columns={label: emotion}          the first colon parts name and value
"""

import re
import shlex
import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin

from ser_core.errors import SettingError

LONGEST_SHOWN = 120
"""Characters of a value that a message repeats."""
LARGEST = 2**63 - 1
"""Whole numbers beyond it fit no tensor and no random generator."""
YES, NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
QUOTED = r"""(?:'(?:[^'\\]|\\[\s\S])*+'|"(?:[^"\\]|\\[\s\S])*+")"""
PART = rf"(?:\s*{QUOTED}\s*(?=[,:]|$)|[^,:]*)"


def read_value(key: str, typed: str, kind: Any) -> Any:
    """The value of a field of type `kind`: str, int, float, bool, one of them or None, a list or a dict of them.

    Raises SettingError that names the key, what is wanted and what was typed.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        inner = tuple(each for each in inner if each is not type(None))
        return None if typed.strip().lower() == "null" else read_value(key, typed, inner[0])
    if origin is list:
        entries = _entries(key, typed, "[]")
        return [_present(key, _without_quotes(each)) if inner[0] is str else read_value(key, each, inner[0]) for each in entries]
    if origin is dict:
        return dict(_pairs(key, typed, inner[1]))
    if kind is str:
        return _present(key, unquoted(typed))
    return _number(key, unquoted(typed).strip(), kind)


def unquoted(typed: str) -> str:
    r"""The text within one pair of quotes, where they enclose all of it; otherwise the text as it is.

    As Hydra reads quotes: a backslash before a quote keeps it, two are one; elsewhere backslashes are letters.

    >>> unquoted("'a, b'"), unquoted("it's"), unquoted("'a' or 'b'"), unquoted(r"'it\'s'"), unquoted(r"C:\new")
    ('a, b', "it's", "'a' or 'b'", "it's", 'C:\\new')
    """
    if not re.fullmatch(QUOTED, typed):
        return typed
    return re.sub(rf"(\\+)({typed[0]}|$)", lambda run: "\\" * (len(run[1]) // 2) + run[2], typed[1:-1])


def shown(value: str) -> str:
    """A value as a message repeats it: in quotes, and cut in its middle where it is long."""
    return repr(shortened(value))


def shortened(text: str) -> str:
    """The text, cut in its middle where it is too long for a message."""
    half = LONGEST_SHOWN // 2
    return text if len(text) <= LONGEST_SHOWN else f"{text[:half]}...{text[-half:]}"


def _present(key: str, text: str) -> str:
    """The text itself. Raises SettingError for the mark that OmegaConf takes for a value that is not there."""
    if text == "???":
        raise SettingError(f"{key}=???: ??? stands for a value that is missing; write another text")
    return text


def _number(key: str, typed: str, kind: Any) -> Any:
    """A whole number, a number, or true and false."""
    wanted = {int: "a whole number, as 20", float: "a number, as 0.5", bool: "true or false"}[kind]
    try:
        if kind is bool:
            return {**dict.fromkeys(YES, True), **dict.fromkeys(NO, False)}[typed.lower()]
        value = kind(typed)
    except (ValueError, KeyError):
        raise SettingError(f"{key} must be {wanted}; got {shown(typed) if typed else 'nothing'}") from None
    if kind is int and abs(value) > LARGEST:
        raise SettingError(f"{key} must be at most {LARGEST}; got {shown(typed)}")
    return value


def _entries(key: str, typed: str, brackets: str) -> list[str]:
    """What commas part within the brackets, quotes around whole entries kept. Raises SettingError."""
    opened, closed = brackets
    typed = typed.strip()
    if not (len(typed) > 1 and typed[0] == opened and typed[-1] == closed):
        what = "a list in square brackets" if opened == "[" else "pairs NAME: VALUE in braces"
        inner = "" if typed.lower() == "null" else typed.strip("[]{}")
        inner = "NAME: VALUE" if opened == "{" and inner and ":" not in inner else inner
        line = shlex.quote(f"{key}={opened}{inner}{closed}")
        raise SettingError(f"{key} takes {what}; write {line if len(line) <= LONGEST_SHOWN else f'{key}={opened}...{closed}'}")
    found = [entry.strip() for entry in parted(typed[1:-1], ",")]
    if found == [""]:
        return []
    if "" in found:
        raise SettingError(f"{key}={shown(typed)} has an empty entry between its commas; take one comma out, or write ''")
    return found


def _pairs(key: str, typed: str, kind: Any) -> Iterator[tuple[str, Any]]:
    """The names and values of a mapping. Raises SettingError for an entry without a colon or a name that comes twice."""
    seen = set[str]()
    for entry in _entries(key, typed, "{}"):
        name, *rest = parted(entry, ":")
        value = entry[len(name) + 1 :].strip()
        name = name.strip()
        if not rest or not name:
            raise SettingError(f"{key}: {shown(entry)} is no pair; write NAME: VALUE, a name with a colon in quotes")
        name = unquoted(name)
        if name in seen:
            raise SettingError(f"{key}: {shown(name)} is given twice; keep one")
        seen.add(name)
        yield name, read_value(key, value, kind)


def parted(text: str, mark: str = ",") -> list[str]:
    """The text parted at every comma, or at every colon; quotes keep both where they open an entry or follow a colon.

    >>> parted("it's, 'a, b' ,c:'d, e'", ","), parted("'a:b':c", ":")
    (["it's", " 'a, b' ", "c:'d, e'"], ["'a:b'", 'c'])
    """
    entry = re.compile(PART if mark == ":" else rf"{PART}(?::{PART})*")
    parts, place = list[str](), 0
    while place <= len(text):
        found = entry.match(text, place)
        assert found is not None
        parts.append(found[0])
        place = found.end() + 1
    return parts


def _without_quotes(entry: str) -> str:
    """An entry of a list, each of its parts between colons without the quotes around it.

    >>> _without_quotes("excited: 'very happy'")
    'excited:very happy'
    """
    parts = [part.strip() for part in parted(entry, ":")]
    bare = [unquoted(part) for part in parts]
    return entry if bare == parts else ":".join(bare)
