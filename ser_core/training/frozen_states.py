"""How the states of frozen encoder layers are computed once per stage; until a stage trains the layers, stored states serve.

raw states --layers, without gradients, once--> states in memory (float16) --FeatureStem--> as before
"""

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from ser_core.batch import pad
from ser_core.config.tree import Config
from ser_core.dataset.channels import Channel, device_of
from ser_core.dataset.dataset import Dataset
from ser_core.encoders.tuned import TunedStem
from ser_core.feature_store.features import Features
from ser_core.model import SpeechEmotionModel


def precompute_frozen(config: Config, dataset: Dataset, model: SpeechEmotionModel, rows: Sequence[int], trained: bool) -> Dataset:
    """Returns the dataset as a stage reads it, for these rows. `trained` says whether an earlier stage changed the layers.

    Sets `skips` on every stem whose layers are all frozen now, and clears it on the others.
    """
    channels, views = dict(dataset.channels), dict(dataset.views.channels)
    for name, stem in model.stems.items():
        if not isinstance(stem, TunedStem):
            continue
        stem.skips = not any(part.parameter.requires_grad for part in stem.parts())
        if stem.skips:
            channels[name] = _through(config, dataset.channels[name], stem, rows, trained)
            if name in views:
                versions = views[name]
                numbers = [number for row in rows for number in range(versions.first[row], versions.first[row + 1])]
                views[name] = versions._replace(channel=_through(config, versions.channel, stem, numbers, trained))
    return dataclasses.replace(dataset, channels=channels, views=dataclasses.replace(dataset.views, channels=views))


def _through(config: Config, channel: Channel, stem: TunedStem, rows: Sequence[int], trained: bool) -> Channel:
    """Returns a channel whose sequences are the states that the frozen layers compute from it."""
    # As long as no stage has changed the layers, the feature store already has their output.
    stored = None if trained else channel.frozen
    states = stored if stored is not None else _computed(config, channel, stem, rows)
    # Batches must be drawn by the same lengths that the schedule was computed from.
    lengths = _lengths(states) if config.optim.batching == "count" else channel.lengths
    return dataclasses.replace(channel, sequences=states, lengths=lengths)


def read_raw_states(model: SpeechEmotionModel) -> None:
    """Makes every stem read raw states again."""
    for stem in model.stems.values():
        if isinstance(stem, TunedStem):
            stem.skips = False


@torch.no_grad()
def _computed(config: Config, channel: Channel, stem: TunedStem, rows: Sequence[int]) -> list[Tensor]:
    """Computes the states of these rows; the other rows stay empty."""
    device, lengths = device_of(config), channel.lengths
    found = [torch.empty(0)] * len(lengths)
    # Rows of similar length share a batch, which keeps the padding small.
    order = sorted(rows, key=lambda row: lengths[row])
    for start in range(0, len(order), 32):
        some = order[start : start + 32]
        states = stem.states(pad([channel.sequences[row] for row in some]).to(device))
        for place, row in enumerate(some):
            # Without padding, as float16 on the CPU: the same form as features from the store.
            found[row] = states.steps[place, states.mask[place]].to("cpu", torch.float16)
    return found


def _lengths(states: Sequence[Tensor] | Features) -> Sequence[int]:
    return states.lengths if isinstance(states, Features) else [len(each) for each in states]
