"""Which utterances of a corpus cannot be used, and why: every one is decoded whole."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ser_core.audio import Audio, load
from ser_core.corpus.corpus import Corpus
from ser_core.errors import AudioError
from ser_core.progress import bar

Answer = TypeVar("Answer")

WORKERS = 2
"""Decoding threads; libsndfile works outside Python's lock."""


def check_audio(corpus: Corpus, audio: Audio, minimum_samples: int = 400, progress: bool = False) -> dict[str, str]:
    """Reason by utterance for every utterance whose audio cannot be used; {} when all is well.

    `minimum_samples` is what the encoder needs, at 16 kHz.
    """

    def reason(file: str, start: float, end: float) -> str:
        try:
            load(file, start, end, audio, minimum_samples)
        except AudioError as error:
            return str(error)
        return ""

    reasons = of_each(corpus, reason, "decoding", progress)
    return {name: why for name, why in zip(corpus.table["utterance"], reasons, strict=True) if why}


def of_each(corpus: Corpus, work: Callable[[str, float, float], Answer], what: str, progress: bool) -> list[Answer]:
    """What `work` answers to the file, start and end of every utterance, in the order of the corpus table."""
    places = list(corpus.table[["file", "start", "end"]].itertuples(index=False, name=None))
    with bar(len(places), what, progress) as advance, ThreadPoolExecutor(WORKERS) as pool:

        def done(place: tuple[str, float, float]) -> Answer:
            try:
                return work(*place)
            finally:
                advance()

        return list(pool.map(done, places))
