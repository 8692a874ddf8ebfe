"""Whether a piece of text that nobody said gives the label away: a label code, a session code or a file number.

    "03a01fa what a day"  --words, and pieces and places of words with digits-->  clues  --in one class only?-->  code
Genuine words lean towards a class ("thanks", "hate"), but none of them is in half of a class's texts and in no other. So one clue
counts if it is nearly pure, covers much of a class and of its speakers, and the texts are otherwise different. Sentences that are
repeated within one class are the business of the text overlap.
"""

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np
import scipy.stats

from ser_core.audit.finding import EXAMPLES, Finding, percent
from ser_core.corpus.corpus import Corpus
from ser_core.corpus.texts import clean

PURITY = 0.95
"""Minimum share of a clue's texts that have one label."""
WORD_COVERAGE = 0.5
"""Minimum share of a class's texts, and of its speakers, that one word must cover."""
CODE_COVERAGE = 0.3
"""Minimum share that all pure clues with digits must cover together."""
CHANCE = 1e-4
"""Chance of a clue so pure, over all clues of the corpus."""
OTHERWISE_DIFFERENT = 0.5
"""Minimum share of different texts once the clue is removed."""
PLACES = 12
"""Letters of a code that are looked at one by one, from its start and from its end."""
BINS_PER_CLASS = 4
"""Ranges of numbers per class."""


@dataclasses.dataclass(frozen=True)
class Code:
    """A clue that occurs in texts of one class and hardly in others."""

    clue: str
    emotion: str
    rows: frozenset[int]
    purity: float
    is_word: bool


def code_words(corpus: Corpus) -> list[Finding]:
    """Reports words and codes in transcripts that give the label away."""
    labels, speakers = corpus.column("emotion"), corpus.column("speaker")
    texts = [clean(text).lower() for text in corpus.column("text").tolist()]
    rows = [row for row, text in enumerate(texts) if text and labels[row]]
    classes = Counter(labels[rows].tolist())
    if len(classes) < 2:
        return []
    found: dict[str, list[Code]] = defaultdict(list)
    for code in _pure(texts, labels, rows, classes):
        if _different_otherwise(code, texts):
            found[code.emotion].append(code)
    findings = []
    for emotion, codes in sorted(found.items()):
        mine = {str(speakers[row]) for row in rows if labels[row] == emotion}
        if finding := _finding(emotion, codes, classes[emotion], mine, speakers, corpus):
            findings.append(finding)
    return findings


def clues(text: str) -> Iterator[tuple[str, bool]]:
    """Yields the words of a text, and the pieces and places of those with digits, each with whether it is a plain word.

    >>> [clue for clue, _ in clues("03a, so!")][:5]
    ['03a', 'piece 03', 'piece a', 'letter 1 of a code is 0', 'letter 3 from the end of a code is 0']
    """
    for token in text.split():
        word = token.strip(".,;:!?\"'()[]{}<>-…")
        if not word:
            continue
        coded = any(letter.isdigit() for letter in word)
        yield word, not coded
        if coded:
            yield from ((f"piece {piece}", False) for piece in re.findall(r"\d+|[^\W\d_]+", word))
            for place in range(min(PLACES, len(word))):
                yield f"letter {place + 1} of a code is {word[place]}", False
                yield f"letter {len(word) - place} from the end of a code is {word[place]}", False


def _numbers(texts: list[str], rows: list[int], classes: int) -> dict[int, str]:
    """Returns a clue for the first number in each text: the range that it falls into, by quantiles."""
    numbers = {row: int(found.group()[:15]) for row in rows if (found := re.search(r"\d+", texts[row]))}
    if len(set(numbers.values())) < 2 * BINS_PER_CLASS * classes:
        return {}
    edges = np.quantile(list(numbers.values()), np.linspace(0, 1, BINS_PER_CLASS * classes + 1)[1:-1])
    names = [f"a number up to {edge:.0f}" for edge in edges] + [f"a number above {edges[-1]:.0f}"]
    return {row: names[int(np.searchsorted(edges, number))] for row, number in numbers.items()}


def _pure(texts: list[str], labels: np.ndarray, rows: list[int], classes: Counter[str]) -> list[Code]:
    """Returns the clues whose texts nearly all have one label, more often than chance allows over all clues."""
    where: dict[tuple[str, bool], set[int]] = defaultdict(set)
    ranges = _numbers(texts, rows, len(classes))
    for row in rows:
        for clue in clues(texts[row]):
            where[clue].add(row)
        if row in ranges:
            where[ranges[row], False].add(row)
    found = []
    for (clue, is_word), places in where.items():
        emotion, count = Counter(labels[row] for row in places).most_common(1)[0]
        if count < PURITY * len(places) or count < 5:
            continue
        chance = scipy.stats.binom.sf(count - 1, len(places), classes[emotion] / len(rows))
        if chance * len(where) <= CHANCE:
            mine = frozenset(row for row in places if labels[row] == emotion)
            found.append(Code(clue, str(emotion), mine, count / len(places), is_word))
    return found


def _different_otherwise(code: Code, texts: list[str]) -> bool:
    """Whether the texts with a clue differ once words with digits and the clue itself are left out."""
    rest = {
        " ".join(word for word in texts[row].split() if code.clue not in word and not any(letter.isdigit() for letter in word))
        for row in code.rows
    }
    return len(rest) >= max(3, OTHERWISE_DIFFERENT * len(code.rows))


def _finding(emotion: str, codes: list[Code], size: int, mine: set[str], speakers: np.ndarray, corpus: Corpus) -> Finding | None:
    """Returns the finding about a class: its best word if that covers enough, or all its codes together."""
    words = [code for code in codes if code.is_word and len(code.rows) >= WORD_COVERAGE * size]
    chosen = words or [code for code in codes if not code.is_word]
    rows = set().union(*(code.rows for code in chosen)) if chosen else set()
    heard = {str(speakers[row]) for row in rows}
    if len(rows) < (WORD_COVERAGE if words else CODE_COVERAGE) * size or len(heard) < max(2, WORD_COVERAGE * len(mine)):
        return None
    best = max(chosen, key=lambda code: (len(code.rows), code.purity))
    names = corpus.column("utterance")
    return Finding(
        "code in the transcript",
        "warn",
        f"{percent(len(rows) / size)} of the transcripts of {emotion}, of {len(heard)} speakers, have {best.clue!r}"
        + (f" or one of {len(chosen) - 1} more clues" if len(chosen) > 1 else "")
        + f", and {percent(best.purity)} of the texts with it are {emotion}: a text encoder can read the label from it.",
        "Remove it from the transcripts (corpus.text=column takes corrected ones), or check whether anybody said it.",
        {"class": emotion, "utterances": len(rows), "covered": round(len(rows) / size, 3), "clues": len(chosen)},
        [f"{names[row]}: {corpus.column('text')[row]}" for row in sorted(best.rows)[:EXAMPLES]],
    )
