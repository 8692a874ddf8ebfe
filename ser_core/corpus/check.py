"""Which utterances of a corpus cannot be used, and why: every one is decoded whole."""

from concurrent.futures import ThreadPoolExecutor

from ser_core.audio import Audio, load
from ser_core.corpus.corpus import Corpus
from ser_core.errors import AudioError
from ser_core.progress import bar

WORKERS = 2
"""Decoding threads; libsndfile works outside Python's lock."""


def check_audio(corpus: Corpus, audio: Audio, minimum_samples: int = 400, progress: bool = False) -> dict[str, str]:
    """Reason by utterance for every utterance whose audio cannot be used; {} when all is well.

    `minimum_samples` is what the encoder needs, at 16 kHz.
    """
    places = list(corpus.table[["utterance", "file", "start", "end"]].itertuples(index=False, name=None))
    with bar(len(places), "decoding", progress) as advance, ThreadPoolExecutor(WORKERS) as pool:

        def reason(place: tuple[str, str, float, float]) -> str:
            try:
                load(*place[1:], audio, minimum_samples)
            except AudioError as error:
                return str(error)
            finally:
                advance()
            return ""

        reasons = list(pool.map(reason, places))
    return {place[0]: why for place, why in zip(places, reasons, strict=True) if why}
