"""Mixup is a pure function of the step's key; its losses are those of mixed labels, written out."""

import dataclasses
import math

import pytest
import torch

from ser_core.config.compose import compose
from ser_core.dataset.dataset import Dataset
from ser_core.errors import SettingError
from ser_core.keyed_dropout import DropoutKey
from ser_core.mixup import Mixup, Partners
from ser_core.model import build_model
from ser_core.tasks import Tasks
from ser_core.tasks.dimensions import Dimensions
from ser_core.tasks.emotion import Emotion
from tests.conftest import Configure
from tests.ser_core.tasks.made import CORPUS

PARTNERS = Partners(torch.tensor([1, 0, 3, 2, 5, 4, 7, 6]), torch.tensor([0.75, 0.5, 1.0, 0.25, 0.9, 1.0, 0.6, 0.6]))


def drawn(probability: float = 1.0, alpha: float = 0.2, size: int = 3000, seed: int = 5) -> Partners:
    partners = Mixup(probability, alpha)(size, DropoutKey(torch.tensor(seed)))
    assert partners is not None
    return partners


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_are_of_the_beta_distribution_and_partners_a_permutation(alpha: float) -> None:
    """Mean 1/2 and variance 1 / (4 (2 alpha + 1)) of Beta(alpha, alpha)."""
    partners = drawn(alpha=alpha)
    assert partners.rows.sort().values.tolist() == list(range(3000))
    assert partners.own.mean() == pytest.approx(0.5, abs=0.03)
    assert partners.own.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.08)


def test_a_share_of_the_steps_is_mixed_and_evaluation_never() -> None:
    whole = [bool((drawn(0.3, seed=seed, size=4).own == 1).all()) for seed in range(400)]
    assert sum(whole) / 400 == pytest.approx(0.7, abs=0.08)
    assert Mixup(1.0, 0.2)(8, DropoutKey(None)) is None
    assert torch.equal(drawn(seed=1).own, drawn(seed=1).own) and not torch.equal(drawn(seed=1).own, drawn(seed=2).own)


def test_values_are_mixed_pair_by_pair() -> None:
    values = torch.tensor([[8.0, 0], [0, 4], [1, 1], [3, 3], [0, 0], [5, 5], [math.nan, 1], [2, 2]])
    mixed = PARTNERS.mix(values)
    expected = [[6, 1], [4, 2], [1, 1], [1.5, 1.5], [0.5, 0.5], [5, 5], [math.nan, 1.4], [math.nan, 1.6]]
    assert torch.allclose(mixed, torch.tensor(expected), equal_nan=True)


@pytest.mark.parametrize(
    "task",
    [
        Emotion(label_smoothing=0.0, class_weights="none"),
        Emotion(label_smoothing=0.0, class_weights="none", target="votes"),
        Emotion(label_smoothing=0.0, class_weights="none", loss="kl"),
    ],
)
def test_the_class_loss_is_that_of_mixed_labels(task: Emotion) -> None:
    head, targets = task.build(CORPUS, 6, 6, 0.0), task.targets(CORPUS)
    output = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    labels = CORPUS.column("emotion").tolist()
    shares = [[float(label == name) for name in CORPUS.classes] if label else None for label in labels]
    if task.target == "votes":
        shares[1] = [0.75, 0.25, 0.0]
    terms = []
    for row, (partner, own) in enumerate(zip(PARTNERS.rows.tolist(), PARTNERS.own.tolist(), strict=True)):
        one, other = shares[row], shares[partner]
        if one is None or (own < 1 and other is None):
            continue
        mixture = one if own == 1 else [own * a + (1 - own) * b for a, b in zip(one, other or [], strict=True)]
        scores = output[row].tolist()
        total = math.log(sum(math.exp(score) for score in scores))
        entropy = sum(-q * math.log(q) for q in mixture if q) if task.loss == "kl" else 0.0
        terms.append(sum(q * (total - score) for q, score in zip(mixture, scores, strict=True)) - entropy)
    assert head.loss(output, head.mix(targets, PARTNERS)).item() == pytest.approx(sum(terms) / len(terms), rel=1e-5)


def test_ratings_are_mixed_and_an_unrated_one_mixes_to_none() -> None:
    task = Dimensions(weight=1, loss="mse")
    head, targets = task.build(CORPUS, 6, 6, 0.0), task.targets(CORPUS)
    output = torch.full((8, 2), 0.5)
    total, count = 0.0, 0
    for row, (partner, own) in enumerate(zip(PARTNERS.rows.tolist(), PARTNERS.own.tolist(), strict=True)):
        for one, other in zip(targets[row].tolist(), targets[partner].tolist(), strict=True):
            aim = one if own == 1 else own * one + (1 - own) * other
            if not math.isnan(aim):
                total, count = total + (0.5 - aim) ** 2, count + 1
    assert head.loss(output, head.mix(targets, PARTNERS)).item() == pytest.approx(total / count, rel=1e-5)


def test_the_model_mixes_what_the_heads_read_in_training_alone(configure: Configure, inputs: Dataset) -> None:
    plain, mixing = (
        build_model(configure("model.dropout=0", "model.fusion=concat", *more), inputs, torch.arange(48), 1)
        for more in ((), ("optim.mixup=1", "optim.mixup_alpha=1"))
    )
    batch, key = inputs.batch(list(range(0, 96, 7))), DropoutKey(torch.tensor(3))
    assert torch.equal(plain(batch, DropoutKey(None))[0]["emotion"], mixing(batch, DropoutKey(None))[0]["emotion"])
    assert mixing.mixup is not None
    partners = mixing.mixup(len(batch.rows), key)
    outputs, losses = mixing(batch, key)
    head = mixing.heads["emotion"]
    z = plain.views(batch.streams, key).fused
    pairs = zip(partners.rows.tolist(), partners.own.tolist(), strict=True)
    expected = torch.stack([own * z[row] + (1 - own) * z[other] for row, (other, own) in enumerate(pairs)])
    assert torch.allclose(outputs["emotion"], head.out(expected), atol=1e-5)  # type: ignore[operator]
    assert not torch.equal(losses["emotion"], plain(batch, key)[1]["emotion"])


def test_stacked_models_are_mixed_as_each_alone(configure: Configure, inputs: Dataset) -> None:
    models = [build_model(configure("optim.mixup=.5", "optim.mixup_alpha=1"), inputs, torch.arange(48), seed) for seed in (1, 2)]
    batch, keys = inputs.batch(list(range(0, 96, 7))), torch.tensor([11, 2**50])
    parameters, buffers = torch.func.stack_module_state(list(models))  # type: ignore[arg-type]

    def loss(state: dict[str, torch.Tensor], key: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(models[0], state, (batch, DropoutKey(key)))[1]["emotion"]

    together = torch.func.vmap(loss)({**parameters, **buffers}, keys)
    alone = torch.stack([model(batch, DropoutKey(key))[1]["emotion"] for model, key in zip(models, keys, strict=True)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_what_compares_utterances_reads_them_unmixed(configure: Configure, inputs: Dataset) -> None:
    tasks = ("tasks.contrast.weight=.1", "tasks.transcript.weight=.1", "model.dropout=0")
    plain, mixing = (
        build_model(configure(*tasks, *more), inputs, torch.arange(48), 1)
        for more in ((), ("optim.mixup=1", "optim.mixup_alpha=1"))
    )
    targets = Tasks().targets(inputs.corpus)
    batch = dataclasses.replace(inputs, targets=targets).batch(list(range(0, 96, 7)))
    one, other = (model(batch, DropoutKey(torch.tensor(3)))[1] for model in (plain, mixing))
    assert {name for name in one if torch.equal(one[name], other[name])} == {"contrast", "transcript"}


def test_what_cannot_be_mixed_is_refused() -> None:
    with pytest.raises(SettingError, match=r"set tasks\.dimensions\.memory=0 or optim\.mixup=0"):
        compose(["optim.mixup=.3", "tasks.dimensions.memory=8"])
    with pytest.raises(SettingError, match=r"optim\.mixup must be from 0 to 1"):
        compose(["optim.mixup=2"])
