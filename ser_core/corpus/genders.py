"""How spellings of a gender are read as female or male; any other word stays unchanged and gives a notice.

F, Female, w, weiblich, femme, 女 -> female      m, Man, männlich, homme, 男 -> male      diverse, 0, 1 -> unchanged, notice
A single letter is read in context: m is male next to f or w, but unknown next to h only (hombre and mujer).
"""

from collections import Counter
from collections.abc import Iterable, Sequence

FEMALE, MALE = "female", "male"
WORDS = {
    FEMALE: (
        "female woman women girl lady fem weiblich frau frauen mädchen féminin feminin femme fille femenino mujer niña feminino "
        "mulher femminile femmina donna vrouw vrouwelijk kvinna kvinde kvinne kvinnlig nainen kobieta žena женщина женский nő "
        "kad\u0131n γυναίκα 女 女性 女声 여 여성 여자 महिला زن أنثى"
    ),
    MALE: (
        "male man men boy gentleman masc männlich maennlich mann männer junge masculin homme garçon masculino hombre niño "
        "homem maschile maschio uomo mannelijk mand mies mężczyzna muž мужчина мужской férfi erkek άνδρας 男 男性 男声 남 남성 "
        "남자 पुरुष مرد ذكر"
    ),
}
"""Words that are unambiguous in any context, in lower case."""
LETTERS = ("fm", "wm", "vm", "km", "fh", "ke", "жм")
"""Pairs of initials of woman and man that disambiguate each other, as in female, weiblich, vrouw, kvinna, femme and homme."""
ALONE = frozenset("fwm")
"""Initials that keep their meaning without another initial."""
NOT_SAID = (
    *("unknown", "unk", "?", "-", "not known", "not stated", "not specified", "unspecified", "undisclosed", "n/a", "na", "nan"),
    *("null", "none", "prefer not to say", "unbekannt", "keine angabe", "k.a", "inconnu", "desconocido"),
)
"""Cells that mean unknown."""
OTHERS = (
    *("other", "others", "diverse", "divers", "d", "x", "nb", "nonbinary", "non-binary", "non binary", "enby", "genderqueer"),
    *("agender", "inter"),
)
"""Cells that name another gender: a normal value, in lower case, and neither of the two that scores compare."""
SHOWN = 5


def read_genders(cells: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns the genders of a column of names, and notices about unknown ones.

    >>> read_genders(["F", "m.", "Female", ""])
    (['female', 'male', 'female', ''], [])
    >>> read_genders(["0", "1", "male"])[0]
    ['0', '1', 'male']
    """
    folded = {cell: cell.casefold().strip(".()[] ") or cell for cell in set(cells)}
    meanings = {word: gender for gender, words in WORDS.items() for word in words.split()} | _initials(set(folded.values()))
    meanings |= dict.fromkeys(NOT_SAID, "") | dict(zip(OTHERS, OTHERS, strict=True))
    genders = [meanings.get(folded[cell], cell) for cell in cells]
    return genders, [*_silent(cells, genders), *_neither(genders)]


def _initials(spelled: Iterable[str]) -> dict[str, str]:
    """Returns the meaning of the initials among these spellings; {} if they contradict each other."""
    there = {word for word in spelled if len(word) == 1} & set("".join(LETTERS) + "hn")
    pairs = [pair for pair in LETTERS if set(pair) <= there]
    if not pairs and there <= ALONE:
        pairs = [pair for pair in ("fm", "wm") if set(pair) & there]
    return {letter: gender for pair in pairs for letter, gender in zip(pair, (FEMALE, MALE), strict=True)}


def _silent(cells: Sequence[str], genders: Sequence[str]) -> list[str]:
    words = Counter(cell for cell, gender in zip(cells, genders, strict=True) if cell and not gender)
    return [f"column gender: {_listed(words)} counts as not given"] if words else []


def _neither(genders: Sequence[str]) -> list[str]:
    words = Counter(gender for gender in genders if gender not in (FEMALE, MALE, ""))
    if not words:
        return []
    unknown = [word for word in words if word not in OTHERS]
    remedy = "; write female or male where that is meant" if unknown else ""
    return [
        f"column gender: {_listed(words)} is not known as female or male; the scores of women and men and their gap leave "
        f"these utterances out{remedy}"
    ]


def _listed(words: Counter[str]) -> str:
    """Lists words with their counts, the most frequent first.

    >>> _listed(Counter(["x", "y", "x"]))
    "'x' (2 cells), 'y' (1 cell)"
    """
    listed = [f"{word!r} ({count} {'cells' if count > 1 else 'cell'})" for word, count in words.most_common(SHOWN)]
    rest = len(words) - SHOWN
    return ", ".join(listed) + (f" and {rest} more words" if rest > 0 else "")


def two_genders(speakers: Sequence[str], genders: Sequence[str]) -> list[str]:
    """Returns a sentence about speakers who are female in some utterances and male in others; [] if there are none.

    >>> two_genders(["a", "a", "b", "b"], ["female", "male", "male", ""])
    ['speaker a is female in 1 and male in 1 of their utterances; correct the gender, or name the speakers differently']
    """
    counts = Counter((speaker, gender) for speaker, gender in zip(speakers, genders, strict=True) if gender in (FEMALE, MALE))
    both = [speaker for speaker in dict.fromkeys(speakers) if counts[speaker, FEMALE] and counts[speaker, MALE]]
    if not both:
        return []
    first = f"speaker {both[0]} is female in {counts[both[0], FEMALE]} and male in {counts[both[0], MALE]} of their utterances"
    more = f" (and {len(both) - 1} more speakers have both)" if len(both) > 1 else ""
    return [f"{first}{more}; correct the gender, or name the speakers differently"]
