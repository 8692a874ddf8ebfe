"""Sequences and their masks, which always travel together: Stream, Batch, and the seeded order in which batches are drawn."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclasses.dataclass(frozen=True)
class Stream:
    """Steps of a batch of sequences, and a mask of the real ones. Padding steps are zero."""

    steps: Tensor
    """[batch time dim], or raw: features [batch time layers dim], word numbers [batch time]."""
    mask: Bool[Tensor, "batch time"]
    """True where a step is real."""

    def to(self, device: torch.device) -> "Stream":
        return Stream(send(self.steps, device), send(self.mask, device))

    def like(self, steps: Float[Tensor, "batch time width"]) -> "Stream":
        """Returns these steps under the same mask, zero where the mask is False."""
        return Stream(steps * self.mask.unsqueeze(-1).to(steps.dtype), self.mask)

    def mean(self) -> Float[Tensor, "batch dim"]:
        """Returns the mean over the real steps; 0 for a sequence without any."""
        mask = self.mask.unsqueeze(-1).to(self.steps.dtype)
        return (self.steps * mask).sum(1) / mask.sum(1).clamp(min=1)


@dataclasses.dataclass(frozen=True)
class Batch:
    """Some utterances: one raw Stream per channel, one target tensor per task, and the numbers of the utterances.

    `views` holds another version of each utterance, or is empty. Views are no rows of their own, so no task is trained on
    them; only heads that compare an utterance with its view read them.
    """

    streams: Mapping[str, Stream]
    targets: Mapping[str, Tensor]
    rows: Int[Tensor, "batch"]
    views: Mapping[str, Stream] = dataclasses.field(default_factory=dict)

    def to(self, device: torch.device) -> "Batch":
        return Batch(
            {name: stream.to(device) for name, stream in self.streams.items()},
            {name: send(target, device) for name, target in self.targets.items()},
            send(self.rows, device),
            {name: stream.to(device) for name, stream in self.views.items()},
        )


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Sends a tensor to a device. A copy to a GPU uses pinned memory; otherwise it would wait for the steps in progress."""
    pinned = tensor.pin_memory() if device.type == "cuda" and tensor.device.type == "cpu" else tensor
    return pinned.to(device, non_blocking=True)


def pad(sequences: Sequence[Tensor]) -> Stream:
    """Stacks sequences [time ...] of different lengths into one Stream and pads the shorter ones with zeros.

    >>> pad([torch.ones(1, 2), torch.ones(3, 2)]).mask.tolist()
    [[True, False, False], [True, True, True]]
    """
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    longest = max(1, int(lengths.max()))
    if longest == int(lengths.min()):
        return Stream(torch.stack(list(sequences)), torch.ones(len(sequences), longest, dtype=torch.bool))
    steps = sequences[0].new_zeros(len(sequences), longest, *sequences[0].shape[1:])
    for row, sequence in enumerate(sequences):
        steps[row, : len(sequence)] = sequence
    return Stream(steps, torch.arange(longest)[None, :] < lengths[:, None])


def balanced_shares(labels: Sequence[str]) -> list[float]:
    """Returns each position's share of balanced draws. Classes have equal shares, spread evenly over their positions; sums to 1.

    A position without a label ("") keeps the share it has in shuffled order, 1/n. Returns [] if fewer than two classes are
    present, because there is nothing to balance.

    >>> balanced_shares(["a", "a", "a", "b", ""])
    [0.13333333333333333, 0.13333333333333333, 0.13333333333333333, 0.4, 0.2]
    """
    counts = Counter(label for label in labels if label)
    if len(counts) < 2:
        return []
    labelled = counts.total() / (len(labels) * len(counts))
    return [labelled / counts[label] if label else 1 / len(labels) for label in labels]


def draw_order(count: int, generator: torch.Generator, shares: Sequence[float] = ()) -> list[int]:
    """Returns positions 0..count-1 shuffled, or `count` draws with replacement by `shares`."""
    if shares:
        return torch.multinomial(torch.tensor(shares), count, replacement=True, generator=generator).tolist()
    return torch.randperm(count, generator=generator).tolist()


def batches_by_length(
    lengths: Sequence[int], size: int, generator: torch.Generator, shares: Sequence[float] = ()
) -> Iterator[list[int]]:
    """Yields positions 0..n-1 in batches of `size`, each of similar lengths, in an order drawn from `generator`.

    Every position appears once; with `shares` (positive, one per position), n positions are drawn with replacement. A bucket
    holds eight batches: large enough to stay random, small enough to pad little. A last batch of one utterance joins the one
    before, because a statistic over a single utterance (CCC) does not exist.
    """
    order = draw_order(len(lengths), generator, shares)
    batches: list[list[int]] = []
    for start in range(0, len(order), 8 * size):
        bucket = sorted(order[start : start + 8 * size], key=lambda position: lengths[position])
        batches += [bucket[first : first + size] for first in range(0, len(bucket), size)]
    lone = [batch for batch in batches if len(batch) == 1]
    batches = [batch for batch in batches if len(batch) > 1] or batches
    if lone and lone[0] is not batches[0]:
        batches[-1] = batches[-1] + [position for batch in lone for position in batch]
    for index in torch.randperm(len(batches), generator=generator).tolist():
        yield batches[index]


def batches_within_length(
    lengths: Sequence[int], size: int, generator: torch.Generator, shares: Sequence[float] = ()
) -> Iterator[list[int]]:
    """Yields batches that, padded, are no longer than `size` utterances of mean length: few long or many short utterances.

    A batch holds at least two utterances, even if two are longer than that; the last batch may then hold three. Utterances that
    do not fill a batch, the shortest of a bucket, wait for the next bucket.
    """
    lengths = [max(1, length) for length in lengths]
    budget = size * sum(lengths)
    order = draw_order(len(lengths), generator, shares)
    batches: list[list[int]] = []
    waiting: list[int] = []
    for start in range(0, len(order), 8 * size):
        waiting = sorted(waiting + order[start : start + 8 * size], key=lambda position: -lengths[position])
        while len(waiting) > (most := max(2, budget // (len(lengths) * lengths[waiting[0]]))):
            batches.append(waiting[:most])
            waiting = waiting[most:]
    if len(waiting) == 1 and batches:
        together = [*batches.pop(), *waiting]
        batches += [together[:-2], together[-2:]] if len(together) > 3 else [together]
    elif waiting:
        batches.append(waiting)
    for index in torch.randperm(len(batches), generator=generator).tolist():
        yield batches[index]


BATCHINGS: dict[str, Callable[..., Iterator[list[int]]]] = {"count": batches_by_length, "length": batches_within_length}
"""What fills a step, by the name of optim.batching."""
