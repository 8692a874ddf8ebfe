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
    """Versions of every utterance in one channel: those of utterance `row` have numbers first[row] to first[row + 1] - 1.

    Channels that read the same (`reads`) show the same version in a step.
    """

    channel: Channel
    first: Sequence[int]
    reads: str = ""

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
        views, shared = {}, dict[str, list[float]]()
        for (name, channel), own in zip(channels.items(), lots, strict=True):
            versions = self.channels.get(name)
            lot = shared.setdefault(versions.reads or name, own) if versions else own
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
    heard = {name: _speech_views(config, name, corpus, each, progress) for name in _reading(config, "audio")}
    return StoredViews(heard, task.stored, content=f"augment-{EDITION}", notices=_unchanged(config, "views=waveform"))


def changed_channels(config: Config, corpus: Corpus, hashes: Mapping[str, str], progress: bool) -> dict[str, ChangedChannels]:
    """Returns the channels that each condition of config.conditions changes, by entry; none if it only hides one.

    Raises CorpusError for a column that is missing and for audio that cannot be used.
    """
    found = {}
    for entry in config.conditions:
        one = condition(entry)
        if one.changes_speech:
            each = [[item] for item in speech_items(corpus, hashes, one.changes_speech)]
            heard = {name: _speech_views(config, name, corpus, each, progress).channel for name in _reading(config, "audio")}
            found[entry] = ChangedChannels(heard, f"augment-{EDITION}", _unchanged(config, f"conditions: {entry}"))
        elif not one.reads_text:
            found[entry] = ChangedChannels({}, "")
        else:
            further = further_column(corpus, config.corpus, one.reads_text)
            texts, utterances = further.cells[one.reads_text], corpus.column("utterance").tolist()
            read = {name: text_channel(config, name, utterances, texts, progress) for name in _reading(config, "text")}
            found[entry] = ChangedChannels(read, _digest(texts), further.notices)
    return found


def content_of(views: StoredViews, conditions: Mapping[str, ChangedChannels], stored: Sequence[str] = ()) -> str:
    """Returns one name for everything read beyond the corpus's own content; "" if there is nothing.

    `stored` names the content of channels of stored features.
    """
    parts = [views.content, *(one.content for one in conditions.values()), *stored]
    return _digest(parts) if any(parts) else ""


def _columns(config: Config, corpus: Corpus, progress: bool) -> StoredViews:
    """Reads views from columns, for the channels that the model reads."""
    wanted = {"audio": AUGMENTED_FILE, "text": AUGMENTED_TEXT}
    names = [column for reads, column in wanted.items() if _reading(config, reads)]
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
        channels |= {name: _speech_views(config, name, corpus, each, progress) for name in _reading(config, "audio")}
    if texts := cells.get(AUGMENTED_TEXT):
        names = [name for name, each in zip(utterances, texts, strict=True) for _ in each]
        flat, first = [text for each in texts for text in each], _first(texts)
        reading = {name: text_channel(config, name, names, flat, progress) for name in _reading(config, "text")}
        channels |= {name: ChannelViews(channel, first, "text") for name, channel in reading.items()}
    content = _digest([[[hashes.get(part, part) for part in cell] for cell in column] for column in cells.values()])
    return StoredViews(channels, config.tasks.stored, pd.DataFrame(found), content, notices)


def _reading(config: Config, reads: str) -> list[str]:
    """Returns the channels of the model that are made from audio, or from text."""
    return [name for name, made in config.model.reads.items() if made == reads]


def _unchanged(config: Config, what: str) -> tuple[str, ...]:
    """Returns a notice about the channels that a changed waveform does not reach."""
    stored = _reading(config, "stored")
    return (f"{what} changes the audio, but model.{' and model.'.join(stored)} stays as stored",) if stored else ()


def _speech_views(
    config: Config, channel_name: str, corpus: Corpus, each: Sequence[Sequence[Speech]], progress: bool
) -> ChannelViews:
    """Returns features of several items per utterance. Raises CorpusError for an item with unusable audio."""
    channel = speech_channel(config, channel_name, [item for items in each for item in items], progress)
    if isinstance(channel.sequences, Features) and (refused := channel.sequences.refused):
        name, reason = next(iter(refused.items()))
        raise CorpusError(f"corpus {corpus.name}: {len(refused)} utterances have a version that cannot be used, {name}: {reason}")
    return ChannelViews(channel, _first(each), "audio")


def _first(each: Sequence[Sequence[object]]) -> list[int]:
    """Returns where the versions of each utterance begin, and where the last ones end."""
    first = [0]
    for items in each:
        first.append(first[-1] + len(items))
    return first


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
