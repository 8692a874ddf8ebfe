"""Averaging features before the stem changes nothing but the last bits, and is done only where means alone are read."""

import dataclasses

import pytest
import torch

from ser_core.dataset.dataset import Dataset
from ser_core.dataset.mean_pooling import pool_channels
from ser_core.fusion import FUSIONS
from ser_core.keyed_dropout import DropoutKey
from ser_core.model import build_model
from tests.conftest import Configure

ROWS = list(range(0, 96, 5))
OF_MEANS = [name for name, fusion in FUSIONS.items() if fusion.reads_means]


@pytest.mark.parametrize("masking", ["none", "utterance"])
@pytest.mark.parametrize("key", [None, 7])
@pytest.mark.parametrize("fusion", OF_MEANS)
def test_losses_and_gradients_are_those_of_all_steps(
    fusion: str, key: int | None, masking: str, configure: Configure, inputs: Dataset
) -> None:
    words = ("tasks.gender.weight=0.2", "tasks.contrast.weight=0.1", f"model.masking={masking}")
    config = configure(*words, f"model.fusion={fusion}")
    model = build_model(config, inputs, torch.arange(48), 1).double()
    noise, found = DropoutKey(None if key is None else torch.tensor(key)), []
    exact = {name: dataclasses.replace(one, sequences=_doubled(one)) for name, one in inputs.channels.items()}
    for fed in (dataclasses.replace(inputs, channels=exact), pool_channels(config, inputs)):
        losses = model(fed.batch(ROWS), noise)[1]
        found.append((losses, torch.autograd.grad(sum(losses.values(), torch.zeros(())), list(model.parameters()))))
    for name, loss in found[0][0].items():
        assert torch.allclose(loss, found[1][0][name], rtol=1e-5)
    for one, other in zip(found[0][1], found[1][1], strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-6)


def _doubled(channel: object) -> list[torch.Tensor]:
    sequences = channel.sequences  # type: ignore[attr-defined]
    return [sequences[row].double() if sequences[row].is_floating_point() else sequences[row] for row in range(96)]


def test_one_step_is_left_of_features_and_batches_are_drawn_as_before(configure: Configure, inputs: Dataset) -> None:
    means = pool_channels(configure(), inputs)
    assert {len(steps) for steps in means.channels["speech"].sequences} == {1}
    assert means.channels["text"] is inputs.channels["text"] and means.lengths == inputs.lengths


@pytest.mark.parametrize("fusion", [name for name in FUSIONS if name not in OF_MEANS])
def test_what_reads_steps_is_given_steps(fusion: str, configure: Configure, inputs: Dataset) -> None:
    config = configure(f"model.fusion={fusion}")
    assert pool_channels(config, inputs) is inputs


def test_the_transcript_is_told_from_steps(configure: Configure, inputs: Dataset) -> None:
    config = configure("tasks.transcript.weight=0.1")
    assert pool_channels(config, inputs) is inputs
