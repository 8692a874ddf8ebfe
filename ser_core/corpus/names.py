"""How names of speakers, sessions and classes are normalised and compared: look-alikes are refused or give a notice.

" Ａnna\\u200b"               --read_name-->  "Anna"    NFKC, nothing invisible, single spaces
"Spk_03"  "spk 3"           refused          they differ in case, separators, zeros or letters of another script
"s1"  "sl"    "José"  "Jose"    notice           l 1 I, O 0, accents, punctuation: often another name, sometimes a slip

NFKC and not NFC: spreadsheets written with Asian keyboards have full-width letters, digits and spaces, which only NFKC maps to
the usual ones, and no corpus distinguishes speakers by them. The letters of other scripts are a short list and not Unicode's
table of confusables, which treats m and rn as the same, because people who type names do not mean to deceive.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from ser_core.errors import CorpusError

NAMES = ("speaker", "session", "emotion", "split", "script")
"""Columns of names. Files, texts and utterances stay unchanged; genders.py handles genders."""
SIMILAR = ("refuse", "allow")
"""Values of the setting `similar_names`."""
SHOWN = 5
"""Maximum number of groups of similar names in a message."""

JOINERS = "\u200c\u200d"
"""Invisible, but they shape letters in Persian and Indic scripts and join emoji; elsewhere they are removed."""
BLANKS = re.compile("[\u115f\u1160\u2800\u3164\uffa0]")
"""Letters and signs that print as blank."""
WINDOWS = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}
"""Windows-1252 quotes and dashes that are in tables as control characters, as in MELD's Richard\u2019s Date."""
SEPARATOR = r"[\s_\-\u2010-\u2015\u2043\u2212\u30fb]"
BETWEEN_DIGITS = re.compile(rf"(?<=\d){SEPARATOR}+(?=\d)")
BETWEEN = re.compile(rf"(?<=[^\W_])(?!\s+-\d){SEPARATOR}+(?=[^\W_])")
"""Excludes the sign of a number: "valence -1" is another class than "valence 1"."""
LEADING_ZEROS = re.compile(r"(?<!\d)(?<!\d[.,])0+(?=\d)")
WHOLE_NUMBER = re.compile(r"(\d+)\.0+")
LATIN = {
    "АВЕЅІЈКМНОРСТУХаеѕіјкорсух": "ABESIJKMHOPCTYXaesijkopcyx",
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧανορχικυ": "ABEZHIKMNOPTYXavopxiku",
    "\u06cc\u06a9\u06c1": "\u064a\u0643\u0647",
    "\u2018\u2019\u02bc\u00b4`": "'''''",
}
"""Maps Cyrillic and Greek letters to similar Latin ones, Persian and Urdu letters to Arabic ones, and apostrophes."""
LETTERS = {ord(one): other for strange, usual in LATIN.items() for one, other in zip(strange, usual, strict=True)}
MISREAD = str.maketrans("lI|Oo", "11100")


def read_name(cell: str) -> str:
    """Returns a name as it is stored and compared; "" for one with only white space and invisible characters.

    >>> read_name(" Mu\u0308ller\\u200b  \\uff11 "), read_name("\\u00a0\\ufeff")
    ('Müller 1', '')
    """
    if cell.isascii() and cell.isprintable():
        return " ".join(cell.split())
    cell = cell.translate(WINDOWS)
    visible = "".join(
        sign
        for place, sign in enumerate(cell)
        if sign.isspace() or not _invisible(sign) or (sign in JOINERS and _joins(cell, place))
    )
    return " ".join(BLANKS.sub(" ", unicodedata.normalize("NFKC", visible)).split())


def _invisible(sign: str) -> bool:
    """Whether a character is a control, a format mark (soft hyphen, byte order, direction), or a variation selector."""
    return unicodedata.category(sign) in ("Cc", "Cf") or "\ufe00" <= sign <= "\ufe0f" or sign in "\u034f\u180b\u180c\u180d"


def _joins(cell: str, place: int) -> bool:
    """Whether a joiner is between letters from Arabic to Georgian in Unicode's order, or emoji."""
    around = (cell[place - 1 : place], cell[place + 1 : place + 2])
    return all("\u0600" <= sign <= "\u10ff" or (sign and unicodedata.category(sign) in ("So", "Sk")) for sign in around)


def changed_names(column: str, given: Sequence[str], read: Sequence[str]) -> list[str]:
    """Returns a sentence that counts the cells whose normalised name differs from their spelling; [] if there are none.

    >>> changed_names("speaker", ["1 ", "1", " 2"], ["1", "1", "2"])
    ["column speaker: 2 cells had spaces around them; they are read in their plain form, first '1'"]
    """
    changes = [(cell, name) for cell, name in zip(given, read, strict=True) if cell != name]
    if not changes:
        return []
    kinds = Counter(_kind(*change) for change in changes)
    counted = ", ".join(f"{count} {'cells' if count > 1 else 'cell'} had {kind}" for kind, count in kinds.items())
    return [f"column {column}: {counted}; they are read in their plain form, first {changes[0][1]!r}"]


def _kind(cell: str, name: str) -> str:
    if cell.strip() == name:
        return "spaces around them"
    if " ".join(cell.split()) == name:
        return "several spaces in a row"
    visible = "".join(sign for sign in cell if sign.isspace() or not _invisible(sign))
    return "invisible characters" if " ".join(visible.split()) == name else "letters in another Unicode form"


Step = Callable[[str], str]


def _digits(name: str) -> str:
    """Converts digits of any script to 0 to 9."""
    return "".join(str(unicodedata.decimal(sign, sign)) for sign in name)


def _without_separators(name: str) -> str:
    return BETWEEN.sub("", BETWEEN_DIGITS.sub("\0", name))


def _without_zeros(name: str) -> str:
    whole = WHOLE_NUMBER.fullmatch(name)
    return LEADING_ZEROS.sub("", whole[1] if whole else name)


ANOTHER_SCRIPT = "letters of another script"
CERTAIN: Mapping[str, Step] = {
    "invisible characters": lambda name: name.translate(dict.fromkeys(map(ord, JOINERS))),
    ANOTHER_SCRIPT: lambda name: _digits(name).translate(LETTERS),
    "case": str.casefold,
    "spaces, _ or -": _without_separators,
    "zeros": _without_zeros,
}
"""Differences between spellings of the same person or class, and how to remove each, in this order."""


def certain_key(name: str, beyond: Iterable[str] = tuple(CERTAIN)) -> str:
    """Returns a key that names of the same person or class share.

    >>> certain_key("Spk_03") == certain_key("spk 3"), certain_key("1_12") == certain_key("11_2")
    (True, False)
    """
    for kind in CERTAIN:
        if kind in beyond:
            name = CERTAIN[kind](name)
    return name


def _key_of_misread(name: str) -> str:
    """Returns a key that names share if their letters and digits are confused with each other."""
    return certain_key(name.translate(MISREAD), [kind for kind in CERTAIN if kind != "zeros"])


def _key_without_accents(name: str) -> str:
    """Returns a key that ignores punctuation and the accents of Latin, Greek and Cyrillic letters.

    The marks of other scripts are vowels. A hyphen may be a minus sign, and 1.5 is not 15.
    """
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not "\u0300" <= sign <= "\u036f")
    kept = [
        sign
        for place, sign in enumerate(plain)
        if not unicodedata.category(sign).startswith("P") or sign == "-" or _between_digits(plain, place)
    ]
    return certain_key("".join(kept))


def _between_digits(name: str, place: int) -> bool:
    return name[place - 1 : place].isdigit() and name[place + 1 : place + 2].isdigit()


def same_names(names: Iterable[str]) -> list[list[str]]:
    """Groups names that certainly mean the same, each group in order.

    >>> same_names(["Anna", "anna", "Ann", "1", "01", "1.0"])
    [['01', '1', '1.0'], ['Anna', 'anna']]
    """
    return _groups(names, [certain_key, _key_in_own_script])


def _key_in_own_script(name: str) -> str:
    """Returns the key without the step to another script, which would lose case: of В and в only one looks Latin."""
    return certain_key(name, [kind for kind in CERTAIN if kind != ANOTHER_SCRIPT])


def likely_same_names(names: Iterable[str]) -> list[list[str]]:
    """Groups names that may mean the same, but not certainly."""
    known = {tuple(group) for group in same_names(names)}
    return [group for group in _groups(names, [_key_of_misread, _key_without_accents]) if tuple(group) not in known]


def _groups(names: Iterable[str], keys: Sequence[Step]) -> list[list[str]]:
    """Groups names that share any of the keys; no group is within another."""
    distinct = sorted(set(names) - {""})
    found: set[tuple[str, ...]] = set()
    for key in keys:
        groups: dict[str, list[str]] = {}
        for name in distinct:
            groups.setdefault(key(name), []).append(name)
        found |= {tuple(group) for shared, group in groups.items() if shared and len(group) > 1}
    return [list(group) for group in sorted(found) if not any(set(group) < set(other) for other in found)]


def difference(names: Sequence[str]) -> str:
    """Describes how the names of one group differ.

    >>> difference(["Spk_03", "spk 3"]), difference(["1", "1.0"])
    ('case, spaces, _ or - and zeros', 'zeros')
    """
    enough = [kind for kind in CERTAIN if kind != ANOTHER_SCRIPT]
    steps = enough if len({certain_key(name, enough) for name in names}) == 1 else list(CERTAIN)
    kinds = [kind for kind in steps if len({certain_key(name, [one for one in steps if one != kind]) for name in names}) > 1]
    kinds = kinds or steps
    return " and ".join(filter(None, [", ".join(kinds[:-1]), kinds[-1]]))


def check_similar(corpus: str, columns: Mapping[str, Sequence[str]], similar_names: str) -> list[str]:
    """Returns sentences about names that may mean the same, by kind: speakers, sessions, emotions.

    Raises one CorpusError for all names that certainly mean the same, unless `similar_names` is allow.
    """
    if similar_names == "refuse" and (refused := similar_faults(columns)):
        raise CorpusError(f"corpus {corpus}: {refused}")
    same, alike = _similar(columns, same_names, "differ only in"), _similar(columns, likely_same_names, "look alike")
    remedy = "write them in one way if they are the same"
    return [f"corpus {corpus}: {sentence}; {remedy}" for sentence in [*same, *alike]]


def similar_faults(columns: Mapping[str, Sequence[str]]) -> str:
    """Returns a sentence about names that certainly mean the same, with the remedy; "" if there are none."""
    same = _similar(columns, same_names, "differ only in")
    renaming = " (corpus.merge renames emotions)" if any(sentence.startswith("emotions") for sentence in same) else ""
    remedy = f"write each name in one way{renaming}, or say that they are different names with corpus.similar_names=allow"
    return f"{'; '.join(same)}; {remedy}" if same else ""


def _similar(columns: Mapping[str, Sequence[str]], find: Callable[[Counter[str]], list[list[str]]], verdict: str) -> list[str]:
    """Returns, for each column with groups of similar names, its kind and the groups in words."""
    counts = {what: Counter(cells) for what, cells in columns.items()}
    found = {what: find(counted) for what, counted in counts.items()}
    return [f"{what} {_listed(groups, counts[what], verdict)}" for what, groups in found.items() if groups]


def check_left_out(taken: Iterable[str], left_out: Iterable[str], setting: str, similar_names: str) -> None:
    """Raises CorpusError for a label that `setting` leaves out only because of its spelling, unless that is allowed."""
    known = set(taken)
    for group in same_names([*known, *left_out]) if similar_names == "refuse" else ():
        if known.intersection(group) and not known.issuperset(group):
            one, other = next(name for name in group if name in known), next(name for name in group if name not in known)
            raise CorpusError(
                f"{setting} names {quoted(one, group)} but leaves out {quoted(other, group)} of the table, which differs only in "
                f"{difference(group)}; write them in one way, as with corpus.merge=[{other}:{one}], or say that they are "
                "different names with corpus.similar_names=allow"
            )


def _listed(groups: Sequence[Sequence[str]], counts: Mapping[str, int], verdict: str) -> str:
    """Describes the first few groups in words, each name with its number of utterances."""
    words = []
    for group in groups[:SHOWN]:
        names = [f"{quoted(name, group)} ({counts[name]})" for name in group]
        reason = f"{verdict} {difference(group)}" if verdict.endswith("in") else verdict
        words.append(f"{' and '.join(names)} {reason}")
    rest = f", and {len(groups) - SHOWN} more groups" if len(groups) > SHOWN else ""
    return ", ".join(words) + rest


def quoted(name: str, group: Sequence[str] = ()) -> str:
    """Quotes a name; with escapes for a separate accent, or if another name of the group looks the same.

    >>> quoted("e\\u0301"), quoted("\\u0430nna", ["\\u0430nna", "anna"]), quoted("\\u00e9 ")
    ("'e\\\\u0301'", "'\\\\u0430nna'", "'é '")
    """
    twins = [other for other in group if other != name and other.translate(LETTERS) == name.translate(LETTERS)]
    apart = any("\u0300" <= sign <= "\u036f" for sign in name)
    return ascii(name) if twins or apart else repr(name)
