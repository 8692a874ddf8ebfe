"""How the text after the first `=` of an override becomes a value: text stays as typed; numbers, lists and mappings are checked.

corpus.path=my files/epoch=3 (#2).csv    text stays as typed; one pair of quotes around all of it is removed
optim.epochs=20  optim.refit=false       null if the field may be null
corpus.classes=[angry, "a, b", 日本]      commas separate entries; quotes protect commas and outer spaces
corpus.columns={label: emotion}          the first colon separates name and value
"""

import re
import shlex
import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin

from ser_core.errors import SettingError

LONGEST_SHOWN = 120
"""Maximum characters of a value that a message repeats."""
LARGEST = 2**63 - 1
"""Largest whole number that fits a tensor and a random generator."""
YES, NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
QUOTED = r"""(?:'(?:[^'\\]|\\[\s\S])*+'|"(?:[^"\\]|\\[\s\S])*+")"""
PART = rf"(?:\s*{QUOTED}\s*(?=[,:]|$)|[^,:]*)"


def read_value(key: str, typed: str, kind: Any) -> Any:
    """Returns the value of a field of type `kind`: str, int, float, bool, one of them or None, a list or a dict of them.

    Raises SettingError with the key, the expected type and the typed text.
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
    r"""Removes one pair of quotes if they enclose the whole text; returns any other text unchanged.

    Quotes work as in Hydra: a backslash before a quote keeps it, two backslashes are one; elsewhere a backslash is a letter.

    >>> unquoted("'a, b'"), unquoted("it's"), unquoted("'a' or 'b'"), unquoted(r"'it\'s'"), unquoted(r"C:\new")
    ('a, b', "it's", "'a' or 'b'", "it's", 'C:\\new')
    """
    if not re.fullmatch(QUOTED, typed):
        return typed
    return re.sub(rf"(\\+)({typed[0]}|$)", lambda run: "\\" * (len(run[1]) // 2) + run[2], typed[1:-1])


def shown(value: str) -> str:
    """Returns a value as a message repeats it: in quotes, and shortened in the middle if it is long."""
    return repr(shortened(value))


def shortened(text: str) -> str:
    """Returns the text, shortened in the middle if it is too long for a message."""
    half = LONGEST_SHOWN // 2
    return text if len(text) <= LONGEST_SHOWN else f"{text[:half]}...{text[-half:]}"


def _present(key: str, text: str) -> str:
    """Returns the text. Raises SettingError for ???, which OmegaConf reads as a missing value."""
    if text == "???":
        raise SettingError(f"{key}=???: ??? stands for a missing value; write another text")
    return text


def _number(key: str, typed: str, kind: Any) -> Any:
    """Reads a whole number, a number, or true and false."""
    wanted = {int: "a whole number such as 20", float: "a number such as 0.5", bool: "true or false"}[kind]
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
    """Splits the text within the brackets at commas and keeps quotes around whole entries. Raises SettingError."""
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
        raise SettingError(f"{key}={shown(typed)} has an empty entry between commas; remove one comma, or write ''")
    return found


def _pairs(key: str, typed: str, kind: Any) -> Iterator[tuple[str, Any]]:
    """Yields names and values of a mapping. Raises SettingError for an entry without a colon or a repeated name."""
    seen = set[str]()
    for entry in _entries(key, typed, "{}"):
        name, *rest = parted(entry, ":")
        value = entry[len(name) + 1 :].strip()
        name = name.strip()
        if not rest or not name:
            raise SettingError(f"{key}: {shown(entry)} is not a pair; write NAME: VALUE, and quote a name with a colon")
        name = unquoted(name)
        if name in seen:
            raise SettingError(f"{key}: {shown(name)} is given twice; keep one")
        seen.add(name)
        yield name, read_value(key, value, kind)


def parted(text: str, mark: str = ",") -> list[str]:
    """Splits the text at every comma, or at every colon. Quotes protect both if they open an entry or follow a colon.

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
    """Returns an entry of a list without the quotes around its parts between colons.

    >>> _without_quotes("excited: 'very happy'")
    'excited:very happy'
    """
    parts = [part.strip() for part in parted(entry, ":")]
    bare = [unquoted(part) for part in parts]
    return entry if bare == parts else ":".join(bare)
