"""The rules of the text channel, from a transcript to the input of encoders and look-ups.

"[LAUGHTER] Don't   go!"   as transcribed (corpus.text=gold)
    without_tags              "Don't go!"                corpus.text=plain: no annotators' tags
    cleaned                   one Unicode spelling, single spaces: the input of every text encoder
    words                     don't, go: the basis of word numbers
    normalised                words without tags: the basis of look-ups and the audit
The rules have one version with a hash, which is on every protocol card.
"""

import hashlib
import json
import re
import unicodedata

VERSION = "words-1"
"""Increased with every change of a rule, together with ser_core.EDITION, because other rules train other models."""
TAG = re.compile(r"\[[^\[\]]*\]|\{[^{}]*\}|<[^<>]{1,40}>")
"""Annotators' tags: [LAUGHTER], {breath}, <LAUGH>. A < may also be a plain character, so its tag must close soon."""
WORD_OR_SIGN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[^\w\s]")
SPECIMENS = (
    "[LAUGHTER] Don\u2019t go \U0001f62d \u2026 (please_now)!",
    "<laugh> so  {breath} one < two, three > one [[nested] tag] []",
    "Cafe\u0301, caf\u00e9 \u00c4RGER stra\u00dfe 3rd 'tis rock'n'roll",
)
"""Texts on which every rule has an effect."""


def without_tags(text: str) -> str:
    """Removes annotators' tags, which reveal the emotion and which no recogniser writes.

    >>> without_tags("[LAUGHTER] No, <breath> I {noise} see. [a [b] c]")
    'No, I see.'
    """
    while (fewer := TAG.sub(" ", text)) != text:
        text = fewer
    return " ".join(text.split())


def clean(text: str) -> str:
    """Cleans a text for the encoders: composed Unicode (NFC), and one space for any white space.

    >>> clean(" Cafe\u0301 \\n au  lait ")
    'Caf\u00e9 au lait'
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


def words(text: str) -> list[str]:
    """Splits a text into lower-case words without punctuation; an emoji is a word.

    >>> words("Don\u2019t go \U0001f62d \u2026 (please_now)!")
    ["don't", 'go', '\U0001f62d', 'please', 'now']
    """
    found = WORD_OR_SIGN.findall(clean(text).lower().replace("\u2019", "'"))
    return [word for word in found if word[0].isalnum() or unicodedata.category(word) == "So"]


def normalise(text: str) -> str:
    """Normalises a text for comparison: lower case, only words, without tags.

    >>> normalise("[LAUGHTER] Don't, please!")
    "don't please"
    """
    return " ".join(words(without_tags(text)))


def normalisation() -> str:
    """Returns the name of the rules for the protocol card: their version, and a hash of the patterns and results on SPECIMENS."""
    rules = [TAG.pattern, WORD_OR_SIGN.pattern]
    made = [[without_tags(text), clean(text), words(text), normalise(text)] for text in SPECIMENS]
    return f"{VERSION} {hashlib.sha256(json.dumps([rules, made]).encode()).hexdigest()[:8]}"
