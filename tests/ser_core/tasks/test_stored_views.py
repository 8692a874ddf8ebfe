"""Augmented contrast over stored views against its formulas, written out utterance by utterance."""

import dataclasses
import math

import pandas as pd
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from ser_core.keyed_dropout import DropoutKey
from ser_core.tasks import Head, Memory
from ser_core.tasks.augmented_contrast import AugmentedContrast
from tests.ser_core.tasks.made import CORPUS, leaf, views

TAU = 0.3
VARIANTS = ("standard", "paper_code")


def head_of(variant: str) -> Head:
    task = AugmentedContrast(temperature=TAU, variant=variant, views="waveform", projection=5)
    return task.build(CORPUS, 6, 6, 0.0)


def drawn(seed: int, batch: int = 7) -> tuple[Tensor, Tensor]:
    """Projections h and h' side by side; the third utterance has no version, and the last is the first once more."""
    output = torch.randn(batch, 10, generator=torch.Generator().manual_seed(seed))
    numbers = [*range(batch - 1), 0]
    return output, torch.tensor([[-1 if number == 2 else number, number] for number in numbers])


def formula(variant: str, output: Tensor, numbers: list[int]) -> float:
    """InfoNCE in both directions on cosines; or, as in MMER's code, -log softmax of h h' / tau at the utterance's own version."""
    h, seen = output.double().chunk(2, -1)
    if variant == "standard":
        h, seen = normalize(h, dim=-1), normalize(seen, dim=-1)
    likeness = [[math.exp(float(one @ other) / TAU) for other in seen] for one in h]
    known, terms = [place for place, number in enumerate(numbers) if number != 2], []
    for i in known:
        others = [j for j in known if numbers[j] != numbers[i]]
        forth = -math.log(likeness[i][i] / (likeness[i][i] + sum(likeness[i][j] for j in others)))
        back = -math.log(likeness[i][i] / (likeness[i][i] + sum(likeness[j][i] for j in others)))
        terms.append((forth + back) / 2 if variant == "standard" else forth)
    return sum(terms) / len(terms)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_loss_is_its_formula(variant: str, seed: int) -> None:
    output, targets = drawn(seed)
    expected = formula(variant, output, targets[:, 1].tolist())
    assert head_of(variant).loss(output, targets).item() == pytest.approx(expected, rel=1e-4)


def test_versions_that_are_remembered_are_further_negatives() -> None:
    output, targets = drawn(1, batch=6)
    output = output / 4
    targets[-1] = 5
    past = Memory.blank(9, 10, targets).extended(output[1:], targets[1:])
    alone = head_of("paper_code").loss(output[:1], targets[:1], past).item()
    h, seen = output.chunk(2, -1)
    below = sum(math.exp(float(h[0] @ seen[row]) / TAU) for row in (0, 1, 3, 4, 5))
    assert alone == pytest.approx(-math.log(math.exp(float(h[0] @ seen[0]) / TAU) / below), rel=1e-4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_versions_nothing_is_lost_and_nothing_pulls(variant: str) -> None:
    head, frames = head_of(variant), leaf(6)
    loss = head.loss(head(views(frames), DropoutKey(None)), torch.arange(8)[:, None].expand(-1, 2))
    loss.backward()
    assert loss.item() == 0 and frames.grad is not None and not frames.grad.any()


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_head_projects_the_version_beside_the_utterance(variant: str) -> None:
    head, one, other = head_of(variant), views(leaf(6)), views(leaf(6, seed=3))
    output = head(dataclasses.replace(one, other=other), DropoutKey(None))
    swapped = head(dataclasses.replace(other, other=one), DropoutKey(None))
    assert output.shape == (8, head.outputs) == (8, 10)
    assert torch.equal(output.chunk(2, -1)[0], swapped.chunk(2, -1)[1]) == (variant == "standard")
    assert not torch.allclose(output.chunk(2, -1)[0], output.chunk(2, -1)[1])


def test_the_group_of_a_stored_view_is_its_utterance() -> None:
    everyone = [[row, row] for row in range(8)]
    assert AugmentedContrast(views="waveform").targets(CORPUS).tolist() == everyone
    task, cells = AugmentedContrast(views="column"), pd.DataFrame({"augmented_file": ["", "a.wav; b.wav"] * 4, "asr": "x"})
    assert not task.available(CORPUS) and not task.available(dataclasses.replace(CORPUS, further=cells[["asr"]]))
    corpus = dataclasses.replace(CORPUS, further=cells)
    assert task.available(corpus)
    assert task.targets(corpus).tolist() == [[row if row % 2 else -1, row] for row in range(8)]


def test_what_is_stored_is_what_the_knobs_say() -> None:
    made = [AugmentedContrast(weight=weight, views="waveform", augmentations=["noise:3"]) for weight in (0.1, 0.0)]
    assert [one.stored for one in made] == [["waveform", "noise:3"], []]
    assert AugmentedContrast(weight=0.1, views="column").stored == ["column"]
    assert AugmentedContrast(weight=0.1).stored == []
