"""Stems standardise by the training part alone and start as the plain mean of the layers."""

import dataclasses

import torch

from ser_core.batch import pad
from ser_core.dataset.dataset import Channel
from ser_core.encoders.stems import ConcatenatedStem, FeatureStem, WordStem
from ser_core.keyed_dropout import DropoutKey

LENGTHS = (3, 5, 2, 4, 6)


def channel(poisoned: tuple[int, ...] = ()) -> Channel:
    generator = torch.Generator().manual_seed(0)
    scale = torch.tensor([1.0, 50.0])[:, None]
    sequences = [scale * (torch.randn(n, 2, 4, generator=generator) + 3) for n in LENGTHS]
    sequences = [sequence + 1e4 * (row in poisoned) for row, sequence in enumerate(sequences)]
    return Channel("speech", sequences, LENGTHS, 2, 4)


def stem(made: Channel, rows: torch.Tensor) -> FeatureStem:
    torch.manual_seed(0)
    built = made.stem(width=4, dropout=0.0)
    assert isinstance(built, FeatureStem)
    built.standardise_by(*made.statistics(rows))
    return built


def test_statistics_are_those_of_the_utterances_means() -> None:
    made, rows = channel(), torch.tensor([0, 2, 3])
    means = torch.stack([made.sequences[row].mean(0) for row in rows.tolist()])
    mean, deviation = made.statistics(rows)
    assert torch.allclose(mean, means.mean(0), atol=1e-4)
    assert torch.allclose(deviation, means.std(0, correction=0), rtol=1e-4)


def test_poisoned_rows_outside_the_training_part_change_nothing() -> None:
    rows = torch.tensor([0, 2, 3])
    clean, poisoned = (stem(made, rows) for made in (channel(), channel(poisoned=(1, 4))))
    assert all(torch.equal(a, b) for a, b in zip(clean.state_dict().values(), poisoned.state_dict().values(), strict=True))
    assert not torch.equal(channel(poisoned=(0,)).statistics(rows)[0], clean.mean)


def test_the_mixture_starts_as_the_plain_mean_of_standardised_layers() -> None:
    made, rows = channel(), torch.arange(5)
    built = stem(made, rows)
    with torch.no_grad():
        built.project.copy_(torch.eye(4).expand(2, 4, 4))
        built.bias.zero_()
    raw = pad([made.sequences[row] for row in range(5)])
    mean, deviation = made.statistics(rows)
    expected = ((raw.steps - mean) / deviation).mean(-2)
    found = built(raw, DropoutKey(None))
    assert torch.allclose(found.steps[raw.mask], expected[raw.mask], atol=1e-4)
    assert not found.steps[~raw.mask].any()


def test_layers_can_be_chosen_by_their_weights() -> None:
    made, rows = channel(), torch.arange(5)
    built = stem(made, rows)
    with torch.no_grad():
        built.layer_scores.copy_(torch.tensor([0.0, 50.0]))
    raw = pad([made.sequences[0]])
    mean, deviation = made.statistics(rows)
    expected = ((raw.steps - mean) / deviation)[:, :, 1] @ built.project[1] + built.bias
    assert torch.allclose(built(raw, DropoutKey(None)).steps, expected, atol=1e-4)


def test_concat_is_one_linear_over_all_layers_side_by_side() -> None:
    made, rows = dataclasses.replace(channel(), reader=ConcatenatedStem), torch.arange(5)
    built = stem(made, rows)
    assert isinstance(built, ConcatenatedStem) and not any("layer_scores" in name for name, _ in built.named_parameters())
    raw = pad([made.sequences[0]])
    mean, deviation = made.statistics(rows)
    linear = torch.nn.Linear(8, 4)
    linear.weight.data, linear.bias.data = built.project.detach().reshape(8, 4).T, built.bias.detach()
    assert torch.allclose(built(raw, DropoutKey(None)).steps, linear(((raw.steps - mean) / deviation).flatten(-2)), atol=1e-5)
    assert 0.3 < built.project.abs().max() / 8**-0.5 <= 1


def test_a_dimension_that_never_varies_stays_finite() -> None:
    made = Channel("speech", [torch.ones(3, 1, 4), torch.ones(2, 1, 4)], (3, 2), 1, 4)
    built = stem(made, torch.arange(2))
    assert built(pad([made.sequences[0]]), DropoutKey(None)).steps.isfinite().all()
    assert torch.equal(built.scale, torch.ones(1, 4))


def test_means_are_one_vector_per_utterance() -> None:
    made = channel()
    assert torch.allclose(made.columns()[1], made.sequences[1].mean(0).flatten(), atol=1e-4)
    words = Channel("text", [torch.tensor([1, 3, 3]), torch.tensor([0])], (3, 1), 0, 5)
    assert words.columns().tolist() == [[0, 1, 0, 2, 0], [1, 0, 0, 0, 0]]


def test_no_text_is_the_zero_vector_and_stays_it() -> None:
    built = Channel("text", [], (), 0, 5).stem(width=4, dropout=0.0)
    assert isinstance(built, WordStem)
    stream = built(pad([torch.tensor([0]), torch.tensor([2, 4])]), DropoutKey(None))
    assert not stream.steps[0].any() and stream.steps[1].any()
    stream.steps.sum().backward()
    assert built.embed.weight.grad is not None and not built.embed.weight.grad[0].any()
