"""What each corpus asks of those who use it, in short, and whether a store has been told yet.

The summary is printed the first time a corpus is used with a store; the agreement of the release itself is what binds.
"""

import dataclasses
import hashlib
from pathlib import Path

from ser_core.content_hashes import write_whole

FOLDER = "licences"


@dataclasses.dataclass(frozen=True)
class Terms:
    """The licence in the words of cards and reports, and what it means in practice."""

    licence: str
    access: str
    commercial: str
    redistribution: str
    citation: str

    def text(self) -> str:
        """The summary, a line for each of its parts."""
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
"""The corpora whose terms are known here; the demo corpus asks for nothing."""


def terms_of(corpus: str) -> str:
    """The summary for a corpus by its name; "" where none is known."""
    return TERMS[corpus].text() if corpus in TERMS else ""


def first_use(corpus: str, terms: str, cache: Path) -> str | None:
    """The terms the first time that a corpus is used with the store of this cache; None afterwards and where there are none.

    What was told is kept in the cache. Terms that have changed, or are another corpus's of the same name, are told again.
    """
    digest = hashlib.sha256(terms.encode()).hexdigest()[:8]
    told = cache / FOLDER / f"{corpus}-{digest}.txt"
    if not terms or told.is_file():
        return None
    told.parent.mkdir(parents=True, exist_ok=True)
    write_whole(told, terms)
    return terms
