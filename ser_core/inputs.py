"""What a model is fed: per channel one sequence per utterance (mapped from disk), per task one target per utterance."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ser_core.batch import Batch, pad
from ser_core.config import Config
from ser_core.contents import content_hashes
from ser_core.corpus import Corpus
from ser_core.corpus.texts import cleaned
from ser_core.encoders.encoder import EncoderOption
from ser_core.encoders.stems import FeatureStem, WordStem
from ser_core.encoders.tuned import TunedStem, Tuning
from ser_core.encoders.words import Words, word_numbers
from ser_core.errors import CorpusError, SettingError
from ser_core.features import Features, FeatureStore, Speech, Text
from ser_core.tasks import Tasks


@dataclasses.dataclass(frozen=True)
class Channel:
    """One channel of a corpus: its sequences, and the stem that a model needs above them."""

    name: str
    sequences: Sequence[Tensor] | Features
    lengths: Sequence[int]
    layers: int
    """Layers of the features; 0 for word numbers."""
    size: int
    """Dimension of the features; the number of buckets for word numbers."""
    tuning: Tuning | None = None
    """Layers trained above the sequences, which are then the state below them; None for frozen features."""
    frozen: Sequence[Tensor] | Features | None = None
    """What the layers would yield untrained, for statistics and linear models; None where that is `sequences`."""
    reader: type[FeatureStem] = FeatureStem
    """How several layers are read."""

    def stem(self, width: int, dropout: float) -> nn.Module:
        """A fresh stem for this channel."""
        if not self.layers:
            return WordStem(buckets=self.size, width=width, dropout=dropout)
        read = self.reader(layers=self.layers, dim=self.size, width=width, dropout=dropout)
        return TunedStem(self.tuning, read) if self.tuning else read

    @functools.cached_property
    def means(self) -> Float[Tensor, "n layers dim"]:
        """Mean over time of each utterance's features, as they are before training."""
        features = self.sequences if self.frozen is None else self.frozen
        return torch.stack([features[row].float().mean(0) for row in range(len(self.lengths))])

    def statistics(self, rows: Tensor) -> tuple[Float[Tensor, "layers dim"], Float[Tensor, "layers dim"]]:
        """Mean and standard deviation, over these utterances alone, of their means over time.

        Steps within an utterance vary far more than utterances do; scaling by what is between utterances gives the
        pooled vectors, which the heads read, unit variance, as a linear model on means would have it.
        """
        means = self.means[rows].double()
        return means.mean(0).float(), means.std(0, correction=0).float()

    def columns(self) -> Float[Tensor, "n columns"]:
        """One fixed vector per utterance for linear models: the mean of every layer, or counts of words."""
        if self.layers:
            return self.means.flatten(1)
        counts = torch.zeros(len(self.lengths), self.size)
        for row in range(len(self.lengths)):
            numbers = self.sequences[row]
            counts[row].index_add_(0, numbers, torch.ones(len(numbers)))
        return counts


@dataclasses.dataclass(frozen=True)
class Inputs:
    """A corpus with its channels and the targets of every task it has labels for, in the order of the corpus table."""

    corpus: Corpus
    channels: dict[str, Channel]
    targets: dict[str, Tensor]
    audio_hash: str
    skipped: dict[str, str]
    """Utterances left out because of their audio, with the reason."""

    def batch(self, rows: Sequence[int]) -> Batch:
        """The utterances of these rows."""
        streams = {name: pad([channel.sequences[row] for row in rows]) for name, channel in self.channels.items()}
        numbers = torch.tensor(list(rows))
        return Batch(streams, {name: target[numbers] for name, target in self.targets.items()}, numbers)

    def aimed_at(self, tasks: Tasks) -> "Inputs":
        """The same inputs with the targets of other tasks, whose knobs may want other targets."""
        return dataclasses.replace(self, targets=tasks.targets(self.corpus))

    @functools.cached_property
    def lengths(self) -> list[int]:
        """Steps of each utterance in its longest channel."""
        return [max(each) for each in zip(*(channel.lengths for channel in self.channels.values()), strict=True)]


def load_inputs(config: Config, progress: bool = False) -> Inputs:
    """Reads the corpus and opens its features, extracting what the store lacks.

    Raises CorpusError for audio that cannot be used, unless run.on_bad_audio=skip.
    """
    if not config.model.channels:
        raise SettingError("a model needs a channel: model.speech and model.text are both none")
    cache = Path(config.run.store) / "cache"
    corpus = config.corpus.read(cache)
    hashes = content_hashes(corpus.table["file"], cache, progress)
    spoken = _spoken(config, corpus, hashes, progress)
    skipped = spoken.sequences.refused if spoken and isinstance(spoken.sequences, Features) else {}
    if skipped:
        _refuse(config, corpus, skipped)
        corpus = corpus.without(skipped)
        spoken = _spoken(config, corpus, hashes, progress)
    read = _written(config, corpus, progress)
    return Inputs(
        corpus=corpus,
        channels={channel.name: channel for channel in (spoken, read) if channel},
        targets=config.tasks.targets(corpus),
        audio_hash="".join(hashes[file] for file in corpus.table["file"]),
        skipped=dict(skipped),
    )


def device_of(config: Config) -> torch.device:
    """The device that run.device names. Raises SettingError when cuda is asked for and absent."""
    if config.run.device == "cuda" and not torch.cuda.is_available():
        raise SettingError("run.device=cuda, but torch sees no GPU; use run.device=cpu or auto")
    wanted = "cuda" if config.run.device == "auto" and torch.cuda.is_available() else config.run.device
    return torch.device("cpu" if wanted == "auto" else wanted)


def _spoken(config: Config, corpus: Corpus, hashes: dict[str, str], progress: bool) -> Channel | None:
    table = corpus.table
    rows = zip(table["utterance"], table["file"], table["start"], table["end"], strict=True)
    items = [Speech(name, file, start, end, hashes[file]) for name, file, start, end in rows]
    return _extracted("speech", config.model.speech, items, config, progress)


def _written(config: Config, corpus: Corpus, progress: bool) -> Channel | None:
    texts = [cleaned(text) for text in corpus.table["text"]]
    if isinstance(config.model.text, Words):
        buckets = config.model.text.buckets
        numbers = [word_numbers(text, buckets) for text in texts]
        return Channel("text", numbers, [len(each) for each in numbers], 0, buckets)
    items = [Text(name, text) for name, text in zip(corpus.table["utterance"], texts, strict=True)]
    return _extracted("text", config.model.text, items, config, progress)


def _extracted(
    name: str, option: EncoderOption, items: Sequence[Speech] | Sequence[Text], config: Config, progress: bool
) -> Channel | None:
    extractor = option.extractor(device_of(config))
    if extractor is None:
        return None
    store = FeatureStore(Path(config.run.store) / "cache")
    features = store.features(items, extractor, config.audio, progress)
    tuning = option.tuning(device_of(config))
    if tuning is None:
        return Channel(name, features, features.lengths, *extractor.shape, reader=option.reader)
    lower = store.features(items, option.lower(device_of(config)), config.audio, progress)
    return Channel(name, lower, lower.lengths, *extractor.shape, tuning=tuning, frozen=features, reader=option.reader)


def _refuse(config: Config, corpus: Corpus, skipped: dict[str, str]) -> None:
    """Raises CorpusError unless the user chose to skip, or when nothing is left."""
    name, reason = next(iter(skipped.items()))
    if config.run.on_bad_audio == "stop":
        raise CorpusError(
            f"corpus {corpus.name}: {len(skipped)} of {len(corpus)} utterances have unusable audio, first {name}: {reason}; "
            f"`ser corpus check` lists them all; mend them, or leave them out with run.on_bad_audio=skip"
        )
    if len(skipped) == len(corpus):
        raise CorpusError(f"corpus {corpus.name}: no utterance has usable audio; first {name}: {reason}")
