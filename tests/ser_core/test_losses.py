"""Losses against independent definitions, and where they vanish."""

import audmetric
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ser_core.losses import ccc_loss, soft_class_loss, squared_error
from ser_core.tasks.task import class_loss

SEEDS = st.integers(0, 10_000)


def drawn(seed: int, batch: int = 9, dims: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    predicted, truth = torch.rand(2, batch, dims, generator=generator)
    return predicted, truth, (torch.rand(batch, dims, generator=generator) < 0.7).float()


@given(SEEDS)
def test_ccc_loss_is_audmetrics_over_the_ratings_there_are(seed: int) -> None:
    predicted, truth, rated = drawn(seed)
    kept = [(predicted[rated[:, d] > 0, d], truth[rated[:, d] > 0, d]) for d in range(3)]
    each = [1 - audmetric.concordance_cc(t.tolist(), p.tolist()) for p, t in kept if len(p) >= 2]
    assert ccc_loss(predicted, truth, rated).item() == pytest.approx(np.mean(each), abs=1e-4)


@given(SEEDS)
def test_ccc_loss_ignores_what_stands_where_no_rating_is(seed: int) -> None:
    predicted, truth, rated = drawn(seed)
    assert torch.allclose(ccc_loss(predicted, truth + 100 * (1 - rated), rated), ccc_loss(predicted, truth, rated), atol=1e-4)


def test_ccc_loss_reaches_both_ends() -> None:
    truth, all_rated = torch.tensor([[0.0], [1.0]]), torch.ones(2, 1)
    assert ccc_loss(truth, truth, all_rated).item() == pytest.approx(0, abs=1e-6)
    assert ccc_loss(1 - truth, truth, all_rated).item() == pytest.approx(2, abs=1e-6)


@pytest.mark.parametrize("ratings", [0, 1])
def test_too_few_ratings_cost_nothing_and_pull_nothing(ratings: int) -> None:
    predicted, truth, rated = drawn(1, dims=1)
    rated = (torch.arange(9) < ratings).float()[:, None]
    predicted.requires_grad_()
    loss = ccc_loss(predicted, truth, rated)
    loss.backward()
    assert loss.item() == 0
    assert predicted.grad is not None and not predicted.grad.any()


def test_a_constant_prediction_has_a_finite_gradient() -> None:
    predicted = torch.full((4, 1), 0.5, requires_grad=True)
    ccc_loss(predicted, torch.full((4, 1), 0.5), torch.ones(4, 1)).backward()
    assert predicted.grad is not None and predicted.grad.isfinite().all()


@given(SEEDS)
def test_squared_error_is_the_mean_over_ratings(seed: int) -> None:
    predicted, truth, rated = drawn(seed)
    assert squared_error(predicted, truth, rated).item() == pytest.approx(
        ((predicted - truth)[rated > 0] ** 2).mean().item() if rated.any() else 0, abs=1e-6
    )
    assert squared_error(predicted, truth, rated * 0).item() == 0


@given(SEEDS, st.sampled_from([0.0, 0.1, 0.5]))
def test_class_loss_is_torchs_cross_entropy(seed: int, smoothing: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    output, weights = torch.randn(8, 4, generator=generator), torch.rand(4, generator=generator) + 0.5
    targets = torch.randint(-1, 4, (8,), generator=generator)
    targets[0] = 1
    expected = torch.nn.functional.cross_entropy(output, targets, ignore_index=-1, label_smoothing=smoothing)
    assert torch.allclose(class_loss(output, targets, torch.ones(4), smoothing), expected, atol=1e-6)
    weighted = torch.nn.functional.cross_entropy(output, targets, weights, ignore_index=-1, label_smoothing=smoothing)
    assert torch.allclose(class_loss(output, targets, weights, smoothing), weighted, atol=1e-6)


def test_class_loss_batches_over_models() -> None:
    generator = torch.Generator().manual_seed(0)
    output, weights = torch.randn(3, 8, 4, generator=generator), torch.rand(3, 4, generator=generator) + 0.5
    targets = torch.randint(-1, 4, (3, 8), generator=generator)
    together = torch.vmap(lambda *each: class_loss(*each, 0.1))(output, targets, weights)
    alone = torch.stack([class_loss(*each, 0.1) for each in zip(output, targets, weights, strict=True)])
    assert torch.allclose(together, alone, atol=1e-6)


def test_class_loss_without_labels_is_nothing() -> None:
    output = torch.randn(3, 4, requires_grad=True)
    loss = class_loss(output, torch.full((3,), -1), torch.ones(4), 0.1)
    loss.backward()
    assert loss.item() == 0
    assert output.grad is not None and not output.grad.any()


@given(SEEDS, st.sampled_from([0.0, 0.2]))
def test_soft_class_loss_is_torchs_cross_entropy_with_shares(seed: int, smoothing: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    output, shares = torch.randn(8, 4, generator=generator), torch.rand(8, 4, generator=generator).softmax(-1)
    expected = torch.nn.functional.cross_entropy(output, shares, label_smoothing=smoothing)
    whole = torch.cat([shares, torch.full((2, 4), float("nan"))])
    found = soft_class_loss(torch.cat([output, torch.ones(2, 4)]), whole, torch.ones(4), smoothing)
    assert torch.allclose(found, expected, atol=1e-6)
    divergence = torch.nn.functional.kl_div(output.log_softmax(-1), shares, reduction="batchmean")
    assert torch.allclose(soft_class_loss(output, shares, torch.ones(4), divergence=True), divergence, atol=1e-6)


@given(SEEDS, st.sampled_from([0.0, 0.5, 2.0]))
def test_focal_loss_is_its_formula(seed: int, gamma: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    output, weights = torch.randn(8, 4, generator=generator), torch.rand(4, generator=generator) + 0.5
    targets = torch.randint(4, (8,), generator=generator)
    terms = []
    for row, target in zip(output.double(), targets.tolist(), strict=True):
        p = float(row[target].exp() / row.exp().sum())
        terms.append(-float(weights[target]) * (1 - p) ** gamma * np.log(p))
    found = soft_class_loss(output, torch.nn.functional.one_hot(targets, 4).float(), weights, gamma=gamma)
    assert found.item() == pytest.approx(sum(terms) / float(weights[targets].sum()), rel=1e-4)
    if gamma == 0:
        assert torch.allclose(found, class_loss(output, targets, weights, 0.0), atol=1e-6)
