"""What the licences of a model's parts demand together: the strictest part wins.

licence of the corpus, of each encoder --words--> commercial use? same licence? attribution? passing on? --> sentences
"""

import dataclasses
import re
from collections.abc import Sequence

from ser_core.corpus import CORPORA
from ser_core.corpus.licences import Terms
from ser_core.trained.description import Description

NON_COMMERCIAL = re.compile(r"\bnc\b|non-?commercial|not for commercial|academic|research|agreement|not allowed|not of|not under")
SHARE_ALIKE = re.compile(r"\bsa\b|share-?alike|gpl|open database")
ATTRIBUTION = re.compile(r"\bby\b|attribution|apache|\bmit\b|bsd|open database")
HUB = {"cc0-1.0", "apache-2.0", "mit", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0"}
"""Licences that the Hub names, as far as they occur here."""
BY_NAME = (
    (r"msp-dim|odyssey", "CC BY-NC-SA 4.0"),
    (r"whisper", "Apache-2.0"),
    (r"wavlm|unispeech", "CC BY-SA 3.0"),
    (r"wav2vec2-(base|large)|hubert-(base|large)", "Apache-2.0"),
    (r"minilm|mpnet|bert-base|distilbert-base", "Apache-2.0"),
    (r"^roberta|xlm-roberta", "MIT"),
)
"""Licences of public checkpoints, from their model cards, by the name of their folder in lower case; the first match counts."""


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a model that has a licence. `licence` is "" if it is not known here."""

    name: str
    licence: str
    by_name: bool = False
    """Whether the licence is only that of a public checkpoint with the same name."""

    @property
    def sentence(self) -> str:
        if not self.licence:
            return f"{self.name}: licence not known here; look it up before you use or pass on this model."
        return f"{self.name}: {self.licence}" + (
            ", as the public checkpoint of that name; check that it is the same" * self.by_name
        )


def parts(description: Description) -> list[Part]:
    """Returns the corpus and the encoders with their licences."""
    named = [Part(f"Corpus {description.card.get('corpus', '')}", str(description.card.get("licence", "")))]
    for channel, encoder in description.encoders.items():
        name = encoder["checkpoint"]
        known = next((licence for pattern, licence in BY_NAME if re.search(pattern, name.lower())), "")
        named.append(Part(f"Encoder of the {channel} channel, {name} (weights {encoder['weights']})", known, bool(known)))
    return named


def terms_of(description: Description) -> Terms:
    """Returns what the reader of the corpus knows about its terms; empty for a corpus of the user's own."""
    reader = CORPORA.get(str(description.card.get("corpus", "")))
    return reader.licence_terms if reader else Terms()


def together(description: Description) -> list[str]:
    """Returns what all parts together demand, a sentence each."""
    found, known = parts(description), terms_of(description)
    forbids = [one.name for one in found if NON_COMMERCIAL.search(one.licence.lower())]
    if known.commercial and NON_COMMERCIAL.search(known.commercial) and found[0].name not in forbids:
        forbids.insert(0, found[0].name)
    shares = [one.name for one in found if SHARE_ALIKE.search(one.licence.lower())]
    credits = [one.name for one in found if ATTRIBUTION.search(one.licence.lower())]
    unknown = [one.name for one in found if not one.licence]
    sentences = [
        f"Commercial use: **not allowed** ({_names(forbids)})." if forbids else "Commercial use: no known part forbids it.",
        *([f"The same licence for what you make from it: {_names(shares)}."] if shares else []),
        *([f"Name the source: {_names(credits)}."] if credits else []),
        *([f"Not known here: {_names(unknown)}."] if unknown else []),
    ]
    if known.redistribution:
        sentences.append(f"Passing on {found[0].name[0].lower()}{found[0].name[1:]}: {known.redistribution}.")
    return [*sentences, "The strictest part wins. This summary is ours; only the agreements themselves are binding."]


def hub_licence(description: Description) -> str:
    """Returns the Hub's name of the licence if all parts have the same one that it knows; otherwise `other`.

    >>> hub_name("CC BY-NC-SA 4.0: not for commercial use"), hub_name("Apache-2.0 like Bridgework")
    ('cc-by-nc-sa-4.0', 'apache-2.0')
    """
    found = {hub_name(part.licence) for part in parts(description)}
    return found.pop() if len(found) == 1 and "" not in found else "other"


def hub_name(licence: str) -> str:
    """Returns the Hub's name of a licence, "" without one."""
    words = re.split(r"[:,;]", licence.lower())[0].replace("cc by", "cc-by").replace(" ", "-")
    return next((name for name in sorted(HUB, key=len, reverse=True) if words == name or words.startswith(f"{name}-")), "")


def _names(names: Sequence[str]) -> str:
    return "; ".join(re.sub(r" \(weights \w+\)", "", name) for name in names)
