"""Each weighting against its formula: hand-worked numbers, torchjd's own scalarizers, and PCGrad computed vector by vector."""

import math

import pytest
import torch
from torch import Tensor
from torchjd.scalarization import DWA, FAMO, UW

from ser_core.weighting.dwa import DynamicWeighting
from ser_core.weighting.famo import FamoWeighting
from ser_core.weighting.gradnorm import FLOOR, GradientNormWeighting
from ser_core.weighting.pcgrad import ProjectedWeighting
from ser_core.weighting.rlw import RandomWeighting
from ser_core.weighting.uncertainty import UncertaintyWeighting
from ser_core.weighting.weighting import Weighting

KEY = torch.tensor(5)


def test_fixed_is_the_weighted_sum() -> None:
    fixed = Weighting()
    state = fixed.begin(torch.tensor([1.0, 0.5]))
    assert fixed.total(torch.tensor([2.0, 3.0]), state) == 1 * 2 + 0.5 * 3


def test_uncertainty_is_the_sum_of_kendall_2018() -> None:
    """s = (0, log 4): (1 * 2 + 0) / 2 + (2 / 4 + log 4) / 2 = 1 + 0.25 + log 2, and derivatives by hand."""
    method = UncertaintyWeighting(rate=1)
    state = method.begin(torch.ones(2))
    state["log_variance"] = torch.tensor([0.0, math.log(4)], requires_grad=True)
    losses = torch.tensor([2.0, 2.0], requires_grad=True)
    total = method.total(losses, state)
    assert total.item() == pytest.approx(1.25 + math.log(2))
    total.backward()
    assert losses.grad is not None and losses.grad.tolist() == pytest.approx([1 / 2, 1 / 8])
    assert method.weights(state).tolist() == pytest.approx([1 / 2, 1 / 8])
    slopes = state["log_variance"].grad
    assert slopes is not None and slopes.tolist() == pytest.approx([-2 / 2 + 1 / 2, -2 / 8 + 1 / 2])


def test_uncertainty_with_unit_weights_is_torchjds() -> None:
    method, reference = UncertaintyWeighting(rate=1), UW(3)
    reference.log_var.data = torch.tensor([0.3, -0.7, 1.1])
    state = {**method.begin(torch.ones(3)), "log_variance": reference.log_var.detach()}
    losses = torch.tensor([0.4, 1.7, 0.9])
    assert method.total(losses, state).item() == pytest.approx(reference(losses).item())


def test_a_tasks_weight_scales_its_share_and_leaves_its_best_variance() -> None:
    """Where the total is flat in s, s = log L whatever the weight."""
    method = UncertaintyWeighting(rate=1)
    losses = torch.tensor([0.5, 3.0])
    s = losses.log().requires_grad_()
    method.total(losses, {"tasks": torch.tensor([1.0, 0.1]), "log_variance": s}).backward()
    assert s.grad is not None and s.grad.abs().max() < 1e-6


def test_dwa_by_hand() -> None:
    """Ratios 1/2 and 1 at T = 2: lambda = 2 exp(.25, .5) / (exp .25 + exp .5) = (.87565, 1.12435), times the tasks' weights."""
    method = DynamicWeighting(temperature=2)
    state = method.begin(torch.tensor([1.0, 0.5]))
    assert method.weights(state).tolist() == [1.0, 0.5]
    state = method.after_epoch(state, torch.tensor([4.0, 3.0]))
    assert method.weights(state).tolist() == [1.0, 0.5]
    state = method.after_epoch(state, torch.tensor([2.0, 3.0]))
    assert method.weights(state).tolist() == pytest.approx([0.87565, 1.12435 / 2], abs=1e-5)


def test_dwa_with_unit_weights_is_torchjds() -> None:
    method, reference = DynamicWeighting(temperature=1.3), DWA(1.3)
    state = method.begin(torch.ones(3))
    generator = torch.Generator().manual_seed(0)
    for _ in range(4):
        epoch = torch.rand(5, 3, generator=generator) + 0.1
        for losses in epoch:
            assert method.total(losses, state).item() == pytest.approx(reference(losses).item())
        reference.step()
        state = method.after_epoch(state, epoch.mean(0))


def test_gradnorm_by_hand() -> None:
    """Two steps at alpha 1, rate .1. Step 2: losses left (1/2, 1), mean 3/4, so rates (2/3, 4/3); forces as worked below."""
    method = GradientNormWeighting(alpha=1, step=0.1)
    state = method.begin(torch.ones(2))
    state = method.after_step(state, torch.tensor([4.0, 1.0]), torch.tensor([3.0, 1.0]))
    # Forces (3, 1), mean 2, targets (2, 2): u = (1 - .3, 1 + .1) = (.7, 1.1), times 2 / 1.8.
    assert state["balance"].tolist() == pytest.approx([0.7 / 0.9, 1.1 / 0.9])
    state = method.after_step(state, torch.tensor([2.0, 1.0]), torch.tensor([1.8, 0.9]))
    # Forces (1.4, .99), mean 1.195, targets (.79667, 1.59333): u = (.7/.9 - .18, 1.1/.9 + .09), times 2 / 1.91.
    assert state["balance"].tolist() == pytest.approx([2 * (0.7 / 0.9 - 0.18) / 1.91, 2 * (1.1 / 0.9 + 0.09) / 1.91])
    assert state["balance"].sum().item() == pytest.approx(2)


def test_gradnorm_step_is_the_slope_of_its_loss() -> None:
    """The step by autograd over sum_i |u_i n_i - target_i|, targets held: the paper's L_grad."""
    method = GradientNormWeighting(alpha=0.5, step=0.01)
    losses, norms = torch.tensor([0.9, 2.0, 0.4]), torch.tensor([2.0, 0.3, 1.1])
    state = {"tasks": torch.ones(3), "balance": torch.tensor([1.2, 0.5, 1.3]), "first": torch.tensor([1.0, 2.5, 1.0])}
    u = state["balance"].clone().requires_grad_()
    pace = losses / state["first"]
    target = ((u * norms).mean() * (pace / pace.mean()) ** 0.5).detach()
    (u * norms - target).abs().sum().backward()
    assert u.grad is not None
    stepped = (u - 0.01 * u.grad).detach()
    expected = stepped * 3 / stepped.sum()
    assert torch.allclose(method.after_step(state, losses, norms)["balance"], expected)


def test_gradnorm_stands_still_in_a_batch_without_labels_and_never_drops_a_task() -> None:
    method = GradientNormWeighting(alpha=1.5, step=0.1)
    state = method.begin(torch.ones(2))
    assert method.after_step(state, torch.zeros(2), torch.zeros(2))["balance"].tolist() == [1, 1]
    pulled = method.after_step(state, torch.ones(2), torch.tensor([1000.0, 1.0]))["balance"]
    assert 0 < pulled[0].item() == pytest.approx(2 * FLOOR / (FLOOR + 1.1))


def projected(gradients: Tensor) -> Tensor:
    """PCGrad of two tasks, vector by vector."""
    one, other = gradients
    if one @ other >= 0:
        return one + other
    return one - (one @ other) / (other @ other) * other + other - (one @ other) / (one @ one) * one


@pytest.mark.parametrize("seed", range(6))
def test_pcgrad_of_two_tasks_is_yu_2020(seed: int) -> None:
    gradients = torch.randn(2, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    weights = torch.tensor([1.0, 0.3], dtype=torch.float64)
    method = ProjectedWeighting()
    factors = method.on_trunk(gradients @ gradients.T, method.begin(weights), KEY)
    assert torch.allclose(factors @ gradients, projected(gradients * weights[:, None]))


def test_pcgrad_takes_its_order_from_the_key_alone() -> None:
    gradients = torch.randn(3, 3, generator=torch.Generator().manual_seed(4))
    gramian = gradients @ gradients.T - 3 * (1 - torch.eye(3))
    method = ProjectedWeighting()
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    found = [method.on_trunk(gramian, method.begin(torch.ones(3)), torch.tensor(key)) for key in (7, 7, *range(20))]
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(found[0], found[1])
    assert any(not torch.equal(found[0], other) for other in found[2:])


def test_famo_by_hand() -> None:
    """z = (1/2, 1/2), losses (1, 3): c = 1 / (1/2 + 1/6) = 3/2, so c z / L = (3/4, 1/4); times 2 tasks and their weights."""
    method = FamoWeighting(step=0.025, decay=0.001)
    state = method.begin(torch.tensor([1.0, 0.5]))
    losses = torch.tensor([1.0, 3.0], requires_grad=True)
    method.total(losses, state).backward()
    assert losses.grad is not None and losses.grad.tolist() == pytest.approx([1.5, 0.25])
    # Only the first loss fell: the first step of Adam is the whole rate, away from it.
    state = method.after_update(state, losses.detach(), torch.tensor([0.5, 3.0]))
    assert state["logits"].tolist() == pytest.approx([-0.025, 0.025], rel=1e-4)


def test_famo_with_unit_weights_is_torchjds() -> None:
    method, reference = FamoWeighting(step=0.1, decay=0.01), FAMO(3, lr=0.1, weight_decay=0.01)
    state = method.begin(torch.ones(3))
    generator = torch.Generator().manual_seed(0)
    for _ in range(6):
        before, after = (torch.rand(3, generator=generator) + 0.1 for _ in range(2))
        one, other = before.clone().requires_grad_(), before.clone().requires_grad_()
        method.total(one, state).backward()
        reference(other).backward()
        assert one.grad is not None and other.grad is not None
        torch.testing.assert_close(one.grad, 3 * other.grad)
        reference.update(after)
        state = method.after_update(state, before, after)
        torch.testing.assert_close(state["logits"], reference._w.detach())


def test_famo_leaves_out_a_task_without_labels() -> None:
    method, pair = FamoWeighting(step=0.1, decay=0.0), FamoWeighting(step=0.1, decay=0.0)
    state, alone = method.begin(torch.ones(3)), pair.begin(torch.ones(2))
    losses, others = torch.tensor([0.5, 0.0, 2.0], requires_grad=True), torch.tensor([0.5, 2.0], requires_grad=True)
    method.total(losses, state).backward()
    pair.total(others, alone).backward()
    assert losses.grad is not None and others.grad is not None
    assert losses.grad[1] == 0 and losses.grad[[0, 2]].tolist() == pytest.approx(others.grad.tolist())
    after = method.after_update(state, losses.detach(), torch.tensor([0.4, 0.0, 1.0]))["logits"]
    assert after[1] == 0
    assert after[[0, 2]].tolist() == pytest.approx(
        pair.after_update(alone, others.detach(), torch.tensor([0.4, 1.0]))["logits"].tolist()
    )
    nothing = torch.zeros(3)
    assert method.total(nothing, state) == 0
    assert torch.equal(method.after_update(state, nothing, nothing)["logits"], state["logits"])


def test_rlw_is_a_softmax_of_normal_draws() -> None:
    """Factors of mean 1; the logarithm of the ratio of two is a difference of two normal numbers, of variance 2."""
    method = RandomWeighting()
    state = method.begin(torch.ones(3, dtype=torch.float64))
    found = torch.stack([method.weights(method.before_step(state, torch.tensor(key * 7919))) for key in range(4000)])
    assert (found > 0).all() and found.sum(1).tolist() == pytest.approx([3.0] * 4000)
    assert found.mean(0).tolist() == pytest.approx([1.0] * 3, abs=0.05)
    ratios = (found[:, 0] / found[:, 1]).log()
    assert ratios.mean().item() == pytest.approx(0, abs=0.1) and ratios.var().item() == pytest.approx(2, abs=0.2)
    assert (ratios.abs() < math.sqrt(2)).double().mean().item() == pytest.approx(0.6827, abs=0.03)


def test_rlw_follows_the_key_alone_and_keeps_the_tasks_weights() -> None:
    method = RandomWeighting()
    plain, weighted = method.begin(torch.ones(2)), method.begin(torch.tensor([1.0, 0.25]))
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    one, again, other = (method.weights(method.before_step(plain, torch.tensor(key))) for key in (3, 3, 4))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert torch.equal(method.weights(method.before_step(weighted, torch.tensor(3))), one * torch.tensor([1.0, 0.25]))
