"""A trained model as one network from the waveform to the answers, for runtimes without this program.

    speech [samples]   --encoder--\\
                                   +--> stem, fusion, heads of each member --mean, temperature--> probabilities, dimensions, ...
    text [words]       -----------/
One utterance at a time, because encoders read each one alone. Where an encoder cannot be part of the graph, its states are the
input in place of the waveform or the text.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from ser_core.audio import SAMPLE_RATE_HZ
from ser_core.batch import Stream
from ser_core.encoders.encoder import EncoderOption
from ser_core.encoders.text import TextCheckpoint
from ser_core.encoders.tuned import TunedStem
from ser_core.errors import SettingError
from ser_core.keyed_dropout import DropoutKey
from ser_core.tasks import Head
from ser_core.tasks.dimensions import Dimensions
from ser_core.trained.emotion_model import EmotionModel
from ser_core.trained.graph_fronts import front_of, longest_wave

NO_DROPOUT = DropoutKey(None)


@dataclasses.dataclass(frozen=True)
class Port:
    """An input or output of the graph. `meaning` says what it holds: shape, type, unit."""

    name: str
    meaning: str


@dataclasses.dataclass(frozen=True)
class Reading:
    """What the graph reads of one channel: its input, an example, and between which lengths the first axis may vary."""

    channel: str
    port: Port
    example: Tensor
    shortest: int
    longest: int

    def of_length(self, share: float) -> Tensor:
        """Returns an input whose length is this share of the way from the shortest to the longest."""
        length = round(self.shortest + share * (self.longest - self.shortest))
        return self.example[torch.arange(length) % len(self.example)]


class Graph(nn.Module):
    """Answers of an ensemble about one utterance."""

    low: Tensor
    span: Tensor

    def __init__(self, model: EmotionModel, fronts: dict[str, nn.Module], readings: Sequence[Reading]) -> None:
        super().__init__()
        self.fronts, self.members = nn.ModuleDict(fronts), nn.ModuleList(model.members)
        self.channels = [reading.channel for reading in readings]
        self.temperature = model.description.temperature
        self.tasks = answered(model)
        chosen = cast(Dimensions, model.tasks["dimensions"]).chosen(model.corpus) if "dimensions" in self.tasks else []
        self.register_buffer("low", torch.tensor([each.low for each in chosen], dtype=torch.float32))
        self.register_buffer("span", torch.tensor([each.high - each.low for each in chosen], dtype=torch.float32))

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        streams = {name: self._stream(name, given) for name, given in zip(self.channels, inputs, strict=True)}
        each = [self._answers(member, streams) for member in self.members]
        found: list[Tensor] = []
        for name in self.tasks:
            answers = torch.cat([one[name] for one in each])
            if name == "emotion":
                members = answers.softmax(-1)
                logs = members.mean(0).clamp(min=1e-12).log() / self.temperature
                found += [logs.softmax(-1), members]
            elif name == "dimensions":
                found.append(self.low + self.span * answers.mean(0))
            else:  # of helper tasks, the first member answers
                found.append(answers[0].softmax(-1))
        return tuple(found)

    def _stream(self, name: str, given: Tensor) -> Stream:
        steps = self.fronts[name](given) if name in self.fronts else given[None]
        return Stream(steps, torch.ones(steps.shape[:2], dtype=torch.bool, device=steps.device))

    def _answers(self, member: Any, streams: dict[str, Stream]) -> dict[str, Tensor]:
        outputs = member.outputs(member.views(streams, NO_DROPOUT), NO_DROPOUT, self.tasks)
        return {name: cast(Head, member.heads[name]).answers(output).float() for name, output in outputs.items()}


def answered(model: EmotionModel) -> list[str]:
    """Returns the tasks whose answers the graph gives: classes and dimensions, not texts."""
    return [name for name, task in model.tasks.items() if task.predicts in ("classes", "ratings")]


def outputs_of(model: EmotionModel) -> list[Port]:
    """Returns the outputs of the graph, in order."""
    about, found = model.description, list[Port]()
    for name in answered(model):
        if name == "emotion":
            classes = ", ".join(about.classes)
            found.append(Port("probabilities", f"float32 [{len(about.classes)}], calibrated, of {classes}"))
            found.append(Port("members", f"float32 [{about.members}, {len(about.classes)}], of each member, not calibrated"))
        elif name == "dimensions":
            chosen = cast(Dimensions, model.tasks[name]).chosen(model.corpus)
            scales = ", ".join(f"{each.name} ({each.low:g} to {each.high:g})" for each in chosen)
            found.append(Port(name, f"float32 [{len(chosen)}], of {scales}"))
        else:
            outputs = cast(Head, model.members[0].heads[name]).outputs
            columns = model.tasks[name].columns(model.corpus, torch.zeros(1, outputs), torch.tensor([-1]))
            classes = [column.removeprefix(f"{name}.p.") for column in columns if column.startswith(f"{name}.p.")]
            found.append(Port(name, f"float32 [{len(classes)}], of the first member, of {', '.join(classes)}"))
    return found


def readings_of(model: EmotionModel) -> list[Reading]:
    """Returns what the graph reads of each channel that the model sees."""
    return [_reading(model, name) for name in model.config.model.channels]


def build_graph(model: EmotionModel) -> tuple[Graph, list[Reading]]:
    """Returns the graph of a model and what it reads. Raises SettingError for a model that reads the input of its encoder."""
    for member in model.members:
        for name, stem in member.stems.items():
            if isinstance(stem, TunedStem) and stem.front:
                raise SettingError(
                    f"ONNX: {model.description.name} trains its {name} encoder from the encoder's own input, which runs "
                    "utterance by utterance in Python; use the folder itself, with `ser predict` or load(FOLDER)"
                )
    readings = readings_of(model)
    fronts = {name: front for name, extractor in model.extractors.items() if (front := front_of(extractor))}
    return Graph(model, fronts, readings).eval(), readings


def _reading(model: EmotionModel, name: str) -> Reading:
    extractor, seconds = model.extractors.get(name), model.config.audio.max_seconds
    if extractor is None:
        buckets = model.config.model.text.buckets  # type: ignore[attr-defined]
        meaning = f"int64 [words], a number from 1 to {buckets - 1} for each word; [0] for a text without words"
        return Reading(name, Port("text", meaning), 1 + torch.arange(5) % (buckets - 1), 1, 512)
    if front_of(extractor) is None:
        layers, dim = extractor.shape
        meaning = f"float32 [steps, {layers}, {dim}], states of the {name} encoder, whose code cannot be part of the graph"
        return Reading(name, Port(f"{name}_states", meaning), _noise(40, layers, dim), 1, 4096)
    if name == "speech":
        most = min(round(seconds * SAMPLE_RATE_HZ), longest_wave(extractor))
        meaning = f"float32 [samples], mono, {SAMPLE_RATE_HZ} Hz, full scale 1, at most {most / SAMPLE_RATE_HZ:g} s"
        example = _noise(min(most, 2 * SAMPLE_RATE_HZ)) * 0.1
        return Reading(name, Port(name, meaning), example, extractor.minimum_samples, most)
    option: EncoderOption = model.config.model.text
    most = option.max_tokens if isinstance(option, TextCheckpoint) else 512
    meaning = f"int64 [tokens], of the encoder's own tokenizer with its special tokens, at most {most}"
    return Reading(name, Port("text_tokens", meaning), 1 + torch.arange(6), 1, most)


def _noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))
