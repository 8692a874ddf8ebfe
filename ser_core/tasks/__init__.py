"""One file per task. `Tasks` is the only list: one field per task, always present; a task of weight 0 is not built."""

import dataclasses
from collections.abc import Collection
from typing import ClassVar, get_type_hints

from torch import Tensor

from ser_core.channels import CHANNELS
from ser_core.corpus.corpus import Corpus
from ser_core.options import Option, Situation
from ser_core.tasks.augmented_contrast import AugmentedContrast
from ser_core.tasks.contrast import Contrast
from ser_core.tasks.dimensions import Dimensions
from ser_core.tasks.emotion import Emotion
from ser_core.tasks.gender import Gender
from ser_core.tasks.self_contrast import SelfContrast
from ser_core.tasks.speaker import Speaker
from ser_core.tasks.style import Style
from ser_core.tasks.task import Head, TaskOption
from ser_core.tasks.transcript import Transcript
from ser_core.tasks.views import Memory, Views


@dataclasses.dataclass(frozen=True)
class Tasks(Option):
    """What the model predicts: each task with its weight in the loss."""

    key: ClassVar[str] = "tasks"
    emotion: Emotion = dataclasses.field(default_factory=Emotion)
    """The emotion category."""
    dimensions: Dimensions = dataclasses.field(default_factory=Dimensions)
    """Valence, arousal, dominance, or the other dimensions that the corpus rates."""
    gender: Gender = dataclasses.field(default_factory=Gender)
    """The speaker's gender, as a helper task."""
    transcript: Transcript = dataclasses.field(default_factory=Transcript)
    """The spoken text, letter by letter, as a helper task."""
    style: Style = dataclasses.field(default_factory=Style)
    """Scripted or improvised, as a helper task."""
    speaker: Speaker = dataclasses.field(default_factory=Speaker)
    """The speaker, among those of the training part, as a helper task that is never tested."""
    contrast: Contrast = dataclasses.field(default_factory=Contrast)
    """Pulls utterances of the same emotion together and pushes others apart, as a helper task without predictions."""
    augmented_contrast: AugmentedContrast = dataclasses.field(default_factory=AugmentedContrast)
    """Pulls two views of the same sentence together and pushes others apart, as a helper task without predictions."""
    self_contrast: SelfContrast = dataclasses.field(default_factory=SelfContrast)
    """Pulls the emotion, gender and style features of an utterance together, as a helper task without predictions."""

    def all(self) -> dict[str, TaskOption]:
        """Returns every task by name, in order."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def active(self) -> dict[str, TaskOption]:
        """Returns the tasks with weight above 0."""
        return {name: task for name, task in self.all().items() if task.weight > 0}

    @property
    def stored(self) -> list[str]:
        """Returns the versions of each utterance that must be stored for the active tasks; [] for none."""
        return [version for task in self.active().values() for version in task.stored]

    def offered(self, corpus: Corpus, channels: Collection[str] = CHANNELS) -> dict[str, TaskOption]:
        """Returns the tasks for which the corpus has labels and the model reads the required channels."""
        active = self.active()
        found = {name: task.restricted_to(active) for name, task in self.all().items() if set(task.channels) <= set(channels)}
        return {name: task for name, task in found.items() if task.available(corpus)}

    def settled(self, corpus: Corpus, channels: Collection[str] = CHANNELS) -> "Tasks":
        """Returns the same tasks, with weight 0 for those that corpus and channels do not support."""
        offered = self.offered(corpus, channels)
        absent = {name: dataclasses.replace(t, weight=0.0) for name, t in self.all().items() if name not in offered}
        left = dataclasses.replace(self, **absent)
        return dataclasses.replace(left, **{name: task.restricted_to(left.active()) for name, task in left.all().items()})

    def without_effect(self, situation: Situation) -> dict[str, str]:
        channels, corpus = situation.config.model.channels, situation.corpus
        trained = self.settled(corpus, channels).active()
        found = {}
        for name, task in self.all().items():
            unread = [channel for channel in task.channels if channel not in channels]
            if task.weight == 0:
                settings = [field.name for field in dataclasses.fields(task) if field.name != "weight"]
                asked = f"tasks.{name}.weight" not in situation.given
                found |= {f"{name}.{setting}": f"tasks.{name}.weight=0 leaves the task out" for setting in settings if asked}
            elif name not in trained and unread:
                found[name] = f"the task reads {unread[0]}, but model.{unread[0]}=none; the task is left out"
            elif name not in trained and not task.available(corpus):
                found[name] = f"the task needs {task.needs}, but corpus {corpus.name} has none; the task is left out"
            elif name not in trained:
                found[name] = "fewer than two of the tasks that it compares are trained; the task is left out"
        return found

    def targets(self, corpus: Corpus) -> dict[str, Tensor]:
        """Returns the targets of every task for which the corpus has labels, in the order of its table."""
        return {name: task.targets(corpus) for name, task in self.offered(corpus).items()}


TASKS: dict[str, type[TaskOption]] = {field.name: get_type_hints(Tasks)[field.name] for field in dataclasses.fields(Tasks)}
"""Every task's class by name, in order."""

__all__ = ["TASKS", "Head", "Memory", "TaskOption", "Tasks", "Views"]
