"""Other versions of the utterances: stored views for augmented contrast, and changed channels for conditions.

    views=waveform    each utterance through each of tasks.augmented_contrast.augmentations --encoder--> features
    views=column      the files and texts of augmented_file and augmented_text              --encoder--> features
    conditions        noise:10, text:asr, ...                                               --encoder--> features
All are extracted once and stored by content, like the utterances. `content` names their sources, for the fingerprint.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd
from torch import Tensor

from ser_core.augment import EDITION
from ser_core.batch import Stream, pad
from ser_core.conditions import condition
from ser_core.config.tree import Config
from ser_core.content_hashes import content_hashes
from ser_core.corpus import Corpus
from ser_core.corpus.further import AUGMENTED_FILE, AUGMENTED_TEXT, further_column, further_columns, split_cell
from ser_core.dataset.channels import Channel, speech_channel, speech_items, text_channel
from ser_core.errors import CorpusError
from ser_core.feature_store.features import Features, Speech
from ser_core.keyed_dropout import uniform

LOT = 0
"""The site for drawing views; the sites of a model begin with 1."""
NAN = float("nan")


class ChannelViews(NamedTuple):
    """Versions of every utterance in one channel: those of utterance `row` have numbers first[row] to first[row + 1] - 1."""

    channel: Channel
    first: Sequence[int]

    def drawn(self, row: int, lot: float) -> Tensor | None:
        """Returns the version that a number in [0, 1) selects; None if the utterance has none."""
        begin, end = self.first[row], self.first[row + 1]
        return self.channel.sequences[begin + int(lot * (end - begin))] if end > begin else None


@dataclasses.dataclass(frozen=True)
class StoredViews:
    """The stored views of a corpus, by channel; empty by default."""

    channels: Mapping[str, ChannelViews] = dataclasses.field(default_factory=dict)
    asked: Sequence[str] = ()
    """The requested views, as AugmentedContrast.stored returns them."""
    columns: pd.DataFrame | None = None
    """The columns that the views were read from."""
    content: str = ""
    notices: tuple[str, ...] = ()
    """Notices about corpus.columns_file."""

    def drawn(self, channels: Mapping[str, Channel], rows: Sequence[int], key: Tensor) -> dict[str, Stream]:
        """Draws a view of each of these utterances, once per channel and utterance. Channels without a version stay unchanged."""
        if not self.channels:
            return {}
        # From the step's key and not from a generator: a resumed or packed run draws the same views.
        lots = uniform(key, LOT, (len(channels), len(rows))).tolist()
        views = {}
        for (name, channel), lot in zip(channels.items(), lots, strict=True):
            versions = self.channels.get(name)
            found = [versions.drawn(row, share) if versions else None for row, share in zip(rows, lot, strict=True)]
            views[name] = pad([channel.sequences[row] if one is None else one for row, one in zip(rows, found, strict=True)])
        return views


class ChangedChannels(NamedTuple):
    """The channels that a condition changes, and the name of their content."""

    channels: dict[str, Channel]
    content: str
    notices: tuple[str, ...] = ()


def stored_views(config: Config, corpus: Corpus, hashes: Mapping[str, str], progress: bool) -> StoredViews:
    """Returns the views for augmented contrast; empty if it is off or finds its views among the utterances.

    Raises CorpusError for a column that is missing or empty, and for audio that cannot be used.
    """
    task = config.tasks.augmented_contrast
    if not task.stored:
        return StoredViews()
    if task.views == "column":
        return _columns(config, corpus, progress)
    changes = [speech_items(corpus, hashes, entry) for entry in task.augmentations]
    each = [list(versions) for versions in zip(*changes, strict=True)]
    return StoredViews({"speech": _speech_views(config, corpus, each, progress)}, task.stored, content=f"augment-{EDITION}")


def changed_channels(config: Config, corpus: Corpus, hashes: Mapping[str, str], progress: bool) -> dict[str, ChangedChannels]:
    """Returns the channels that each condition of config.conditions changes, by entry; none if it only hides one.

    Raises CorpusError for a column that is missing and for audio that cannot be used.
    """
    found = {}
    for entry in config.conditions:
        one = condition(entry)
        if one.changes_speech:
            each = [[item] for item in speech_items(corpus, hashes, one.changes_speech)]
            found[entry] = ChangedChannels(
                {"speech": _speech_views(config, corpus, each, progress).channel}, f"augment-{EDITION}"
            )
        elif not one.reads_text:
            found[entry] = ChangedChannels({}, "")
        else:
            further = further_column(corpus, config.corpus, one.reads_text)
            texts = further.cells[one.reads_text]
            channel = text_channel(config, corpus.column("utterance").tolist(), texts, progress)
            found[entry] = ChangedChannels({"text": channel} if channel else {}, _digest(texts), further.notices)
    return found


def content_of(views: StoredViews, conditions: Mapping[str, ChangedChannels]) -> str:
    """Returns one name for everything read beyond the corpus's own content; "" if there is nothing."""
    parts = [views.content, *(one.content for one in conditions.values())]
    return _digest(parts) if any(parts) else ""


def _columns(config: Config, corpus: Corpus, progress: bool) -> StoredViews:
    """Reads views from columns, for the channels that the model reads."""
    wanted = {"speech": AUGMENTED_FILE, "text": AUGMENTED_TEXT}
    names = [wanted[channel] for channel in config.model.channels]
    found, notices = further_columns(corpus, config.corpus, names)
    if not any(cell for cells in found.values() for cell in cells):
        raise CorpusError(
            f"corpus {corpus.name}: tasks.augmented_contrast.views=column reads {' or '.join(names)}, and "
            f"{'these are empty' if found else 'there is no such column'}; fill them in, in the table (corpus=table) or in "
            "corpus.columns_file, or choose views=waveform"
        )
    utterances, channels, hashes = corpus.column("utterance").tolist(), {}, {}
    cells = {name: [split_cell(cell, name) for cell in column] for name, column in found.items()}
    if files := cells.get(AUGMENTED_FILE):
        hashes = content_hashes([file for each in files for file in each], config.cache, progress)
        rows = zip(utterances, files, strict=True)
        each = [[Speech(name, file, NAN, NAN, hashes[file]) for file in several] for name, several in rows]
        channels["speech"] = _speech_views(config, corpus, each, progress)
    if texts := cells.get(AUGMENTED_TEXT):
        names = [name for name, each in zip(utterances, texts, strict=True) for _ in each]
        channel = text_channel(config, names, [text for each in texts for text in each], progress)
        channels |= {"text": ChannelViews(channel, _first(texts))} if channel else {}
    content = _digest([[[hashes.get(part, part) for part in cell] for cell in column] for column in cells.values()])
    return StoredViews(channels, config.tasks.stored, pd.DataFrame(found), content, notices)


def _speech_views(config: Config, corpus: Corpus, each: Sequence[Sequence[Speech]], progress: bool) -> ChannelViews:
    """Returns features of several items per utterance. Raises CorpusError for an item with unusable audio."""
    channel = speech_channel(config, [item for items in each for item in items], progress)
    assert channel is not None, "Config refuses versions of a channel that is not read"
    if isinstance(channel.sequences, Features) and (refused := channel.sequences.refused):
        name, reason = next(iter(refused.items()))
        raise CorpusError(f"corpus {corpus.name}: {len(refused)} utterances have a version that cannot be used, {name}: {reason}")
    return ChannelViews(channel, _first(each))


def _first(each: Sequence[Sequence[object]]) -> list[int]:
    """Returns where the versions of each utterance begin, and where the last ones end."""
    first = [0]
    for items in each:
        first.append(first[-1] + len(items))
    return first


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
