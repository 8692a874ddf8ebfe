"""A trained model: reads its folder, turns files into the features it needs, and predicts.

    file --audio, encoder--> features --32 at a time, similar lengths together--> each member --> Prediction
Utterances of a chunk are sorted by length and stepped 32 at a time, as the evaluation of a fold does, so a fold's model answers
its test part as its record does, to the last bit, as long as the part fits into one chunk.
"""

import copy
import dataclasses
import itertools
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ser_core.batch import pad
from ser_core.config.from_dict import config_from
from ser_core.config.tree import Config
from ser_core.corpus.corpus import SECONDS, WORDS, Corpus, Dimension
from ser_core.corpus.texts import clean
from ser_core.dataset.channels import Channel, device_of, empty_channels
from ser_core.encoders.checkpoint import find
from ser_core.encoders.encoder import EncoderOption, Extractor, weights_hash
from ser_core.encoders.features.stored import StoredExtractor, StoredFeatures
from ser_core.encoders.words import Words, word_numbers
from ser_core.errors import AudioError, RecordError, SettingError
from ser_core.feature_store.features import CORES, Speech, Text, extract_ahead
from ser_core.keyed_dropout import DropoutKey
from ser_core.masking.masking import HiddenStem
from ser_core.model import SpeechEmotionModel, assemble_model
from ser_core.one_thread import one_thread_each, use_one_thread
from ser_core.tasks import Head, TaskOption
from ser_core.trained.description import Description, read_description
from ser_core.trained.prediction import Prediction, calibrated, uncertainty

BATCH = 32
"""Utterances per step, as in the evaluation of a fold."""
CHUNK = 1024
"""At most as many utterances are sorted together,"""
CHUNK_BYTES = 256 * 2**20
"""and as many as this much memory holds the features of: a second of Whisper base, all layers, takes .7 MB."""


@dataclasses.dataclass(frozen=True)
class Utterance:
    """What to predict: a file or a part of it in seconds (NaN: its own start or end), with its text if the model reads one."""

    file: str
    start: float = math.nan
    end: float = math.nan
    text: str = ""


@dataclasses.dataclass(frozen=True)
class EmotionModel:
    """A trained model. It has no global state, and several threads may use it at the same time."""

    description: Description
    config: Config
    corpus: Corpus
    """Holds only the label scheme."""
    tasks: Mapping[str, TaskOption]
    """Tasks with a head, by name."""
    extractors: Mapping[str, Extractor]
    """Frozen encoders by channel; a channel of learned word vectors has none."""
    members: Sequence[SpeechEmotionModel]
    hidden: frozenset[str] = frozenset()
    """Channels that the model does not see."""

    def __call__(self, file: Path | str, text: str = "", start: float = math.nan, end: float = math.nan) -> Prediction:
        """Predicts one file, or the part from `start` to `end` in seconds. Raises AudioError for audio that cannot be used."""
        [found] = self.predict([Utterance(str(file), start, end, text)])
        if isinstance(found, AudioError):
            raise AudioError(f"{file}: {found}")
        return found

    @property
    def reads_text(self) -> bool:
        return "text" in self.config.model.channels and "text" not in self.hidden

    def without_text(self) -> "EmotionModel":
        """Returns the same model without its text channel. Raises SettingError unless it was trained to do without."""
        if "text" not in self.config.model.channels:
            return self
        if not self.description.speech_alone:
            raise SettingError(
                f"{self.description.name} was never trained without text, so its answers without one mean nothing; give texts, "
                "or train it with model.masking=utterance"
            )
        members = []
        for member in self.members:
            stems = {name: HiddenStem(stem) if name == "text" else stem for name, stem in member.stems.items()}
            heads = {name: cast(Head, head) for name, head in member.heads.items()}
            members.append(SpeechEmotionModel(stems, member.fusion, heads).eval())
        return dataclasses.replace(self, members=members, hidden=self.hidden | {"text"})

    def predict(self, utterances: Iterable[Utterance]) -> Iterator[Prediction | AudioError]:
        """Yields one Prediction per utterance, in order, or the AudioError that says why it cannot be used."""
        source, waiting = iter(utterances), list[Utterance]()
        while waiting := [*waiting, *itertools.islice(source, CHUNK - len(waiting))]:
            features, refused, count = self._features(waiting)
            chunk, waiting = waiting[:count], waiting[count:]
            kept = [row for row in range(count) if row not in refused]
            answers = iter(self._predictions([chunk[row] for row in kept], features) if kept else ())
            for row in range(len(chunk)):
                yield refused[row] if row in refused else next(answers)

    def tables(self, features: Mapping[str, Sequence[Tensor]]) -> list[pd.DataFrame]:
        """Returns the answers of each member in the columns of TestPart.predictions, without targets."""
        lengths = [max(len(channel[row]) for channel in features.values()) for row in range(len(next(iter(features.values()))))]
        order = sorted(range(len(lengths)), key=lengths.__getitem__)
        back = torch.tensor(order).argsort().tolist()
        parts: list[dict[str, list[Tensor]]] = [{} for _ in self.members]
        steps = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        workers = CORES if device_of(self.config).type == "cpu" else 1
        # One thread per step, several steps at once: the number of cores never changes a bit.
        with one_thread_each(), ThreadPoolExecutor(workers, initializer=use_one_thread) as pool:
            for answered in pool.map(lambda rows: self._step(features, rows), steps):
                for found, answers in zip(parts, answered, strict=True):
                    for name, each in answers.items():
                        found.setdefault(name, []).extend(each)
        return [self._columns({name: [each[row] for row in back] for name, each in found.items()}) for found in parts]

    def _step(self, features: Mapping[str, Sequence[Tensor]], rows: Sequence[int]) -> list[dict[str, Tensor]]:
        """Returns the answers of each member to these rows, by task."""
        streams = {name: pad([channel[row] for row in rows]) for name, channel in features.items()}
        streams = {name: stream.to(device_of(self.config)) for name, stream in streams.items()}
        return [_answers(member, streams) for member in self.members]

    def _columns(self, answers: Mapping[str, list[Tensor]]) -> pd.DataFrame:
        frames = []
        for name, each in answers.items():
            if not self.tasks[name].predicts:
                continue
            output = pad_sequence(each, batch_first=True)
            absent = torch.full((len(each), *output.shape[1:]), torch.nan if self.tasks[name].predicts == "ratings" else -1)
            absent = absent[:, 0] if self.tasks[name].predicts == "classes" else absent
            columns = self.tasks[name].columns(self.corpus, output, absent)
            frames.append(columns[[column for column in columns if not column.endswith(".target")]])
        return pd.concat(frames, axis=1)

    def _features(self, waiting: Sequence[Utterance]) -> tuple[dict[str, list[Tensor]], dict[int, AudioError], int]:
        """Returns features by channel, why other rows cannot be used, and the number of rows: all, or what memory holds."""
        found: dict[str, list[Tensor | AudioError]] = {}
        for name in self.config.model.channels:
            found[name] = _within_memory(self._channel(name, waiting))
            waiting = waiting[: len(found[name])]
        count = len(waiting)
        refused = {
            row: each for channel in found.values() for row, each in enumerate(channel[:count]) if isinstance(each, AudioError)
        }
        kept = [row for row in range(count) if row not in refused]
        return {name: [cast(Tensor, channel[row]) for row in kept] for name, channel in found.items()}, refused, count

    def _channel(self, name: str, chunk: Sequence[Utterance]) -> Iterator[Tensor | AudioError]:
        """Yields the features of one channel, row by row."""
        option: EncoderOption = getattr(self.config.model, name)
        texts = [clean(one.text) for one in chunk]
        if isinstance(option, Words):
            yield from (word_numbers(text, option.buckets) for text in texts)
            return
        if isinstance(option, StoredFeatures):
            yield from _stored(option, chunk)
            return
        items = (
            [Speech(one.file, one.file, one.start, one.end, content=one.file) for one in chunk]
            if option.reads == "audio"
            else [Text(one.file, text) for one, text in zip(chunk, texts, strict=True)]
        )
        yield from (features for _, features in extract_ahead(items, self.config.audio, self.extractors[name]))

    def _predictions(self, utterances: Sequence[Utterance], features: Mapping[str, Sequence[Tensor]]) -> list[Prediction]:
        tables = self.tables(features)
        classes = self.description.classes
        found: dict[str, Any] = {}
        if "emotion" in self.tasks:
            each = np.stack([table[[f"emotion.p.{name}" for name in classes]].to_numpy() for table in tables])
            found["probabilities"] = calibrated(each.mean(axis=0), self.description.temperature)
            found["spread"] = each.std(axis=0, ddof=1) if len(tables) > 1 else np.full(each.shape[1:], np.nan)
            found["uncertainty"] = uncertainty(found["probabilities"])
        scales = [name for name in tables[0] if name.startswith("dimensions.")]
        ratings = np.mean([table[scales].to_numpy() for table in tables], axis=0) if scales else np.zeros((len(utterances), 0))
        others = [
            name for name in tables[0] if name.endswith(".predicted") and name.split(".")[0] not in ("emotion", "dimensions")
        ]
        return [
            Prediction(
                dimensions={name.split(".")[1]: float(ratings[row, place]) for place, name in enumerate(scales)},
                others={name.split(".")[0]: str(tables[0][name][row]) for name in others},
                start=0.0 if math.isnan(one.start) else one.start,
                end=one.end,
                **_emotion(classes, found, row),
            )
            for row, one in enumerate(utterances)
        ]


def load(folder: Path | str, device: str = "auto", **encoders: Path | str) -> EmotionModel:
    """Loads a model folder. `speech=FOLDER` and `text=FOLDER` say where checkpoints lie that are not inside.

    For a model with stored features, `features=FOLDER` (or a table) says where those of the files to predict lie.

    Raises RecordError for a damaged folder, SettingError for a checkpoint that is missing or has other weights.
    """
    place = Path(folder).expanduser()
    description = read_description(place)
    config = _config(description, place, device, encoders)
    channels = empty_channels(config)
    corpus = _scheme(description)
    tasks = {name: config.tasks.all()[name] for name in description.tasks}
    members = [
        _member(place / f"member-{number}.safetensors", config, corpus, channels, tasks) for number in range(description.members)
    ]
    where = device_of(config)
    extractors: dict[str, Extractor] = {}
    for name in config.model.channels:
        option: EncoderOption = getattr(config.model, name)
        found = option.lower(where) if channels[name].tuning else option.extractor(where)
        if found is not None:
            extractors[name] = found
    return EmotionModel(description, config, corpus, tasks, extractors, members)


def lent(tasks: Mapping[str, TaskOption]) -> list[str]:
    """Returns the tasks whose heads a model needs when it predicts: those that predict, and those that lend features."""
    return [name for name, task in tasks.items() if task.predicts or task.lends]


def encoder_folders(description: Description, place: Path, encoders: Mapping[str, Path | str]) -> dict[str, Path]:
    """Returns where the checkpoint of each channel lies: where `encoders` says, in the model's folder, or where training had it.

    Raises SettingError for a checkpoint that is missing or has other weights.
    """
    found: dict[str, Path] = {}
    for channel, named in description.encoders.items():
        inside = place / f"encoder-{channel}"
        given = str(encoders.get(channel) or (inside if inside.is_dir() else named.get("path", "")))
        try:
            folder = find(os.path.expanduser(given), f"model.{channel}").absolute()  # noqa: PTH111 (raises for ~STRANGER)
        except SettingError as error:
            why = f" ({error})" if given else ""
            raise SettingError(
                f"{description.name} needs the {channel} encoder {named['checkpoint']}{why}; say where it lies: "
                f"--encoder {channel}=FOLDER, or load(..., {channel}=FOLDER) in Python"
            ) from error
        if (weights := weights_hash(folder)) != named["weights"]:
            raise SettingError(
                f"{description.name} was trained with {named['checkpoint']} ({named['weights']}), but {folder} holds other "
                f"weights ({weights}); give the checkpoint that it was trained with"
            )
        found[channel] = folder
    return found


def _config(description: Description, place: Path, device: str, encoders: Mapping[str, Path | str]) -> Config:
    settings = copy.deepcopy(description.settings)
    # A model with stored features predicts files whose features lie somewhere else than those that it learned from.
    stored = {channel: path for channel, path in encoders.items() if "dim" in settings["model"].get(channel, {})}
    for channel, folder in (encoder_folders(description, place, encoders) | stored).items():
        settings["model"][channel]["path"] = str(Path(folder).expanduser().absolute())
    composed = config_from({**settings, "run": {"device": device}})
    unused = [name for name in composed.tasks.all() if name not in description.tasks]
    absent = {name: dataclasses.replace(composed.tasks.all()[name], weight=0.0) for name in unused}
    return dataclasses.replace(composed, tasks=dataclasses.replace(composed.tasks, **absent))


def _stored(option: StoredFeatures, utterances: Sequence[Utterance]) -> list[Tensor]:
    """Returns the stored features of some utterances, found by the names of their files."""
    rows = [{"utterance": one.file, "file": one.file, "start": one.start, "end": one.end} for one in utterances]
    if not option.path:
        name = option.key.removeprefix("model.")
        raise SettingError(f"this model reads stored features; say where those of the files lie, with load(..., {name}=FOLDER)")
    with tempfile.TemporaryDirectory() as cache:
        items = option.items(pd.DataFrame(rows), Path(cache)).items
    return StoredExtractor(option.dim, option.stride)([item.read() for item in items])


def _scheme(description: Description) -> Corpus:
    """Returns a corpus without labels that has the label scheme of the model."""
    dimensions = tuple(Dimension(name, low, high) for name, (low, high) in description.dimensions.items())
    # The gender task reads its classes from the table. A corpus needs at least one utterance.
    genders = description.genders or [""]
    columns: dict[str, list[Any]] = {name: [""] * len(genders) for name in WORDS}
    names = [f"none {number}" for number in range(len(genders))]
    columns |= {"utterance": names, "file": names, "speaker": names, "gender": genders}
    columns |= {name: [math.nan] * len(genders) for name in (*SECONDS, *(each.name for each in dimensions))}
    return Corpus(description.name, pd.DataFrame(columns), tuple(description.classes), dimensions, "", "")


def _member(
    file: Path, config: Config, corpus: Corpus, channels: Mapping[str, Channel], tasks: Mapping[str, TaskOption]
) -> SpeechEmotionModel:
    model = assemble_model(config, corpus, channels, tasks)
    try:
        model.load_state_dict(load_file(file))
    except FileNotFoundError:
        raise RecordError(f"{file} is missing; export the model again") from None
    except Exception as error:
        raise RecordError(f"{file} does not fit its model.json ({str(error).splitlines()[0]}); export the model again") from error
    return model.to(device_of(config)).eval()


@torch.no_grad()
def _answers(member: SpeechEmotionModel, streams: Mapping[str, Any]) -> dict[str, Tensor]:
    noise = DropoutKey(None)
    outputs = member.outputs(member.views(streams, noise), noise)
    return {name: cast(Head, member.heads[name]).answers(output).float().cpu() for name, output in outputs.items()}


def _emotion(classes: Sequence[str], found: Mapping[str, np.ndarray], row: int) -> dict[str, Any]:
    if "probabilities" not in found:
        return {}
    best = int(found["probabilities"][row].argmax())
    return {
        "emotion": classes[best],
        "probabilities": {name: float(value) for name, value in zip(classes, found["probabilities"][row], strict=True)},
        "uncertainty": float(found["uncertainty"][row]),
        "spread": float(found["spread"][row, best]),
    }


def _within_memory(rows: Iterator[Tensor | AudioError]) -> list[Tensor | AudioError]:
    """Returns the rows, or the first of them, up to the one with which they take more than CHUNK_BYTES."""
    found, size = list[Tensor | AudioError](), 0
    for row in rows:
        found.append(row)
        size += row.nbytes if isinstance(row, Tensor) else 0
        if size > CHUNK_BYTES:
            break
    return found
