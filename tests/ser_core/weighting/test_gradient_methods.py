"""Methods that combine gradients, against numbers by hand, a search by brute force, or the solver that torchjd itself uses."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import Tensor

from ser_core.errors import SettingError
from ser_core.weighting import WEIGHTINGS
from ser_core.weighting.aligned_mtl import SCALES, AlignedMtl
from ser_core.weighting.gramian import GramianWeighting
from ser_core.weighting.weighting import Weighting
from tests.conftest import Configure

KEY = torch.tensor(5)
METHODS = [name for name in WEIGHTINGS if isinstance(WEIGHTINGS[name]().build(), GramianWeighting)]
TWO = torch.tensor([[2.0, 0.0], [-1.0, 1.0]], dtype=torch.float64)
"""Gradients of length 2 and sqrt 2 at 135 degrees."""
THREE = torch.tensor([[2.0, -1.0, 0.5], [-1.5, 1.0, 1.0], [0.5, 0.3, -1.0]], dtype=torch.float64)
"""Gradients of which two pairs conflict."""
PRIOR = (1.0, 0.5, 0.2)


def factors(name: str, gradients: Tensor, prior: Sequence[float] = (), method: Weighting | None = None) -> Tensor:
    """The factor of each gradient, which are the rows of `gradients`."""
    method = method or WEIGHTINGS[name]().build()
    weights = torch.tensor(prior or [1.0] * len(gradients), dtype=gradients.dtype)
    return method.on_trunk(gradients @ gradients.T, method.begin(weights), KEY)


def drawn(seed: int, tasks: int = 3) -> Tensor:
    return torch.randn(tasks, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_table_has_those_that_combine_gradients() -> None:
    assert METHODS == ["mgda", "cagrad", "nash_mtl", "imtl_g", "aligned_mtl", "upgrad"]


@pytest.mark.parametrize("name", [name for name in METHODS if name != "cagrad"])
def test_equal_orthogonal_gradients_get_the_tasks_weights(name: str) -> None:
    """All but CAGrad are then fixed weights; its step also has a part of length c |s| along the worst combination."""
    assert factors(name, 3 * torch.eye(3, dtype=torch.float64), PRIOR).tolist() == pytest.approx(PRIOR, rel=1e-5)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("size", [1e-4, 1e3])
def test_the_common_size_of_the_gradients_does_not_matter(name: str, size: float) -> None:
    assert torch.allclose(factors(name, size * THREE, PRIOR), factors(name, THREE, PRIOR), rtol=1e-4)


@pytest.mark.parametrize("name", METHODS)
def test_a_task_without_a_gradient_takes_no_part(name: str) -> None:
    with_it = torch.cat([THREE[:1], torch.zeros(1, 3, dtype=torch.float64), THREE[1:]])
    found = factors(name, with_it, (1.0, 9.0, 0.5, 0.2))
    assert found[1] == 0
    assert torch.equal(found[[0, 2, 3]], factors(name, THREE, PRIOR))
    alone = torch.stack([THREE[0], torch.zeros(3, dtype=torch.float64)])
    assert factors(name, alone, (0.3, 0.7)).tolist() == [0.3, 0.7]


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_gradients_that_are_not_finite_are_left_to_the_check_of_the_epoch(name: str, bad: float) -> None:
    gramian = torch.tensor([[1.0, bad], [bad, 2.0]])
    method = WEIGHTINGS[name]().build()
    assert method.on_trunk(gramian, method.begin(torch.tensor([1.0, 0.5])), KEY).tolist() == [1.0, 0.5]


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("rows", [([1.0, 2.0], [1.0, 2.0]), ([1.0, 2.0], [-1.0, -2.0]), ([1e-8, 0.0], [0.0, 1e4])])
def test_equal_opposite_and_unequal_gradients_have_finite_factors(name: str, rows: tuple[list[float], ...]) -> None:
    for kind in (torch.float32, torch.float64):
        assert factors(name, torch.tensor(rows, dtype=kind), (1.0, 0.5)).isfinite().all()


def test_mgda_of_two_is_the_nearest_point_of_the_segment() -> None:
    """<g1, g1> = 4, <g1, g2> = -2, <g2, g2> = 2: a1 = (2 + 2) / (4 + 4 + 2) = .4, and the factors are 2 (.4, .6)."""
    assert factors("mgda", TWO).tolist() == pytest.approx([0.8, 1.2])
    assert factors("mgda", TWO, (1.0, 0.5)).tolist() == pytest.approx([0.8, 0.6])
    # A gradient that lies within the reach of the other: the shorter one alone.
    assert factors("mgda", torch.tensor([[1.0, 0.0], [3.0, 1.0]])).tolist() == pytest.approx([2.0, 0.0])


@pytest.mark.parametrize("seed", range(4))
def test_mgda_is_the_shortest_average(seed: int) -> None:
    gradients = drawn(seed)
    steps = [weights for weights in itertools.product(np.linspace(0, 1, 101), repeat=2) if sum(weights) <= 1]
    averages = np.array([[one, other, 1 - one - other] for one, other in steps]) @ gradients.numpy()
    shortest = np.linalg.norm(averages, axis=1).min()
    assert (factors("mgda", gradients) / 3 @ gradients).norm().item() == pytest.approx(shortest, rel=0.02)


def test_imtl_g_of_two_by_hand() -> None:
    """For two, a_i is in proportion to 1 / |g_i|: lengths 2 and sqrt 2."""
    expected = [2 / (1 + math.sqrt(2)), 2 * math.sqrt(2) / (1 + math.sqrt(2))]
    assert factors("imtl_g", TWO).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(4))
def test_imtl_g_projects_equally_on_every_gradient(seed: int) -> None:
    gradients = drawn(seed, tasks=4)
    found = factors("imtl_g", gradients)
    projections = (found @ gradients) @ (gradients / gradients.norm(dim=1, keepdim=True)).T
    assert projections.tolist() == pytest.approx([projections[0].item()] * 4)
    assert found.sum().item() == pytest.approx(4)


@pytest.mark.parametrize("scale", SCALES)
def test_aligned_gradients_have_condition_number_1(scale: str) -> None:
    """Column i of B is what the preference for task i alone gives."""
    method = AlignedMtl(scale=scale).build()
    columns = [factors("", THREE, row.tolist(), method) for row in torch.eye(3, dtype=torch.float64)]
    singular = torch.linalg.svdvals(torch.stack(columns) @ THREE)
    lengths = torch.linalg.svdvals(THREE)
    expected = {"min": lengths[2], "median": lengths[1], "rmse": lengths.square().mean().sqrt()}[scale]
    assert singular.tolist() == pytest.approx([expected.item()] * 3)
    assert torch.allclose(factors("", THREE, PRIOR, method), torch.tensor(PRIOR, dtype=torch.float64) @ torch.stack(columns))


def test_aligned_mtl_of_two_by_hand() -> None:
    """G = [[5, 3], [3, 5]] has the roots sqrt 8 and sqrt 2 of its values: B = [[.75, -.25], [-.25, .75]]."""
    gradients = torch.linalg.cholesky(torch.tensor([[5.0, 3.0], [3.0, 5.0]], dtype=torch.float64))
    assert factors("aligned_mtl", gradients, (1.0, 0.5)).tolist() == pytest.approx([0.625, 0.125])


def test_an_unknown_scale_is_refused(configure: Configure) -> None:
    with pytest.raises(SettingError, match=r"weighting\.scale must be one of min, median, rmse"):
        configure("weighting=aligned_mtl", "weighting.scale=mean")


def test_upgrad_of_two_by_hand() -> None:
    """<g1, g2> = -2: g1 becomes g1 + 2/2 g2 and g2 becomes g2 + 2/4 g1, so the factors are (1.5, 2)."""
    assert factors("upgrad", TWO).tolist() == pytest.approx([1.5, 2.0])
    assert factors("upgrad", TWO, (1.0, 0.5)).tolist() == pytest.approx([1.25, 1.5])


@pytest.mark.parametrize("seed", range(4))
def test_upgrad_projects_onto_the_dual_cone(seed: int) -> None:
    """The nearest vectors themselves, found by SLSQP, in place of their weights."""
    gradients = drawn(seed).numpy()
    cone = {"type": "ineq", "fun": lambda vector: gradients @ vector, "jac": lambda vector: gradients}
    total = np.zeros(5)
    for weight, gradient in zip(PRIOR, gradients, strict=True):
        target = weight * gradient
        found = scipy.optimize.minimize(
            lambda vector, target=target: ((vector - target) ** 2).sum(),
            np.zeros(5),
            method="SLSQP",
            constraints=cone,
            options={"ftol": 1e-14, "maxiter": 500},
        )
        total += found.x
    step = factors("upgrad", drawn(seed), PRIOR).numpy() @ gradients
    assert step == pytest.approx(total, abs=1e-5)
    assert (gradients @ step > -1e-6).all()


def test_upgrad_is_torchjds_with_its_own_solver() -> None:
    """QuadprogProjector(norm_eps=0, reg_eps=1e-12) of torchjd 0.18, run once with quadprog 0.1.14."""
    expected = [1.398485519824205, 1.8621651387138098, 1.8701641693321165]
    assert factors("upgrad", THREE, PRIOR).tolist() == pytest.approx(expected, rel=1e-6)


def test_upgrad_without_conflicts_is_fixed() -> None:
    assert factors("upgrad", THREE.abs(), PRIOR).tolist() == pytest.approx(PRIOR)


def serves(step: np.ndarray, gradients: np.ndarray) -> float:
    return float((gradients @ step).min())


@pytest.mark.parametrize("seed", range(4))
def test_cagrad_serves_the_worst_task_best_within_its_ball(seed: int) -> None:
    """Against 20,000 directions from the sum, all of the length that the ball allows."""
    gradients = drawn(seed).numpy()
    total = np.array(PRIOR) @ gradients
    radius = 0.4 * np.linalg.norm(total)
    step = factors("cagrad", drawn(seed), PRIOR).numpy() @ gradients
    assert np.linalg.norm(step - total) <= radius * (1 + 1e-6)
    directions = np.random.default_rng(seed).normal(size=(20000, 5))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    best = max(serves(total + radius * each, gradients) for each in directions)
    assert serves(step, gradients) >= best > serves(total, gradients)


def test_cagrad_is_torchjds_with_its_own_solver() -> None:
    """CAGradWeighting(0.4) of torchjd 0.18, run once with cvxpy 1.9.3 and clarabel 0.11.1; times 3, because it takes the mean."""
    expected = [0.3333333370326304, 0.4275574455228802, 0.4314211987069171]
    assert (factors("cagrad", THREE) / 3).tolist() == pytest.approx(expected, rel=1e-4)


def test_cagrad_by_hand_and_its_limits(configure: Configure) -> None:
    """Two unit gradients at a right angle: v = (.5, .5), so d = s (1 + c) and the factors are 1 + c."""
    assert factors("cagrad", torch.eye(2, dtype=torch.float64)).tolist() == pytest.approx([1.4, 1.4])
    still = WEIGHTINGS["cagrad"](c=0).build()  # type: ignore[call-arg]
    assert factors("", THREE, PRIOR, still).tolist() == pytest.approx(PRIOR)
    with pytest.raises(SettingError, match=r"weighting\.c must be at least 0"):
        configure("weighting=cagrad", "weighting.c=-1")


def test_nash_mtl_of_two_by_hand() -> None:
    """a_i = 1 / (|g_i| sqrt(1 + cos)), cos = -1 / sqrt 2; lengths over their mean square (3): 2 / sqrt 3, sqrt(2 / 3)."""
    shared = 1 / math.sqrt(1 - 1 / math.sqrt(2))
    expected = [shared * math.sqrt(3) / 2, shared * math.sqrt(3 / 2)]
    assert factors("nash_mtl", TWO).tolist() == pytest.approx(expected, rel=1e-5)
    assert factors("nash_mtl", TWO, (1.0, 0.5)).tolist() == pytest.approx([expected[0], expected[1] / 2], rel=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_nash_mtl_solves_its_equation_and_nobody_loses(seed: int) -> None:
    gradients = drawn(seed, tasks=4)
    gradients = gradients / gradients.square().sum(1).mean().sqrt()
    found = factors("nash_mtl", gradients)
    step = found @ gradients
    assert (gradients @ step * found).tolist() == pytest.approx([1.0] * 4, rel=1e-3)
    assert (gradients @ step > 0).all() and step.norm().item() == pytest.approx(2, rel=1e-3)


def test_nash_mtl_is_torchjds_with_its_own_solver() -> None:
    """NashMTL(3) of torchjd 0.18, run once with cvxpy 1.9.3 and ecos 2.0.14, has other lengths but the same direction."""
    found = factors("nash_mtl", THREE)
    assert (found / found.sum()).tolist() == pytest.approx([0.24370298, 0.35577387, 0.40052315], rel=1e-5)


def test_nash_mtl_of_opposite_gradients_stays_within_its_length() -> None:
    gradients = torch.tensor([[1.0, 0.0], [-1.0, 1e-9]], dtype=torch.float64)
    found = factors("nash_mtl", gradients)
    assert found.isfinite().all() and (found @ gradients).norm() <= math.sqrt(2)
