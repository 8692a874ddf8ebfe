"""How every utterance of a corpus is decoded completely, to find those that cannot be used or may have been cut."""

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from ser_core.audio import Audio, decode, usable
from ser_core.corpus.corpus import Corpus
from ser_core.errors import AudioError
from ser_core.progress import bar

Answer = TypeVar("Answer")

WORKERS = 2
"""Decoding threads; libsndfile runs without Python's lock."""


@dataclasses.dataclass(frozen=True)
class Checked:
    """Results of a check of all audio, by utterance."""

    unusable: dict[str, str]
    """Why it cannot be used."""
    doubtful: dict[str, str]
    """Why it may be incomplete, although it can be used."""


def check_audio(corpus: Corpus, audio: Audio, minimum_samples: int = 400, progress: bool = False) -> Checked:
    """Decodes every utterance. `minimum_samples` is the minimum of the encoder, at 16 kHz."""

    def answer(file: str, start: float, end: float) -> tuple[str, str]:
        try:
            sound = decode(Path(file), start, end)
            usable(sound.channels, sound.rate, audio, minimum_samples)
        except AudioError as error:
            return str(error), ""
        return "", sound.doubt

    answers = of_each(corpus, answer, "decoding", progress)
    unusable, doubtful = (
        {name: each[place] for name, each in zip(corpus.table["utterance"], answers, strict=True) if each[place]}
        for place in (0, 1)
    )
    return Checked(unusable, doubtful)


def notice_of(doubts: dict[str, str], utterances: int) -> tuple[str, ...]:
    """Returns one sentence about utterances that may have been cut, with the first of them; () if there are none."""
    if not doubts:
        return ()
    name, doubt = next(iter(doubts.items()))
    return (
        f"{len(doubts)} of {utterances} utterances are in files of unknown length, and are used unchanged. "
        f"The first is {name}: {doubt}; `ser corpus check` lists them all",
    )


def of_each(corpus: Corpus, work: Callable[[str, float, float], Answer], what: str, progress: bool) -> list[Answer]:
    """Calls `work` with file, start and end of every utterance and returns the results in the order of the corpus table."""
    places = list(corpus.table[["file", "start", "end"]].itertuples(index=False, name=None))
    with bar(len(places), what, progress) as advance, ThreadPoolExecutor(WORKERS) as pool:

        def done(place: tuple[str, float, float]) -> Answer:
            try:
                return work(*place)
            finally:
                advance()

        return list(pool.map(done, places))
