"""A fold killed between two epochs ends in the same weights to the last bit, whatever encoder it trains and however deep."""

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ser_core.config.tree import Config
from ser_core.cross_validation.plan import plan
from ser_core.dataset.channels import Channel
from ser_core.dataset.dataset import Dataset
from ser_core.encoders.speech import SpeechCheckpoint
from ser_core.encoders.text import TextCheckpoint
from ser_core.training.checkpoint import Checkpoint
from ser_core.training.fit import fit
from tests.conftest import Configure
from tests.ser_core.encoders.checkpoints import DIM, WHOLE, all_speech, all_text, speech_checkpoint, text_checkpoint

CPU = torch.device("cpu")
TEXTS = ("i am so happy !", "sad", "am i sadder", "so so sad")
# Each case trains one speech and one text encoder, because a fold has room for both.
LONGER, SHORTER = list(all_speech()), [*all_text(), *WHOLE]
PAIRS = list(
    itertools.islice(zip(itertools.cycle(LONGER), itertools.cycle(SHORTER), strict=False), max(len(LONGER), len(SHORTER)))
)


def channel(name: str, option: SpeechCheckpoint | TextCheckpoint, items: list[Any]) -> Channel:
    """What the feature store would give for these items."""
    tuning, frozen, lower = option.tuning(CPU), option.extractor(CPU)(items), option.lower(CPU)(items)
    assert tuning is not None
    lengths = [len(each) for each in (frozen if tuning.front else lower)]
    return Channel(name, lower, lengths, frozen[0].shape[1], DIM, tuning=tuning, frozen=frozen, reader=option.reader)


def trained(config: Config, dataset: Dataset, checkpoint: Checkpoint, epochs: int = 99) -> dict[str, torch.Tensor]:
    """The tested model's weights; {} if the fold is left after so many epochs."""
    training = fit(config, dataset, plan(config, dataset=dataset).folds.folds[0], checkpoint)
    for _ in range(epochs):
        try:
            next(training)
        except StopIteration as end:
            return end.value.model.state_dict()
    training.close()
    return {}


@pytest.mark.parametrize("stored", [True, False], ids=["from stored states", "from the input"])
@pytest.mark.parametrize(("speech", "text"), PAIRS)
def test_it_ends_in_the_same_weights(
    speech: str, text: str, stored: bool, configure: Configure, inputs: Dataset, tmp_path: Path
) -> None:
    folders = speech_checkpoint(tmp_path / "speech", speech), text_checkpoint(tmp_path / "text", text)
    switches = () if stored else ("model.speech.train_convolutions=true", "model.text.train_embeddings=true")
    config = configure(
        *("model.speech=checkpoint", f"model.speech.path={folders[0]}", "model.speech.tune=-1", "model.speech.rate=1"),
        *("model.text=checkpoint", f"model.text.path={folders[1]}", "model.text.tune=-1", "model.text.rate=1"),
        *("model.text.max_tokens=32", "optim.refit=false", "optim.epochs=2", "optim.patience=2", "optim.batch=32", *switches),
    )
    assert isinstance(config.model.speech, SpeechCheckpoint) and isinstance(config.model.text, TextCheckpoint)
    rows = range(len(inputs.lengths))
    waves = [np.random.default_rng(row).normal(size=800 + 40 * (row % 5)).astype("f4") for row in rows]
    texts = [TEXTS[row % len(TEXTS)] for row in rows]
    channels = {"speech": channel("speech", config.model.speech, waves), "text": channel("text", config.model.text, texts)}
    dataset = dataclasses.replace(inputs, channels=channels)
    whole = trained(config, dataset, Checkpoint())
    assert trained(config, dataset, Checkpoint(tmp_path / "fold.state"), epochs=1) == {}
    resumed = trained(config, dataset, Checkpoint(tmp_path / "fold.state"))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
