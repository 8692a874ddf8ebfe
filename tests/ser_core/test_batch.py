"""Streams keep their mask; an epoch shows every utterance once, or emotions alike, in a seeded order, never alone."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ser_core.batch import BATCHINGS, Batch, Stream, balanced_shares, batches_by_length, batches_within_length, pad

LENGTHS = st.lists(st.integers(1, 50), min_size=1, max_size=200)


def drawn(lengths: list[int], size: int, seed: int = 0, batching: str = "count") -> list[list[int]]:
    return list(BATCHINGS[batching](lengths, size, torch.Generator().manual_seed(seed)))


def padded(lengths: list[int], batches: list[list[int]]) -> int:
    """Steps of these batches, padding counted."""
    return sum(max(lengths[position] for position in batch) * len(batch) for batch in batches)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=5))
def test_padding_is_zero_and_outside_the_mask(lengths: list[int]) -> None:
    sequences = [torch.rand(length, 2, 3) + 1 for length in lengths]
    stream = pad(sequences)
    assert stream.mask.sum(1).tolist() == lengths
    assert stream.steps.shape == (len(lengths), max(1, *lengths) if len(lengths) > 1 else max(1, lengths[0]), 2, 3)
    assert torch.equal(stream.steps[~stream.mask], torch.zeros_like(stream.steps[~stream.mask]))
    for row, sequence in enumerate(sequences):
        assert torch.equal(stream.steps[row][stream.mask[row]], sequence)


def test_padding_keeps_the_type_of_word_numbers() -> None:
    assert pad([torch.tensor([1, 2]), torch.tensor([3])]).steps.tolist() == [[1, 2], [3, 0]]


def test_the_mean_counts_real_steps_alone() -> None:
    sequences = [torch.rand(length, 4) for length in (1, 5, 3)]
    expected = torch.stack([sequence.mean(0) for sequence in sequences])
    assert torch.allclose(pad(sequences).mean(), expected)
    nothing = Stream(torch.zeros(1, 3, 4), torch.zeros(1, 3, dtype=torch.bool))
    assert torch.equal(nothing.mean(), torch.zeros(1, 4))


def test_a_batch_moves_whole() -> None:
    stream = pad([torch.ones(2, 3)])
    batch = Batch({"speech": stream}, {"emotion": torch.tensor([1])}, torch.tensor([0]), {"speech": stream})
    moved = batch.to(torch.device("meta"))
    heard = [each for streams in (moved.streams, moved.views) for each in (streams["speech"].steps, streams["speech"].mask)]
    tensors = (*heard, moved.targets["emotion"], moved.rows)
    assert {tensor.device.type for tensor in tensors} == {"meta"}


@given(LENGTHS, st.integers(2, 40), st.sampled_from(list(BATCHINGS)))
def test_an_epoch_shows_every_utterance_exactly_once(lengths: list[int], size: int, batching: str) -> None:
    batches = drawn(lengths, size, batching=batching)
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))


@given(LENGTHS, st.integers(2, 40))
def test_no_batch_is_one_utterance_or_more_than_one_too_many(lengths: list[int], size: int) -> None:
    sizes = [len(batch) for batch in drawn(lengths, size)]
    assert min(sizes) >= min(2, len(lengths))
    assert max(sizes) <= size + 1


@given(LENGTHS.map(lambda lengths: [length - 1 for length in lengths]), st.integers(2, 40), st.integers(0, 50))
def test_a_batch_within_a_length_is_padded_no_longer(lengths: list[int], size: int, seed: int) -> None:
    """Than `size` utterances of mean length, unless it is two, or three at the end, where nobody is left alone."""
    real = [max(1, length) for length in lengths]
    beyond = []
    for batch in drawn(lengths, size, seed, "length"):
        assert len(batch) >= min(2, len(lengths))
        longest = max(real[position] for position in batch)
        if longest * len(batch) * len(real) > size * sum(real):
            beyond.append(len(batch))
            assert 2 * longest * len(real) > size * sum(real) or len(batch) == 3
    assert set(beyond) <= {2, 3} and beyond.count(3) <= 1


@pytest.mark.parametrize("seed", range(5))
def test_batches_within_a_length_are_fuller_than_batches_by_count(seed: int) -> None:
    """Of utterances as long as those of IEMOCAP: short ones share a step, long ones do not swell one."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.empty(400).log_normal_(5.2, 0.7, generator=generator).ceil().clamp(max=750).int().tolist()
    counted, within = (drawn(lengths, 16, seed, batching) for batching in BATCHINGS)
    longest = [max(padded(lengths, [batch]) for batch in batches) for batches in (counted, within)]
    assert longest[1] <= 16 * sum(lengths) / 400 < longest[0] / 1.5
    assert padded(lengths, within) < 1.2 * sum(lengths) and len(within) < 1.3 * len(counted)
    assert min(map(len, within)) < 8 and max(map(len, within)) > 24


@given(st.integers(0, 1000), st.sampled_from(list(BATCHINGS)))
def test_the_order_is_the_generators(seed: int, batching: str) -> None:
    lengths = list(range(1, 61))
    assert drawn(lengths, 8, seed, batching) == drawn(lengths, 8, seed, batching)
    assert drawn(lengths, 8, seed, batching) != drawn(lengths, 8, seed + 1, batching)


@pytest.mark.parametrize("batching", BATCHINGS)
def test_a_second_epoch_is_another_order(batching: str) -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (list(BATCHINGS[batching](range(1, 61), 8, generator)) for _ in range(2))
    assert first != second


LABELS = st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=2, max_size=60)


def balanced(labels: list[str], seed: int, lengths: list[int] | None = None, size: int = 16) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    return list(batches_by_length(lengths or [1] * len(labels), size, generator, balanced_shares(labels)))


@given(LABELS)
def test_balanced_shares_are_alike_for_classes_and_untouched_without_a_label(labels: list[str]) -> None:
    shares = balanced_shares(labels)
    classes = set(labels) - {""}
    assert (shares == []) == (len(classes) < 2)
    if shares:
        assert sum(shares) == pytest.approx(1)
        summed = [sum(share for share, label in zip(shares, labels, strict=True) if label == name) for name in classes]
        assert summed == pytest.approx([summed[0]] * len(classes))
        assert all(share == 1 / len(labels) for share, label in zip(shares, labels, strict=True) if not label)


def test_a_balanced_epoch_has_as_many_utterances_and_emotions_alike_within_chance() -> None:
    """Counts lie within five standard deviations of the multinomial's expectation, their mean within four of its own."""
    labels, epochs = ["anger"] * 300 + ["joy"] * 80 + ["fear"] * 20, 40
    counts = [Counter(labels[position] for batch in balanced(labels, seed) for position in batch) for seed in range(epochs)]
    spread = (400 * (1 / 3) * (2 / 3)) ** 0.5
    for count in counts:
        assert count.total() == 400
        assert all(abs(count[name] - 400 / 3) < 5 * spread for name in ("anger", "joy", "fear"))
    for name in ("anger", "joy", "fear"):
        assert sum(count[name] for count in counts) / epochs == pytest.approx(400 / 3, abs=4 * spread / epochs**0.5)
    drawn_once = Counter(position for batch in balanced(labels, 1) for position in batch)
    assert max(drawn_once.values()) > 1 and len(drawn_once) < 300


@given(LABELS, st.integers(0, 50))
def test_a_balanced_epoch_within_a_length_has_as_many_draws(labels: list[str], seed: int) -> None:
    lengths = torch.randint(1, 50, (len(labels),), generator=torch.Generator().manual_seed(seed)).tolist()
    generator, other = (torch.Generator().manual_seed(seed) for _ in range(2))
    one = list(batches_within_length(lengths, 4, generator, balanced_shares(labels)))
    assert sum(map(len, one)) == len(labels) and min(map(len, one)) >= 2
    again = [position for batch in batches_by_length(lengths, 4, other, balanced_shares(labels)) for position in batch]
    assert sorted(again) == sorted(position for batch in one for position in batch)


@given(LABELS, st.integers(0, 50))
def test_a_balanced_order_is_the_generators_too_and_no_batch_is_one_utterance(labels: list[str], seed: int) -> None:
    one = balanced(labels, seed, size=4)
    assert one == balanced(labels, seed, size=4)
    assert sum(map(len, one)) == len(labels) and min(map(len, one)) >= 2 and max(map(len, one)) <= 5


@pytest.mark.parametrize("labels", [[], ["a", "b", "b", "b"] * 100])
def test_batches_pad_less_than_chance_would(labels: list[str]) -> None:
    lengths = torch.randint(1, 100, (400,), generator=torch.Generator().manual_seed(1)).tolist()
    batches = balanced(labels, 0, lengths) if labels else drawn(lengths, 16)
    order = [row for batch in batches for row in batch]
    mixed = [order[place] for place in torch.randperm(400, generator=torch.Generator().manual_seed(2)).tolist()]
    by_chance = [mixed[start : start + 16] for start in range(0, 400, 16)]
    real = sum(lengths[row] for row in order)
    assert padded(lengths, batches) - real < 0.35 * (padded(lengths, by_chance) - real)
