"""Dimensions chosen by name, regressors of their own, and a concordance that small batches do not bias."""

import audmetric
import pytest
import torch

from ser_core.errors import SettingError
from ser_core.keyed_dropout import DropoutKey
from ser_core.losses import ccc_loss, remembered_ccc_loss
from ser_core.tasks import Memory
from ser_core.tasks.dimensions import DimensionHead, Dimensions
from tests.ser_core.tasks.made import CORPUS, leaf, views


def test_names_choose_in_the_corpuss_order_and_others_are_refused() -> None:
    assert [d.name for d in Dimensions(names=["arousal", "valence"]).chosen(CORPUS)] == ["valence", "arousal"]
    only = Dimensions(names=["arousal"])
    assert torch.equal(only.targets(CORPUS).nan_to_num(), Dimensions().targets(CORPUS)[:, 1:].nan_to_num())
    columns = only.columns(CORPUS, torch.rand(8, 1), only.targets(CORPUS))
    assert list(columns) == ["dimensions.arousal.target", "dimensions.arousal.predicted"]
    with pytest.raises(SettingError, match="corpus made rates valence, arousal, not 'dominance'"):
        Dimensions(names=["dominance"]).chosen(CORPUS)


def test_a_memory_for_squared_error_is_refused() -> None:
    with pytest.raises(SettingError, match="squared error has no bias to correct"):
        Dimensions(loss="mse", memory=8)


def test_separate_regressors_share_nothing() -> None:
    head = Dimensions(shared=False, hidden=4).build(CORPUS, 6, 6, 0.0)
    head(views(leaf(6)), DropoutKey(None))[:, 0].sum().backward()
    reached = {name.split(".")[1] for name, each in head.named_parameters() if each.grad is not None and each.grad.any()}
    assert reached == {"0"} and {name.split(".")[1] for name, _ in head.named_parameters()} == {"0", "1"}


def noisy(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Truth, and predictions that agree with it as those of SYSTEMS' measured predictor do."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(count, 1, generator=generator)
    return 0.8 * truth + 0.5 * torch.randn(count, 1, generator=generator), truth


@pytest.mark.parametrize(("size", "bias"), [(2, 0.2), (4, 0.08), (8, 0.03)])
def test_the_mean_over_small_batches_approaches_the_whole_with_a_memory_and_not_without(size: int, bias: float) -> None:
    predicted, truth = noisy(4096)
    whole = 1 - audmetric.concordance_cc(truth[:, 0].tolist(), predicted[:, 0].tolist())
    head = DimensionHead(4, 1, 0, 0.0, squared=False, remembers=256)
    past, alone, together = Memory.blank(256, 1, truth), [], []
    for output, target in zip(predicted.split(size), truth.split(size), strict=True):
        alone.append(head.loss(output, target))
        together.append(head.loss(output, target, past))
        past = past.extended(output, target)
    assert torch.stack(alone).mean() - whole > bias
    assert torch.stack(together)[256 // size :].mean().item() == pytest.approx(whole, abs=0.01)


def test_with_everybody_else_remembered_the_mean_gradient_is_that_of_the_whole() -> None:
    predicted, truth = noisy(60)
    rated = torch.ones(60, 1)
    rated[::7] = 0
    slope = torch.tensor(0.7, requires_grad=True)
    (whole,) = torch.autograd.grad(ccc_loss(slope * predicted, truth, rated), slope)
    steps, weights = [], []
    for batch in torch.arange(60).split(4):
        rest = torch.ones(60, dtype=torch.bool)
        rest[batch] = False
        past = (slope * predicted).detach()[rest], truth[rest], rated[rest]
        loss = remembered_ccc_loss(slope * predicted[batch], truth[batch], rated[batch], *past)
        assert loss.item() == pytest.approx(ccc_loss(slope * predicted, truth, rated).item(), abs=1e-5)
        steps.append(torch.autograd.grad(loss, slope)[0])
        weights.append(rated[batch].sum() / rated.sum())
    assert torch.allclose(sum(w * step for w, step in zip(weights, steps, strict=True)), whole, atol=1e-5)  # type: ignore[arg-type]


def test_an_unrated_batch_pulls_nothing_whatever_is_remembered() -> None:
    head, targets = Dimensions(memory=8).build(CORPUS, 6, 6, 0.0), Dimensions().targets(CORPUS)
    past, frames = Memory.blank(8, 2, targets).extended(torch.rand(8, 2), targets), leaf(6)
    head.loss(head(views(frames), DropoutKey(None)), torch.full_like(targets, float("nan")), past).backward()
    assert frames.grad is not None and not frames.grad.any()
