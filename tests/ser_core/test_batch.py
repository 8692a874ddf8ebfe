"""Streams keep their mask; an epoch shows every utterance once, in a seeded order, never alone."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from ser_core.batch import Batch, Stream, batches_by_length, pad

LENGTHS = st.lists(st.integers(1, 50), min_size=1, max_size=200)


def drawn(lengths: list[int], size: int, seed: int = 0) -> list[list[int]]:
    return list(batches_by_length(lengths, size, torch.Generator().manual_seed(seed)))


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
    batch = Batch({"speech": pad([torch.ones(2, 3)])}, {"emotion": torch.tensor([1])}, torch.tensor([0]))
    moved = batch.to(torch.device("meta"))
    tensors = (moved.streams["speech"].steps, moved.streams["speech"].mask, moved.targets["emotion"], moved.rows)
    assert {tensor.device.type for tensor in tensors} == {"meta"}


@given(LENGTHS, st.integers(2, 40))
def test_an_epoch_shows_every_utterance_exactly_once(lengths: list[int], size: int) -> None:
    assert sorted(position for batch in drawn(lengths, size) for position in batch) == list(range(len(lengths)))


@given(LENGTHS, st.integers(2, 40))
def test_no_batch_is_one_utterance_or_more_than_one_too_many(lengths: list[int], size: int) -> None:
    sizes = [len(batch) for batch in drawn(lengths, size)]
    assert min(sizes) >= min(2, len(lengths))
    assert max(sizes) <= size + 1


@given(st.integers(0, 1000))
def test_the_order_is_the_generators(seed: int) -> None:
    lengths = list(range(1, 61))
    assert drawn(lengths, 8, seed) == drawn(lengths, 8, seed)
    assert drawn(lengths, 8, seed) != drawn(lengths, 8, seed + 1)


def test_a_second_epoch_is_another_order() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (list(batches_by_length(range(1, 61), 8, generator)) for _ in range(2))
    assert first != second


def test_batches_pad_less_than_chance_would() -> None:
    lengths = torch.randint(1, 100, (400,), generator=torch.Generator().manual_seed(1)).tolist()

    def padded(batches: list[list[int]]) -> int:
        return sum(max(lengths[row] for row in batch) * len(batch) for batch in batches)

    by_chance = [list(range(start, start + 16)) for start in range(0, 400, 16)]
    assert padded(drawn(lengths, 16)) - sum(lengths) < 0.35 * (padded(by_chance) - sum(lengths))
