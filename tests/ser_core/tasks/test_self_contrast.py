"""Self-contrast by its formula, and what it changes in a model: the heads it compares read adapted vectors, no other does."""

import dataclasses

import numpy as np
import pytest
import torch

from ser_core.config.compose import compose
from ser_core.cross_validation.plan import plan
from ser_core.dataset.dataset import Dataset
from ser_core.errors import SettingError
from ser_core.keyed_dropout import DropoutKey
from ser_core.model import SpeechEmotionModel, build_model
from ser_core.tasks import Tasks, Views
from ser_core.tasks.self_contrast import SelfContrast, SelfContrastHead
from tests.conftest import Configure
from tests.ser_core.tasks.made import BARE, CORPUS

WIDTH = 6
WEIGHTS = ("tasks.gender.weight=0.2", "tasks.dimensions.weight=0.5", "tasks.self_contrast.weight=0.1")


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))


def test_the_loss_is_that_of_the_paper_and_a_constant() -> None:
    head = SelfContrast(weight=1).build(CORPUS, WIDTH, WIDTH, 0.0)
    output, targets = drawn(5, 3, WIDTH), torch.tensor([0, -1, 0, 0, -1])
    expected = []
    for emotion, gender, style in output[targets == 0].double().numpy():
        expected.append(3 - cosine(emotion, gender) - cosine(emotion, style) - cosine(gender, style))
    assert float(head.loss(output, targets)) == pytest.approx(np.mean(expected), abs=1e-6)


def test_the_same_features_cost_nothing_and_opposite_ones_2_for_each_pair() -> None:
    head = SelfContrast(weight=1, between=["emotion", "gender"]).build(CORPUS, WIDTH, WIDTH, 0.0)
    one, everyone = drawn(4, WIDTH), torch.zeros(4, dtype=torch.long)
    assert float(head.loss(torch.stack([one, 5 * one], 1), everyone)) == pytest.approx(0, abs=1e-6)
    assert float(head.loss(torch.stack([one, -one], 1), everyone)) == pytest.approx(2, abs=1e-6)


def test_it_compares_what_is_trained_and_is_left_out_without_two() -> None:
    tasks = Tasks(self_contrast=SelfContrast(weight=0.1))
    assert "self_contrast" not in tasks.offered(CORPUS) and tasks.settled(CORPUS).self_contrast.weight == 0
    tasks = dataclasses.replace(tasks, gender=dataclasses.replace(tasks.gender, weight=0.1))
    assert tasks.settled(CORPUS).self_contrast == SelfContrast(weight=0.1, between=["emotion", "gender"])
    assert tasks.settled(BARE).self_contrast.weight == 0


@pytest.fixture
def models(configure: Configure, inputs: Dataset) -> tuple[SpeechEmotionModel, SpeechEmotionModel, Dataset]:
    """With self-contrast, and the same without."""
    config = configure(*WEIGHTS)
    inputs = plan(config, dataset=inputs).dataset
    plain = configure(*WEIGHTS[:2])
    return *(build_model(each, inputs, torch.arange(48), 1).eval() for each in (config, plain)), inputs


def test_the_heads_compared_read_their_features_and_the_others_do_not(models) -> None:
    model, plain, inputs = models
    batch = inputs.batch([0, 7, 14])
    outputs, losses = model(batch, DropoutKey(None))
    contrast = model.heads["self_contrast"]
    assert isinstance(contrast, SelfContrastHead) and list(contrast.adapters) == ["emotion", "gender"]
    assert "self_contrast" not in plain.heads and set(plain.state_dict()) < set(model.state_dict())
    streams = {name: stem(batch.streams[name], DropoutKey(None)) for name, stem in model.stems.items()}
    fused = model.fusion(streams, DropoutKey(None))
    for name, adapter in contrast.adapters.items():
        norm = (fused - fused.mean(-1, keepdim=True)) / (fused.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
        inner = torch.nn.functional.gelu(norm @ adapter.down.weight.T + adapter.down.bias)
        feature = fused + inner @ adapter.up.weight.T + adapter.up.bias
        assert torch.allclose(outputs[name], model.heads[name](Views(streams, feature), DropoutKey(None)), atol=1e-5)
        assert not torch.allclose(outputs[name], model.heads[name](Views(streams, fused), DropoutKey(None)), atol=1e-3)
    assert torch.equal(outputs["dimensions"], model.heads["dimensions"](Views(streams, fused), DropoutKey(None)))
    sum(losses.values()).backward()
    assert all(each.grad is not None and each.grad.any() for each in contrast.parameters())


def test_wrong_tasks_are_refused() -> None:
    with pytest.raises(SettingError, match=r"tasks\.self_contrast\.between must name some of emotion, gender, style, each once"):
        compose(["tasks.self_contrast.between=[emotion,speaker]"])
    with pytest.raises(SettingError, match=r"tasks\.self_contrast\.hidden must be at least 1, got 0"):
        SelfContrast(hidden=0)
