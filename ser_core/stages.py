"""Fine-tuning stages: what trains, how long, at which rate, under which task weights, and when the stage ends.

    fresh model --first--> its best epoch --second--> its best epoch --third--> ... --> tested
A field left at null is as optim and tasks say, so that stages=one is plain training. Each stage has an optimiser, a schedule
and a batch order of its own; the weights go on. While the encoder is frozen, its states are computed once for the stage.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from ser_core.errors import SettingError
from ser_core.options import Option, Situation, at_least

PARTS = ("heads", "fusion", "adapters", "encoder")
"""What a stage can train: the tasks' heads; what lies between encoder and heads; what was added inside the encoder; its
own upper layers, as far as model.speech.tune and model.text.tune reach."""


@dataclasses.dataclass(frozen=True)
class TaskWeights(Option):
    """Weights of the tasks in one stage, each at least 0, in place of tasks.<name>.weight; null keeps that."""

    emotion: float | None = None
    """Weight of the emotion category in this stage; null is as tasks.emotion.weight."""
    dimensions: float | None = None
    """Weight of the dimensions in this stage; null is as tasks.dimensions.weight."""
    gender: float | None = None
    """Weight of gender in this stage; null is as tasks.gender.weight."""
    transcript: float | None = None
    """Weight of the transcript in this stage; null is as tasks.transcript.weight."""
    style: float | None = None
    """Weight of style in this stage; null is as tasks.style.weight."""
    speaker: float | None = None
    """Weight of the speaker in this stage; null is as tasks.speaker.weight."""
    contrast: float | None = None
    """Weight of contrast in this stage; null is as tasks.contrast.weight."""
    augmented_contrast: float | None = None
    """Weight of augmented contrast in this stage; null is as tasks.augmented_contrast.weight."""
    self_contrast: float | None = None
    """Weight of self-contrast in this stage; null is as tasks.self_contrast.weight."""

    key: ClassVar[str] = "stages.*.weights"

    def __post_init__(self) -> None:
        for name in self.given():
            at_least(self, name, 0)

    def given(self) -> dict[str, float]:
        """The weights that this stage sets itself, by task."""
        values = ((field.name, getattr(self, field.name)) for field in dataclasses.fields(self))
        return {name: value for name, value in values if value is not None}


@dataclasses.dataclass(frozen=True)
class Stage(Option):
    """One stage of training."""

    key: ClassVar[str] = "stages.*"
    epochs: int | None = None
    """Most passes over the training part, at least 1; null is optim.epochs."""
    patience: int | None = None
    """Epochs without a better development score that end the stage; 0 runs and keeps them all, null is optim.patience."""
    batch: int | None = None
    """Utterances per step, at least 2, as optim.batching counts them; null is optim.batch."""
    trains: list[str] = dataclasses.field(default_factory=lambda: list(PARTS))
    """What is trained, of heads, fusion (with the channels' projections), adapters and encoder; the rest is frozen."""
    top: int | None = None
    """Uppermost encoder layers trained, of those that model.speech.tune and model.text.tune name, at least 0; null is all."""
    heads_rate: float = 1.0
    """Factor on the learning rate of the heads, at least 0."""
    fusion_rate: float = 1.0
    """Factor on the learning rate of channels' projections and fusion, at least 0."""
    adapters_rate: float = 1.0
    """Factor on the learning rate of what was added inside the encoder, at least 0."""
    encoder_rate: float = 1.0
    """Factor on the learning rate of the encoder's layers, beside model.speech.rate and its decay, at least 0."""
    weights: TaskWeights = dataclasses.field(default_factory=TaskWeights)
    """What each task counts in this stage."""

    def __post_init__(self) -> None:
        for field, low in (("epochs", 1), ("patience", 0), ("batch", 2), ("top", 0)):
            if getattr(self, field) is not None:
                at_least(self, field, low)
        for part in PARTS:
            at_least(self, f"{part}_rate", 0)
        if unknown := [part for part in self.trains if part not in PARTS]:
            raise SettingError(f"stages.*.trains: there is no part {unknown[0]!r}; choose from {', '.join(PARTS)}")


@dataclasses.dataclass(frozen=True)
class StagesOption(Option):
    """Base of the numbers of stages."""

    key: ClassVar[str] = "stages"

    def all(self) -> dict[str, Stage]:
        """The stages by name, in order."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "name"}

    def without_effect(self, situation: Situation) -> dict[str, str]:
        config, found = situation.config, dict[str, str]()
        trained = config.tasks.settled(situation.corpus, config.model.channels).active()
        for name, stage in self.all().items():
            for task, weight in stage.weights.given().items():
                if weight > 0 and task not in trained:
                    found[f"{name}.weights.{task}"] = f"task {task} is left out"
            for part in PARTS:
                if part not in config.model.parts:
                    found[f"{name}.{part}_rate"] = f"this model has no {part} to train (model.speech.tune, model.text.tune)"
                elif part not in stage.trains:
                    found[f"{name}.{part}_rate"] = f"stages.{name}.trains leaves {part} out"
            if not config.model.tuned:
                found[f"{name}.top"] = "no layer of an encoder is trained (model.speech.tune, model.text.tune)"
            if stage.patience and stage.patience >= (stage.epochs or config.optim.epochs):
                found[f"{name}.patience"] = f"stage {name} has no more epochs than that"
        return found

    def among(self, tasks: Collection[str]) -> "StagesOption":
        """The same stages without weights for tasks that are not there."""
        kept = {
            name: dataclasses.replace(
                stage, weights=TaskWeights(**{task: value for task, value in stage.weights.given().items() if task in tasks})
            )
            for name, stage in self.all().items()
        }
        return dataclasses.replace(self, **kept)


@dataclasses.dataclass(frozen=True)
class One(StagesOption):
    """Everything at once."""

    neutral: ClassVar[bool] = True
    name: str = "one"
    """The name of this option."""
    first: Stage = dataclasses.field(default_factory=Stage)
    """The only stage."""


@dataclasses.dataclass(frozen=True)
class Two(One):
    """Two-stage fine-tuning."""

    name: str = "two"
    """The name of this option."""
    second: Stage = dataclasses.field(default_factory=Stage)
    """The stage after the first."""


@dataclasses.dataclass(frozen=True)
class Three(Two):
    """Three stages."""

    name: str = "three"
    """The name of this option."""
    third: Stage = dataclasses.field(default_factory=Stage)
    """The stage after the second."""


STAGES: dict[str, type[StagesOption]] = {"one": One, "two": Two, "three": Three}


@dataclasses.dataclass(frozen=True)
class StagePlan:
    """A stage with nothing left open."""

    name: str
    epochs: int
    patience: int
    batch: int
    trains: frozenset[str]
    top: int | None
    rates: Mapping[str, float]
    """Factor on the learning rate, by part."""
    weights: Mapping[str, float]
    """Weight of each task above 0, by task."""


def plan_stages(stages: StagesOption, epochs: int, patience: int, batch: int, tasks: Mapping[str, float]) -> Sequence[StagePlan]:
    """The stages in order, what they leave open filled in; `tasks` holds the weight of every task that is built.

    Raises SettingError when a stage is left without a task.
    """
    plans = []
    for name, stage in stages.all().items():
        weights = {task: stage.weights.given().get(task, weight) for task, weight in tasks.items()}
        weights = {task: weight for task, weight in weights.items() if weight > 0}
        if not weights:
            raise SettingError(
                f"stages.{name} has no task left: all its weights are 0, or corpus and channels lack what the others need; "
                f"give stages.{name}.weights a task, or leave the stage out"
            )
        plans.append(
            StagePlan(
                name=name,
                epochs=epochs if stage.epochs is None else stage.epochs,
                patience=patience if stage.patience is None else stage.patience,
                batch=batch if stage.batch is None else stage.batch,
                trains=frozenset(stage.trains),
                top=stage.top,
                rates={part: getattr(stage, f"{part}_rate") for part in PARTS},
                weights=weights,
            )
        )
    return plans
