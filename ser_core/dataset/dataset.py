"""The input of a model: one sequence per channel and utterance (mapped from disk), one target per task and utterance.

corpus --> channels --> Dataset --batch(rows)--> Batch            with a key, also a stored view of each (augmented_views.py)
               \\--> channels under each of config.conditions
"""

import dataclasses
import functools
from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor

from ser_core.batch import BATCHINGS, Batch, balanced_shares, pad
from ser_core.config.tree import Config
from ser_core.content_hashes import content_hashes
from ser_core.corpus import Corpus
from ser_core.corpus.check import notice_of
from ser_core.dataset.augmented_views import ChangedChannels, StoredViews, changed_channels, content_of, stored_views
from ser_core.dataset.channels import Channel, Sources, make_channel, sources_of
from ser_core.errors import CorpusError, SettingError
from ser_core.feature_store.features import Features
from ser_core.folds.protocol import make_folds
from ser_core.tasks import TASKS, Tasks


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A corpus with its channels and the targets of every task that has labels, in the order of the corpus table."""

    corpus: Corpus
    channels: dict[str, Channel]
    targets: dict[str, Tensor]
    audio_hash: str
    skipped: dict[str, str]
    """Utterances left out because of their audio, with the reason."""
    views: StoredViews = dataclasses.field(default_factory=StoredViews)
    """Stored views for augmented contrast."""
    conditions: Mapping[str, ChangedChannels] = dataclasses.field(default_factory=dict)
    """Channels that a condition changes, by its entry."""

    @property
    def extra_content(self) -> str:
        """Returns the name of everything read beyond the corpus's own content; "" if there is nothing."""
        return content_of(self.views, self.conditions, self.stored_content)

    @property
    def stored_content(self) -> list[str]:
        """Returns the hash of each channel of stored features, which no hash of the corpus covers."""
        return [channel.content for channel in self.channels.values() if channel.content]

    def batch(self, rows: Sequence[int], key: Tensor | None = None) -> Batch:
        """Returns the utterances of these rows; with a step's key also a stored view of each, drawn by the key, if any."""
        streams = {name: pad([channel.sequences[row] for row in rows]) for name, channel in self.channels.items()}
        views = {} if key is None else self.views.drawn(self.channels, rows, key)
        numbers = torch.tensor(list(rows))
        return Batch(streams, {name: target[numbers] for name, target in self.targets.items()}, numbers, views)

    def aimed_at(self, tasks: Tasks) -> "Dataset":
        """Returns the same dataset with the targets of other tasks, because their settings may change the targets."""
        return dataclasses.replace(self, targets=tasks.targets(self.corpus))

    def for_tasks(self, tasks: Collection[str]) -> "Dataset":
        """Returns the same dataset, without stored views unless one of the tasks reads them."""
        return self if any(TASKS[name].reads_stored_views for name in tasks) else dataclasses.replace(self, views=StoredViews())

    def under(self, condition: str) -> "Dataset":
        """Returns the same dataset with the channels of a condition of config.conditions."""
        return dataclasses.replace(self, channels={**self.channels, **self.conditions[condition].channels})

    def check(self, config: Config) -> None:
        """Raises SettingError unless this dataset has the versions and emotions that the configuration needs."""
        if list(self.conditions) != config.conditions or list(self.views.asked) != config.tasks.stored:
            raise SettingError("this dataset was loaded for other conditions or views; load it for this configuration")
        for stage in config.stages.all().values():
            # Only for its error.
            draw_shares(self, range(len(self.corpus)), stage.sampling or config.optim.sampling)

    @functools.cached_property
    def lengths(self) -> list[int]:
        """Returns the steps of each utterance in its longest channel."""
        return [max(each) for each in zip(*(channel.lengths for channel in self.channels.values()), strict=True)]


def load_dataset(config: Config, progress: bool = False) -> Dataset:
    """Reads the corpus and opens its features; extracts what the store does not have.

    Raises CorpusError for audio that cannot be used, unless run.on_bad_audio=skip.
    """
    if not config.model.channels:
        every = ", ".join(f"model.{name}" for name in config.model.encoders)
        raise SettingError(f"a model needs a channel, but all are none; choose an encoder for one of {every}")
    corpus = config.corpus.read(config.cache)
    make_folds(corpus, config.folds, {"content": ""})  # only for its error: extraction may take hours
    hashes = content_hashes(corpus.table["file"], config.cache, progress)
    sources = sources_of(corpus, hashes)
    heard = _heard(config, sources, progress)
    skipped = {name: why for features in _features(heard) for name, why in features.refused.items()}
    if skipped:
        _refuse(config, corpus, skipped)
        corpus = corpus.without(skipped)
        # Channels follow the rows of the corpus table. The features are stored by now, so this is fast.
        sources = sources_of(corpus, hashes)
        heard = _heard(config, sources, progress)
    channels = {name: heard.get(name) or make_channel(config, name, sources, progress) for name in config.model.channels}
    conditions = changed_channels(config, corpus, hashes, progress)
    views = stored_views(config, corpus, hashes, progress)
    doubts = {name: why for features in _features(heard) for name, why in features.doubts.items()}
    of_channels = [notice for channel in channels.values() for notice in channel.notices]
    of_columns = [*views.notices, *(notice for changed in conditions.values() for notice in changed.notices)]
    notices = (*corpus.notices, *of_channels, *of_columns, *notice_of(doubts, len(corpus)))
    corpus = dataclasses.replace(corpus, further=views.columns, notices=notices)
    return Dataset(
        corpus=corpus,
        channels=channels,
        targets=config.tasks.targets(corpus),
        audio_hash="".join(hashes[file] for file in corpus.table["file"]),
        skipped=dict(skipped),
        views=views,
        conditions=conditions,
    )


def _heard(config: Config, sources: Sources, progress: bool) -> dict[str, Channel]:
    """Returns every channel that hears audio, by name."""
    names = [name for name, reads in config.model.reads.items() if reads == "audio"]
    return {name: make_channel(config, name, sources, progress) for name in names}


def _features(channels: Mapping[str, Channel]) -> list[Features]:
    return [channel.sequences for channel in channels.values() if isinstance(channel.sequences, Features)]


def draw_batches(
    config: Config, dataset: Dataset, rows: Sequence[int], size: int, generator: torch.Generator, sampling: str = "shuffled"
) -> list[tuple[list[int], Tensor]]:
    """Draws the utterances of each batch of an epoch, and the batch's key. Advances the generator to the next epoch."""
    lengths = [dataset.lengths[row] for row in rows]
    # `list`: all batches are drawn before the first key, so the order of the draws does not depend on the caller.
    batches = list(BATCHINGS[config.optim.batching](lengths, size, generator, draw_shares(dataset, rows, sampling)))
    return [([int(rows[one]) for one in batch], torch.randint(2**62, (), generator=generator)) for batch in batches]


def draw_shares(dataset: Dataset, rows: Sequence[int], sampling: str) -> list[float]:
    """Returns the shares by which `drawn_order` draws these rows; [] if each is drawn once.

    Raises SettingError if sampling=balanced has nothing to balance.
    """
    if sampling == "shuffled":
        return []
    shares = balanced_shares(dataset.corpus.column("emotion")[list(rows)].tolist())
    if not shares:
        raise SettingError(
            "optim.sampling=balanced needs at least two emotions among the training utterances, but corpus "
            f"{dataset.corpus.name} does not have them; use optim.sampling=shuffled"
        )
    return shares


def _refuse(config: Config, corpus: Corpus, skipped: dict[str, str]) -> None:
    """Raises CorpusError unless you chose to skip bad audio, or if no utterance is left."""
    name, reason = next(iter(skipped.items()))
    if config.run.on_bad_audio == "stop":
        raise CorpusError(
            f"corpus {corpus.name}: {len(skipped)} of {len(corpus)} utterances have unusable audio, first {name}: {reason}; "
            f"`ser corpus check` lists them all; repair them, or leave them out with run.on_bad_audio=skip"
        )
    if len(skipped) == len(corpus):
        raise CorpusError(f"corpus {corpus.name}: no utterance has usable audio; first {name}: {reason}")
