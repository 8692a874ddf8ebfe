"""Where a model reads a channel's mean over time alone, its features are averaged once, before the stem, and not at every step.

    mean_t [A D (x_t - m) / s + b]  =  A D (mean_t x_t - m) / s + b        D drops the same dimensions at every step t
Of n steps one is left: about n times fewer sums, another order of adding them up, and so other last bits.
"""

import dataclasses

from ser_core.config.tree import Config
from ser_core.dataset.dataset import Dataset


def pool_channels(config: Config, inputs: Dataset) -> Dataset:
    """The inputs with one step per utterance in each channel of frozen features, if fusion and tasks read means alone.

    Batches are drawn as before (Channel.averaged).
    """
    if not config.model.fusion.reads_means or any(task.channels for task in config.tasks.active().values()):
        return inputs
    return dataclasses.replace(inputs, channels={name: channel.averaged for name, channel in inputs.channels.items()})
