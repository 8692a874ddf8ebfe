"""How batches of several models become one: padded to a common size, which changes no result.

    batch of model 1 [rows time ...]  \
    batch of model 2 [rows' time' ...] -- padded with zeros --> [models most_rows most_time ...]
A padding row is unlabelled, so no loss counts it. Its first step counts as real, because a softmax over no steps at all would
be NaN.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ser_core.batch import Batch, Stream

Parts = dict[str, Any]
"""One or more Batches as plain dictionaries of tensors, which torch.func.vmap can take apart."""


def collate(batches: Sequence[Batch]) -> Parts:
    """Stacks batches with the same channels and tasks along a new first dimension."""
    rows = max(len(batch.rows) for batch in batches)
    first = batches[0]
    return {
        "streams": {name: _streams([batch.streams[name] for batch in batches], rows) for name in first.streams},
        "views": {name: _streams([batch.views[name] for batch in batches], rows) for name in first.views},
        "targets": {name: _targets([batch.targets[name] for batch in batches], rows) for name in first.targets},
        "rows": _filled([batch.rows for batch in batches], (rows,), 0),
    }


def batch_of_one(parts: Parts) -> Batch:
    """Rebuilds the Batch of one model."""
    streams, views = ({name: Stream(*each) for name, each in parts[kind].items()} for kind in ("streams", "views"))
    return Batch(streams, parts["targets"], parts["rows"], views)


def _streams(streams: Sequence[Stream], rows: int) -> tuple[Tensor, Tensor]:
    time = max(stream.mask.shape[1] for stream in streams)
    steps = _filled([stream.steps for stream in streams], (rows, time, *streams[0].steps.shape[2:]), 0)
    mask = _filled([stream.mask for stream in streams], (rows, time), False)
    for number, stream in enumerate(streams):
        # See above: attention over no real step would be NaN, and NaN spreads through the gradients.
        mask[number, len(stream.mask) :, 0] = True
    return steps, mask


def _targets(targets: Sequence[Tensor], rows: int) -> Tensor:
    # The marks of an absent label: no loss counts them.
    absent = float("nan") if targets[0].is_floating_point() else -1
    return _filled(targets, (rows, *targets[0].shape[1:]), absent)


def _filled(tensors: Sequence[Tensor], shape: tuple[int, ...], absent: float) -> Tensor:
    """Returns [tensors *shape] with each tensor at the start of its slice and `absent` as padding."""
    if all(tensor.shape == shape for tensor in tensors):
        return torch.stack(list(tensors))
    padded = tensors[0].new_full((len(tensors), *shape), absent)
    for part, tensor in zip(padded, tensors, strict=True):
        part[tuple(slice(size) for size in tensor.shape)] = tensor
    return padded
