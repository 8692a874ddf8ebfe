"""Trained stems over tiny checkpoints of every family, with anything inside them."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ser_core.batch import Stream, pad
from ser_core.encoders.speech import SpeechCheckpoint
from ser_core.encoders.stems import FeatureStem
from ser_core.encoders.text import TextCheckpoint
from ser_core.encoders.tuned import TunedStem, Tuning
from tests.ser_core.encoders.checkpoints import DIM, LAYERS, all_speech, speech_checkpoint, text_checkpoint

CPU = torch.device("cpu")
FAMILIES = (
    *("wav2vec2-group", "wav2vec2-layer", "hubert", "wavlm", "data2vec-audio", "whisper", "whisper-encoder-only"),
    *("wav2vec2-conformer", "bert", "roberta", "deberta-v3", "albert", "modernbert"),
)
"""One of each structure; test_families.py covers every line of the tables."""
WAVES = [np.random.default_rng(row).normal(size=size).astype("f4") for row, size in enumerate((8_000, 5_000))]
TEXTS = ["i am so happy !", "sad"]
WIDTH = 4


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """An option that trains all layers, and the state below them for a padded batch."""

    family: str
    option: SpeechCheckpoint | TextCheckpoint
    below: Stream

    @functools.cached_property
    def tuning(self) -> Tuning:
        """Its layers, read once."""
        tuning = self.option.tuning(CPU)
        assert tuning is not None
        return tuning

    def stem(self, seed: int = 0, **inside: Any) -> TunedStem:
        """All layers trained, with this inside them."""
        torch.manual_seed(seed)
        return TunedStem(dataclasses.replace(self.tuning, **inside), FeatureStem(LAYERS + 1, DIM, WIDTH, 0.0))


def checkpoint(folder: Path, family: str) -> Checkpoint:
    """A random checkpoint of a family."""
    if family in all_speech():
        option = SpeechCheckpoint(path=str(speech_checkpoint(folder, family)), stride=1, tune=-1)
        return Checkpoint(family, option, pad(option.lower(CPU)(WAVES)))
    option = TextCheckpoint(path=str(text_checkpoint(folder, family)), layers="weighted", max_tokens=32, tune=-1)
    return Checkpoint(family, option, pad(option.lower(CPU)(TEXTS)))


def states(stem: TunedStem, raw: Stream) -> list[Tensor]:
    """What the trained layers make of stored states, one for each."""
    return stem.top(raw.steps[:, :, 0].float(), raw.mask)


def loss(stem: TunedStem, raw: Stream) -> Tensor:
    """Something that depends on every real state in its own way."""
    weights = torch.linspace(-1, 1, DIM)
    return sum((weights.roll(number) * state[raw.mask]).tanh().sum() for number, state in enumerate(states(stem, raw)))  # type: ignore[return-value]


def stepped(stem: TunedStem, raw: Stream, steps: int = 1, size: float = 0.1) -> TunedStem:
    """The same stem after so many steps down the gradient."""
    optimiser = torch.optim.SGD([part.parameter for part in stem.parts() if part.factor], size)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(stem, raw).backward()
        optimiser.step()
    optimiser.zero_grad()
    return stem
