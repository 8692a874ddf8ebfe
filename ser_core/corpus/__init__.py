"""One reader per corpus. CORPORA is the only list; `corpus=NAME` chooses from it."""

from ser_core.corpus.audformat_database import Audformat
from ser_core.corpus.corpus import Corpus, CorpusOption, Dimension
from ser_core.corpus.cremad import CremaD
from ser_core.corpus.demo import DemoCorpus
from ser_core.corpus.emobox import EmoBox
from ser_core.corpus.emodb import EmoDB
from ser_core.corpus.iemocap import Iemocap
from ser_core.corpus.meld import Meld
from ser_core.corpus.msp_podcast import MspPodcast
from ser_core.corpus.ravdess import Ravdess
from ser_core.corpus.table import Table

CORPORA: dict[str, type[CorpusOption]] = {
    "demo": DemoCorpus,
    "emodb": EmoDB,
    "ravdess": Ravdess,
    "cremad": CremaD,
    "iemocap": Iemocap,
    "meld": Meld,
    "msp_podcast": MspPodcast,
    "table": Table,
    "emobox": EmoBox,
    "audformat": Audformat,
}

__all__ = ["CORPORA", "Corpus", "CorpusOption", "Dimension"]
