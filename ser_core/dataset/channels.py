"""The channels of a corpus: a sequence of frozen features (mapped from disk) or word numbers per utterance.

utterances --items--> feature store --> Channel       texts --word_numbers--> Channel        (by model.speech and model.text)
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ser_core.config.tree import Config
from ser_core.corpus import Corpus
from ser_core.corpus.texts import clean
from ser_core.encoders.encoder import EncoderOption
from ser_core.encoders.stems import FeatureStem, WordStem
from ser_core.encoders.tuned import TunedStem, Tuning
from ser_core.encoders.words import Words, word_numbers
from ser_core.errors import SettingError
from ser_core.feature_store.extraction import Encoder
from ser_core.feature_store.features import Features, FeatureStore, Speech, Text


@dataclasses.dataclass(frozen=True)
class Channel:
    """One channel of a corpus: its sequences, and the stem that a model needs on top of them."""

    name: str
    sequences: Sequence[Tensor] | Features
    lengths: Sequence[int]
    layers: int
    """Number of feature layers; 0 for word numbers."""
    size: int
    """Dimension of the features, or number of buckets for word numbers."""
    tuning: Tuning | None = None
    """Trained layers on top of the sequences, which are then the states below these layers; None for frozen features."""
    frozen: Sequence[Tensor] | Features | None = None
    """Output of the untrained layers, for statistics and linear models; None if it equals `sequences`."""
    reader: type[FeatureStem] = FeatureStem
    """How several layers are combined."""

    def stem(self, width: int, dropout: float) -> nn.Module:
        """Returns a new stem for this channel."""
        if not self.layers:
            return WordStem(buckets=self.size, width=width, dropout=dropout)
        read = self.reader(layers=self.layers, dim=self.size, width=width, dropout=dropout)
        return TunedStem(self.tuning, read) if self.tuning else read

    @functools.cached_property
    def means(self) -> Float[Tensor, "n layers dim"]:
        """Returns the mean over time of each utterance's features before training."""
        features = self.sequences if self.frozen is None else self.frozen
        # Stored as float16, in which a sum over many frames would lose digits.
        return torch.stack([features[row].float().mean(0) for row in range(len(self.lengths))])

    @functools.cached_property
    def averaged(self) -> "Channel":
        """Returns the channel with one step, the mean, per utterance; itself if it has no features or has trained layers.

        `lengths` remain those of the features.
        """
        if not self.layers or self.tuning is not None or min(self.lengths) < 1:
            return self
        return dataclasses.replace(self, sequences=list(self.means.unsqueeze(1)))

    def statistics(self, rows: Tensor) -> tuple[Float[Tensor, "layers dim"], Float[Tensor, "layers dim"]]:
        """Returns mean and standard deviation, over these utterances only, of their means over time.

        Steps within an utterance vary far more than utterances do. Scaling by the variance between utterances gives the
        pooled vectors, which the heads read, unit variance, as a linear model on means needs it.
        """
        means = self.means[rows].double()
        return means.mean(0).float(), means.std(0, correction=0).float()

    def columns(self) -> Float[Tensor, "n columns"]:
        """Returns one fixed vector per utterance for linear models: the mean of every layer, or counts of words."""
        if self.layers:
            return self.means.flatten(1)
        counts = torch.zeros(len(self.lengths), self.size)
        for row in range(len(self.lengths)):
            numbers = self.sequences[row]
            counts[row].index_add_(0, numbers, torch.ones(len(numbers)))
        return counts


def speech_channel(config: Config, items: Sequence[Speech], progress: bool = False) -> Channel | None:
    """Returns the speech channel of these utterances; None with model.speech=none."""
    return _extracted("speech", config.model.speech, items, config, progress)


def text_channel(config: Config, names: Sequence[str], texts: Sequence[str], progress: bool = False) -> Channel | None:
    """Returns the text channel of these texts, one per named utterance; None with model.text=none."""
    texts = [clean(text) for text in texts]
    if isinstance(config.model.text, Words):
        buckets = config.model.text.buckets
        numbers = [word_numbers(text, buckets) for text in texts]
        return Channel("text", numbers, [len(each) for each in numbers], 0, buckets)
    items = [Text(name, text) for name, text in zip(names, texts, strict=True)]
    return _extracted("text", config.model.text, items, config, progress)


def speech_items(corpus: Corpus, hashes: Mapping[str, str], change: str = "") -> list[Speech]:
    """Returns the corpus's utterances as speech items, with the augmentation `change` if given."""
    table = corpus.table
    rows = zip(table["utterance"], table["file"], table["start"], table["end"], strict=True)
    return [Speech(name, file, start, end, hashes[file], change) for name, file, start, end in rows]


def device_of(config: Config) -> torch.device:
    """Returns the device that run.device names. Raises SettingError if cuda is requested but missing."""
    if config.run.device == "cuda" and not torch.cuda.is_available():
        raise SettingError("run.device=cuda, but torch finds no GPU; use run.device=cpu or auto")
    wanted = "cuda" if config.run.device == "auto" and torch.cuda.is_available() else config.run.device
    return torch.device("cpu" if wanted == "auto" else wanted)


def empty_channels(config: Config) -> dict[str, Channel]:
    """Returns the channels of a model without utterances: enough to build its stems. Reads the settings of encoders."""
    found, device = {}, device_of(config)
    for name in config.model.channels:
        option: EncoderOption = getattr(config.model, name)
        extractor = option.extractor(device)
        if extractor is not None:
            found[name] = Channel(name, [], [], *extractor.shape, tuning=option.tuning(device), reader=option.reader)
        elif isinstance(option, Words):
            found[name] = Channel(name, [], [], 0, option.buckets)
    return found


def _extracted(
    name: str, option: EncoderOption, items: Sequence[Speech] | Sequence[Text], config: Config, progress: bool
) -> Channel | None:
    extractor = option.extractor(device_of(config))
    if extractor is None:
        return None
    store = FeatureStore(config.cache, budget_gb=config.run.features_gb)
    features = store.features(items, extractor, config.audio, progress, Encoder(option))
    tuning = option.tuning(device_of(config))
    if tuning is None:
        return Channel(name, features, features.lengths, *extractor.shape, reader=option.reader)
    below = option.lower(device_of(config))
    lower = store.features(items, below, config.audio, progress, Encoder(option, lower=True))
    # The input of an encoder, such as a waveform, has other lengths than its states.
    lengths = features.lengths if tuning.front else lower.lengths
    return Channel(name, lower, lengths, *extractor.shape, tuning=tuning, frozen=features, reader=option.reader)
