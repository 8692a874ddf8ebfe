"""The channels of a corpus: a sequence of features (mapped from disk) or word numbers per utterance.

utterances --items--> feature store --> Channel      texts --word_numbers--> Channel      stored features --> Channel
What a channel is made from is up to its encoder, EncoderOption.reads. A channel of another making adds a line to MAKERS.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ser_core.config.tree import Config
from ser_core.corpus import Corpus
from ser_core.corpus.texts import clean
from ser_core.encoders.encoder import EncoderOption
from ser_core.encoders.features.stored import StoredExtractor, StoredFeatures
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
    content: str = ""
    """Hash of what it was read from; "" for audio and text, which the hash of the corpus covers."""
    notices: tuple[str, ...] = ()
    """Sentences about what it was read from."""

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


@dataclasses.dataclass(frozen=True)
class Sources:
    """What the channels of some utterances are made from, in order."""

    audio: Sequence[Speech]
    texts: Sequence[str]
    table: pd.DataFrame
    """The columns utterance, file, start and end."""


def sources_of(corpus: Corpus, hashes: Mapping[str, str]) -> Sources:
    """Returns what the channels of a corpus are made from."""
    return Sources(speech_items(corpus, hashes), corpus.column("text").tolist(), corpus.table)


def make_channel(config: Config, name: str, sources: Sources, progress: bool = False) -> Channel:
    """Returns a channel that the model reads. Utterances with unusable audio are in `sequences.refused`."""
    return MAKERS[config.model.reads[name]](config, name, sources, progress)


def speech_channel(config: Config, name: str, items: Sequence[Speech], progress: bool = False) -> Channel:
    """Returns a channel that hears these utterances."""
    return _extracted(name, items, config, progress)


def text_channel(config: Config, name: str, names: Sequence[str], texts: Sequence[str], progress: bool = False) -> Channel:
    """Returns a channel that reads these texts, one per named utterance."""
    texts, option = [clean(text) for text in texts], config.model.encoders[name]
    if isinstance(option, Words):
        numbers = [word_numbers(text, option.buckets) for text in texts]
        return Channel(name, numbers, [len(each) for each in numbers], 0, option.buckets)
    return _extracted(name, [Text(one, text) for one, text in zip(names, texts, strict=True)], config, progress)


def stored_channel(config: Config, name: str, utterances: pd.DataFrame, progress: bool = False) -> Channel:
    """Returns a channel of features that another tool stored. Raises CorpusError for an utterance without any."""
    option = config.model.encoders[name]
    assert isinstance(option, StoredFeatures)
    items, notices = option.items(utterances, config.cache)
    extractor = StoredExtractor(items[0].dim, option.stride)
    content = hashlib.sha256(" ".join(item.content for item in items).encode()).hexdigest()[:16]
    if option.stores:
        store = FeatureStore(config.cache, budget_gb=config.run.features_gb)
        sequences: Sequence[Tensor] | Features = store.features(items, extractor, config.audio, progress)
    else:
        sequences = extractor([item.read() for item in items])
    lengths = sequences.lengths if isinstance(sequences, Features) else [len(each) for each in sequences]
    return Channel(name, sequences, lengths, *extractor.shape, content=content, notices=notices)


Maker = Callable[[Config, str, Sources, bool], Channel]
MAKERS: dict[str, Maker] = {
    "audio": lambda config, name, sources, progress: speech_channel(config, name, sources.audio, progress),
    "text": lambda config, name, sources, progress: text_channel(
        config, name, sources.table["utterance"].tolist(), sources.texts, progress
    ),
    "stored": lambda config, name, sources, progress: stored_channel(config, name, sources.table, progress),
}
"""How a channel is made, by what its encoder reads."""


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


def shortest_audio(config: Config) -> int:
    """Returns the samples that every encoder of audio needs at least; 0 if the model hears none."""
    extractors = [option.extractor(device_of(config)) for option in config.model.encoders.values() if option.reads == "audio"]
    return max((extractor.minimum_samples for extractor in extractors if extractor), default=0)


def empty_channels(config: Config) -> dict[str, Channel]:
    """Returns the channels of a model without utterances: enough to build its stems. Reads the settings of encoders."""
    found, device = {}, device_of(config)
    for name in config.model.channels:
        option: EncoderOption = config.model.encoders[name]
        extractor = option.extractor(device)
        if extractor is not None:
            found[name] = Channel(name, [], [], *extractor.shape, tuning=option.tuning(device), reader=option.reader)
        elif isinstance(option, Words):
            found[name] = Channel(name, [], [], 0, option.buckets)
        elif isinstance(option, StoredFeatures):
            found[name] = Channel(name, [], [], 1, option.dim)
    return found


def _extracted(name: str, items: Sequence[Speech] | Sequence[Text], config: Config, progress: bool) -> Channel:
    option = config.model.encoders[name]
    extractor = option.extractor(device_of(config))
    assert extractor is not None, f"model.{name} computes its features"
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
