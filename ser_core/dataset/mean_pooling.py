"""Why features are averaged once, before the stem and not at every step, if a model only reads a channel's mean over time.

    mean_t [A D (x_t - m) / s + b]  =  A D (mean_t x_t - m) / s + b        D drops the same dimensions at every step t
One step remains out of n: about n times fewer sums, in a different order, and therefore different last bits.
"""

import dataclasses

from ser_core.config.tree import Config
from ser_core.dataset.dataset import Dataset


def pool_channels(config: Config, dataset: Dataset) -> Dataset:
    """Returns the dataset with one step per utterance in each frozen channel, if fusion and tasks only read means.

    Batches are drawn as before (Channel.averaged).
    """
    if not config.model.fusion.reads_means or any(task.channels for task in config.tasks.active().values()):
        return dataset
    return dataclasses.replace(dataset, channels={name: channel.averaged for name, channel in dataset.channels.items()})
