"""What each corpus requires of its users, in short, and whether a store has already shown it.

The summary is printed when a corpus is first used with a store. Only the agreement of the release itself is binding.
"""

import dataclasses
import hashlib
from pathlib import Path

from ser_core.content_hashes import write_whole

FOLDER = "licences"


@dataclasses.dataclass(frozen=True)
class Terms:
    """The licence as cards and reports quote it, and its practical consequences."""

    licence: str
    access: str
    commercial: str
    redistribution: str
    citation: str

    def text(self) -> str:
        """Returns the summary, one line per part."""
        parts = dataclasses.asdict(self)
        return "\n".join(f"{name + ':':<16}{parts[name]}" for name in parts)


TERMS: dict[str, Terms] = {
    "emodb": Terms(
        "CC0-1.0",
        "free download",
        "allowed",
        "allowed",
        "Burkhardt et al., A Database of German Emotional Speech, Interspeech 2005",
    ),
    "ravdess": Terms(
        "CC BY-NC-SA 4.0: not for commercial use",
        "free download from Zenodo, record 1188976",
        "not under this licence; its authors sell another",
        "with attribution, under the same licence, not for money",
        "Livingstone and Russo, PLoS ONE 13(5), 2018",
    ),
    "cremad": Terms(
        "Open Database License 1.0; contents under the Database Contents License 1.0",
        "free download",
        "allowed",
        "with attribution; a database made from it stays under the same licence",
        "Cao et al., IEEE Trans. Affective Computing 5(4), 2014",
    ),
    "iemocap": Terms(
        "IEMOCAP release agreement of USC SAIL: research only, no redistribution",
        "by request to USC SAIL, which asks for a signed agreement",
        "not allowed",
        "not allowed: neither audio nor labels",
        "Busso et al., Language Resources and Evaluation 42, 2008",
    ),
    "meld": Terms(
        "annotations GPL-3.0 by their repository, called non-commercial elsewhere; clips not free: research only",
        "free download",
        "not of the clips, whose rights are with the makers of the series",
        "of the annotations; not of the clips",
        "Poria et al., ACL 2019, arXiv 1810.02508",
    ),
    "msp_podcast": Terms(
        "MSP-Podcast agreement of UT Dallas, signed by the institution: no redistribution",
        "by an agreement between the institution and UT Dallas",
        "under a commercial agreement only",
        "not allowed: neither audio nor labels",
        "Lotfian and Busso, IEEE Trans. Affective Computing 10(4), 2019",
    ),
}
"""The corpora with known terms. The demo corpus has none."""


def terms_of(corpus: str) -> str:
    """Returns the summary for a corpus by its name; "" if it is unknown."""
    return TERMS[corpus].text() if corpus in TERMS else ""


def first_use(corpus: str, terms: str, cache: Path) -> str | None:
    """Returns the terms on first use of a corpus with the store of this cache; None afterwards and without terms.

    The cache records which terms were shown. Changed terms, or those of another corpus with the same name, are shown again.
    """
    digest = hashlib.sha256(terms.encode()).hexdigest()[:8]
    told = cache / FOLDER / f"{corpus}-{digest}.txt"
    if not terms or told.is_file():
        return None
    told.parent.mkdir(parents=True, exist_ok=True)
    write_whole(told, terms)
    return terms
