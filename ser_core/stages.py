"""Fine-tuning stages: what trains, for how long, at which rate, under which task weights, and when the stage ends.

    fresh model --first--> its best epoch --second--> its best epoch --third--> ... --> tested
A null field takes its value from optim or tasks, so stages=one is plain training. Each stage has its own optimiser, schedule and
batch order; the weights carry over. While a stage freezes the encoder, the encoder's states are computed once for that stage.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from ser_core.errors import SettingError
from ser_core.options import Option, Situation, at_least, one_of
from ser_core.tasks import TASKS

PARTS = ("heads", "fusion", "adapters", "encoder")
"""The parts that a stage can train: the tasks' heads; everything between encoder and heads; adapters inside the encoder; the
encoder's own upper layers, as far as model.speech.tune and model.text.tune reach."""


def one_weight_per_task(option: type) -> type:
    """Gives a class of options one field per task, so that a new task can be weighted in every stage."""
    for task in TASKS:
        sentence = f"Weight of the task {task} in this stage, at least 0; null means tasks.{task}.weight."
        option.__annotations__[task] = float | None
        setattr(option, task, dataclasses.field(default=None, metadata={"sentence": sentence}))
    return option


@dataclasses.dataclass(frozen=True)
@one_weight_per_task
class TaskWeights(Option):
    """Weights of the tasks in one stage, each at least 0. They replace tasks.<name>.weight; null keeps it."""

    key: ClassVar[str] = "stages.*.weights"

    def __post_init__(self) -> None:
        for name in self.given():
            at_least(self, name, 0)

    def given(self) -> dict[str, float]:
        """Returns the weights that this stage sets itself, by task."""
        values = ((field.name, getattr(self, field.name)) for field in dataclasses.fields(self))
        return {name: value for name, value in values if value is not None}


@dataclasses.dataclass(frozen=True)
class Stage(Option):
    """One stage of training."""

    key: ClassVar[str] = "stages.*"
    epochs: int | None = None
    """Maximum number of passes over the training part, at least 1; null means optim.epochs."""
    patience: int | None = None
    """Epochs without a better development score that end the stage; 0 runs and keeps all epochs, null means optim.patience."""
    batch: int | None = None
    """Utterances per step, at least 2, counted as in optim.batching; null means optim.batch."""
    sampling: str | None = None
    """How an epoch draws utterances: shuffled or balanced, as in optim.sampling; null means optim.sampling."""
    trains: list[str] = dataclasses.field(default_factory=lambda: list(PARTS))
    """Parts to train: heads, fusion (with the channels' projections), adapters, encoder. The others are frozen."""
    top: int | None = None
    """Number of top encoder layers to train, among those of model.speech.tune and model.text.tune, at least 0; null means all."""
    heads_rate: float = 1.0
    """Factor on the learning rate of the heads, at least 0."""
    fusion_rate: float = 1.0
    """Factor on the learning rate of the fusion and the channels' projections, at least 0."""
    adapters_rate: float = 1.0
    """Factor on the learning rate of adapters inside the encoder, at least 0."""
    encoder_rate: float = 1.0
    """Factor on the learning rate of the encoder's layers, on top of model.speech.rate and its decay, at least 0."""
    weights: TaskWeights = dataclasses.field(default_factory=TaskWeights)
    """Task weights in this stage."""

    def __post_init__(self) -> None:
        for field, low in (("epochs", 1), ("patience", 0), ("batch", 2), ("top", 0)):
            if getattr(self, field) is not None:
                at_least(self, field, low)
        if self.sampling is not None:
            one_of(self, "sampling", ("shuffled", "balanced"))
        for part in PARTS:
            at_least(self, f"{part}_rate", 0)
        if unknown := [part for part in self.trains if part not in PARTS]:
            raise SettingError(f"stages.*.trains: there is no part {unknown[0]!r}; choose from {', '.join(PARTS)}")


@dataclasses.dataclass(frozen=True)
class StagesOption(Option):
    """Base of the options for the number of stages."""

    key: ClassVar[str] = "stages"

    def all(self) -> dict[str, Stage]:
        """Returns the stages by name, in order."""
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
        """Returns the same stages without weights for missing tasks."""
        kept = {
            name: dataclasses.replace(
                stage, weights=TaskWeights(**{task: value for task, value in stage.weights.given().items() if task in tasks})
            )
            for name, stage in self.all().items()
        }
        return dataclasses.replace(self, **kept)


@dataclasses.dataclass(frozen=True)
class One(StagesOption):
    """One stage that trains everything at once."""

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
    """A stage with every field filled in."""

    name: str
    epochs: int
    patience: int
    batch: int
    sampling: str
    trains: frozenset[str]
    top: int | None
    rates: Mapping[str, float]
    """Factor on the learning rate, by part."""
    weights: Mapping[str, float]
    """Weight of each task above 0, by task."""


def plan_stages(stages: StagesOption, optim: Any, tasks: Mapping[str, float]) -> Sequence[StagePlan]:
    """Returns the stages in order, with open fields filled in from `optim`. `tasks` holds the weight of every task that is built.

    Raises SettingError if a stage has no task.
    """
    plans = []
    for name, stage in stages.all().items():
        weights = {task: stage.weights.given().get(task, weight) for task, weight in tasks.items()}
        weights = {task: weight for task, weight in weights.items() if weight > 0}
        if not weights:
            raise SettingError(
                f"stages.{name} has no task left: all its weights are 0, or corpus and channels do not support the others; "
                f"give a task a weight in stages.{name}.weights, or use fewer stages"
            )
        plans.append(
            StagePlan(
                name=name,
                epochs=optim.epochs if stage.epochs is None else stage.epochs,
                patience=optim.patience if stage.patience is None else stage.patience,
                batch=optim.batch if stage.batch is None else stage.batch,
                sampling=optim.sampling if stage.sampling is None else stage.sampling,
                trains=frozenset(stage.trains),
                top=stage.top,
                rates={part: getattr(stage, f"{part}_rate") for part in PARTS},
                weights=weights,
            )
        )
    return plans
