"""Contrasts against their formulas, written out pair by pair; a memory stands for a larger batch."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from ser_core.keyed_dropout import DropoutKey
from ser_core.tasks import Head, Memory
from ser_core.tasks.augmented_contrast import AugmentedContrast, sentences
from ser_core.tasks.contrast import Contrast
from ser_core.tasks.pairs import paired
from tests.ser_core.tasks.made import CORPUS, leaf, views

TAU = 0.2


def drawn(seed: int, dims: int = 5) -> tuple[Tensor, Tensor]:
    """Nine outputs, and the groups they belong to: some alone, one in none."""
    generator = torch.Generator().manual_seed(seed)
    groups = torch.tensor([0, 1, 0, 2, -1, 1, 0, 3, 1])
    return torch.randn(9, dims, generator=generator), torch.stack([groups, torch.arange(9)], dim=1)


def supcon(h: Tensor, groups: list[int]) -> float:
    """Khosla et al. 2020, L_out: sums over positives and over everybody but the anchor."""
    u, known, terms = normalize(h, dim=-1), [i for i, g in enumerate(groups) if g >= 0], []
    for i in known:
        positives = [p for p in known if p != i and groups[p] == groups[i]]
        below = sum(math.exp(float(u[i] @ u[a]) / TAU) for a in known if a != i)
        logs = [math.log(math.exp(float(u[i] @ u[p]) / TAU) / below) for p in positives]
        terms += [-sum(logs) / len(logs)] if logs else []
    return sum(terms) / len(terms)


def mmer_contrast(h: Tensor, groups: list[int]) -> float:
    """MMER's code: inner products, everybody with itself too, the logarithm divided by the temperature."""
    known, terms = [i for i, g in enumerate(groups) if g >= 0], []
    for i in known:
        below = sum(math.exp(float(h[i] @ h[a])) for a in known)
        terms += [math.log(math.exp(float(h[i] @ h[j])) / below) / TAU for j in known if groups[j] == groups[i]]
    return -sum(terms) / len(terms)


def info_nce(h: Tensor, groups: list[int]) -> float:
    """Both directions of each pair, each against the utterances of other groups."""
    u, known, terms = normalize(h, dim=-1), [i for i, g in enumerate(groups) if g >= 0], []
    for i in known:
        for p in known:
            if p != i and groups[p] == groups[i]:
                likeness = [math.exp(float(u[i] @ u[p]) / TAU)]
                forth = sum(likeness + [math.exp(float(u[i] @ u[n]) / TAU) for n in known if groups[n] != groups[i]])
                back = sum(likeness + [math.exp(float(u[n] @ u[p]) / TAU) for n in known if groups[n] != groups[i]])
                terms.append(-(math.log(likeness[0] / forth) + math.log(likeness[0] / back)) / 2)
    return sum(terms) / len(terms)


def mmer_augmented(h: Tensor, groups: list[int]) -> float:
    """MMER's code: inner products of anchors and views over the temperature, cross-entropy over every other view."""
    anchors, seen = h.chunk(2, -1)
    known, terms = [i for i, g in enumerate(groups) if g >= 0], []
    for i in known:
        below = sum(math.exp(float(anchors[i] @ seen[a]) / TAU) for a in known if a != i)
        same = [p for p in known if p != i and groups[p] == groups[i]]
        terms += [math.log(math.exp(float(anchors[i] @ seen[p]) / TAU) / below) for p in same]
    return -sum(terms) / len(terms)


FORMULAS: dict[str, tuple[Contrast | AugmentedContrast, int, Callable[[Tensor, list[int]], float]]] = {
    "contrast standard": (Contrast(temperature=TAU), 5, supcon),
    "contrast paper_code": (Contrast(temperature=TAU, variant="paper_code"), 5, mmer_contrast),
    "augmented standard": (AugmentedContrast(temperature=TAU), 5, info_nce),
    "augmented paper_code": (AugmentedContrast(temperature=TAU, variant="paper_code"), 10, mmer_augmented),
}


def head_of(kind: str) -> Head:
    return FORMULAS[kind][0].build(CORPUS, 6, 6, 0.0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", FORMULAS)
def test_the_loss_is_its_formula(kind: str, seed: int) -> None:
    _, dims, formula = FORMULAS[kind]
    output, targets = drawn(seed, dims)
    assert head_of(kind).loss(output, targets).item() == pytest.approx(formula(output, targets[:, 0].tolist()), rel=1e-4)


@pytest.mark.parametrize("kind", FORMULAS)
def test_without_pairs_nothing_is_lost_and_nothing_pulls(kind: str) -> None:
    output, targets = drawn(0, FORMULAS[kind][1])
    output = output[[1, 3, 4]].requires_grad_()
    loss = head_of(kind).loss(output, targets[[1, 3, 4]])
    loss.backward()
    assert output.grad is not None and output.grad.isfinite().all()
    assert kind == "contrast paper_code" or (loss.item() == 0 and not output.grad.any())


@pytest.mark.parametrize("kind", ["contrast standard", "augmented paper_code"])
def test_a_memory_is_a_larger_batch_for_the_anchors_of_this_one(kind: str) -> None:
    """One anchor, everybody else remembered: its own term of the formula."""
    _, dims, formula = FORMULAS[kind]
    output, targets = drawn(1, dims)
    output[1:, : dims // 2 if kind.startswith("augmented") else 0] = 7.0  # anchors of others play no part
    past = Memory.blank(20, dims, targets).extended(output[1:], targets[1:])
    alone = head_of(kind).loss(output[:1], targets[:1], past).item()
    groups = [0 if group == 0 else 10 + row if group > 0 else -1 for row, group in enumerate(targets[:, 0].tolist())]
    if kind.startswith("contrast"):
        whole = [formula(output[order], [groups[row] for row in order]) for order in ([0, 2, 6, 1, 3, 5, 7, 8],)]
        others = [head_of(kind).loss(output[[row]], targets[[row]], blank(output, targets, row)).item() for row in (2, 6)]
        assert (alone + sum(others)) / 3 == pytest.approx(whole[0], rel=1e-4)
    else:
        anchor, seen = output[0].chunk(2)[0], output.chunk(2, -1)[1]
        scores = {row: float(anchor @ seen[row]) / TAU for row in (1, 2, 3, 5, 6, 7, 8)}
        below = math.log(sum(math.exp(score) for score in scores.values()))
        assert alone == pytest.approx(below - (scores[2] + scores[6]) / 2, rel=1e-4)


def blank(output: Tensor, targets: Tensor, row: int) -> Memory:
    """A memory of all rows but one."""
    kept = [each for each in range(len(output)) if each != row]
    return Memory.blank(20, output.shape[1], targets).extended(output[kept], targets[kept])


def test_an_older_projection_of_the_utterance_itself_is_no_pair() -> None:
    output, targets = drawn(2)
    past = Memory.blank(9, 5, targets).extended(output, targets)
    pairs = paired(output[:1], targets[:1], past)
    assert pairs.own.nonzero().tolist() == [[0, 0]]
    assert pairs.same.nonzero()[:, 1].tolist() == [3, 7] and not pairs.other[0, 1]


def test_nothing_pulls_at_what_is_remembered() -> None:
    output, targets = drawn(3)
    frames = output.requires_grad_()
    past = Memory.blank(9, 5, targets).extended(frames * 2, targets)
    assert not past.outputs.requires_grad
    assert len(past.extended(frames, targets).outputs) == 9


def test_a_sentence_is_script_text_and_emotion() -> None:
    said = sentences(CORPUS)
    assert said[0] == said[3] and said[1] == said[5] and said[4] == said[7] and said[2] == "" and len(set(said)) == 5


def test_anchors_and_views_have_projections_of_their_own_in_the_papers_code() -> None:
    head = head_of("augmented paper_code")
    output = head(views(leaf(6)), DropoutKey(None))
    anchors, seen = output.chunk(2, -1)
    assert output.shape[1] == head.outputs and not torch.allclose(anchors, seen)
