"""The spoken text as a helper task, letter by letter: CTC on the characters of the transcript, from the unpooled speech stream.

    speech stream [batch frames width] -- Linear --> [batch frames characters] -- CTC --> h e l l o

CTC is Graves et al. 2006 (ICML). Cai et al. 2021 (Interspeech) and MMER (Ghosh et al. 2023, arXiv 2203.16794) use it as a
helper for emotion recognition. A text with more characters than the stream has frames fits no alignment: it is left out, and
the record counts it. Log-mel steps of 80 ms are often too few; model.speech.stride=4 halves them.
"""

import dataclasses
import unicodedata
from collections.abc import Mapping, Sequence
from typing import ClassVar

import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import ctc_loss

from ser_core.batch import Stream
from ser_core.corpus.corpus import Corpus
from ser_core.corpus.texts import normalise
from ser_core.keyed_dropout import DropoutKey
from ser_core.options import one_of
from ser_core.tasks.task import Head, TaskOption
from ser_core.tasks.views import Memory, Views

CHARACTERS = " 'abcdefghijklmnopqrstuvwxyz"
"""The alphabet of wav2vec2's English recognisers: letters, apostrophe, word boundary. Character i has number i + 1, the blank 0.
The alphabet is fixed, so no text of a test part influences it. Accents are removed; other scripts and digits are left out."""


@dataclasses.dataclass(frozen=True)
class Transcript(TaskOption):
    """Settings of the transcript task."""

    key: ClassVar[str] = "tasks.transcript"
    needs: ClassVar[str] = "texts"
    predicts: ClassVar[str] = "texts"
    batches: ClassVar[bool] = False
    channels: ClassVar[tuple[str, ...]] = ("speech",)
    variant: str = "standard"
    """standard (mean over utterances of the loss per character) or paper_code (summed over the batch, as in MMER's code)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, "variant", ("standard", "paper_code"))

    def available(self, corpus: Corpus) -> bool:
        return any(spelled(text) for text in corpus.column("text"))

    def targets(self, corpus: Corpus) -> Tensor:
        """Returns [utterances longest] character numbers, with -1 as padding."""
        texts = [spelled(text) for text in corpus.column("text")]
        longest = max(1, *map(len, texts))
        return torch.tensor([text + [-1] * (longest - len(text)) for text in texts])

    def build(self, corpus: Corpus, width: int, streams: int, dropout: float) -> Head:
        return TranscriptHead(width=streams, hidden=self.hidden, dropout=dropout, summed=self.variant == "paper_code")

    def columns(self, corpus: Corpus, output: Tensor, targets: Tensor) -> pd.DataFrame:
        return pd.DataFrame({"transcript.target": written(targets), "transcript.predicted": written(output)})

    def left_out(self, targets: Tensor, steps: Mapping[str, Sequence[int]]) -> int:
        frames = torch.tensor(steps["speech"])
        return int((~fits(targets, frames) & (targets > 0).any(-1)).sum())


class TranscriptHead(Head):
    """Predicts logits over blank and CHARACTERS at every frame, and computes their CTC loss."""

    def __init__(self, width: int, hidden: int, dropout: float, summed: bool) -> None:
        super().__init__(width, 1 + len(CHARACTERS), hidden, dropout)
        self.summed = summed

    def forward(self, views: Views, noise: DropoutKey) -> Stream:
        """Returns logits [batch frames characters]."""
        speech = views.streams["speech"]
        return Stream(self.out(self.hidden(self.dropout(speech.steps, noise))), speech.mask)

    def loss(self, output: Stream, targets: Tensor, past: Memory | None = None) -> Float[Tensor, ""]:
        """paper_code: sum of -log p(text), zero_infinity off. standard: mean of -log p(text) per character, zero_infinity on."""
        frames, lengths = output.mask.sum(-1), (targets > 0).sum(-1)
        kept = fits(targets, frames) & (lengths > 0)
        logs = output.steps.float().log_softmax(-1).transpose(0, 1)
        # A left-out text counts as empty: its loss is finite, so no infinity reaches the gradient.
        each = ctc_loss(logs, targets.clamp(min=0), frames, lengths * kept, reduction="none", zero_infinity=not self.summed)
        each = torch.where(kept, each, 0.0)
        return each.sum() if self.summed else (each / lengths.clamp(min=1)).sum() / kept.sum().clamp(min=1)

    def answers(self, output: Stream) -> Int[Tensor, "batch frames"]:
        """Returns the most likely character of each frame; 0 for the blank, padding, or a repetition of the previous one."""
        best = output.steps.argmax(-1) * output.mask
        before = torch.nn.functional.pad(best[:, :-1], (1, 0))
        return best * (best != before)


def spelled(text: str) -> list[int]:
    """Returns the character numbers of a text without tags and punctuation.

    >>> written(torch.tensor([spelled("[LAUGHTER] Don't, M\u00e4dchen!")]))
    ["don't madchen"]
    """
    plain = unicodedata.normalize("NFKD", normalise(text).casefold())
    kept = " ".join("".join(letter for letter in plain if letter in CHARACTERS).split())
    return [1 + CHARACTERS.index(letter) for letter in kept]


def written(numbers: Tensor) -> list[str]:
    """Converts rows of character numbers to texts and skips numbers without a character."""
    return ["".join(CHARACTERS[int(number) - 1] for number in row if number > 0) for row in numbers.tolist()]


def fits(targets: Int[Tensor, "batch longest"], frames: Int[Tensor, "batch"]) -> Bool[Tensor, "batch"]:
    """Whether the frames allow an alignment: one per character, and a blank between two equal characters."""
    there = targets > 0
    repeats = (targets[:, 1:] == targets[:, :-1]) & there[:, 1:]
    return there.sum(-1) + repeats.sum(-1) <= frames
