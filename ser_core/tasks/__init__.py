"""One file per task. `Tasks` is the only list: a field per task, all present, those of weight 0 built by nobody."""

import dataclasses

from ser_core.corpus.corpus import Corpus
from ser_core.tasks.dimensions import Dimensions
from ser_core.tasks.emotion import Emotion
from ser_core.tasks.gender import Gender
from ser_core.tasks.task import Head, TaskOption


@dataclasses.dataclass(frozen=True)
class Tasks:
    """What the model predicts, each task with its weight in the loss."""

    emotion: Emotion = dataclasses.field(default_factory=Emotion)
    """The emotion category."""
    dimensions: Dimensions = dataclasses.field(default_factory=Dimensions)
    """Valence, arousal, dominance: whichever dimensions the corpus rates."""
    gender: Gender = dataclasses.field(default_factory=Gender)
    """The speaker's gender, a helper task."""

    def all(self) -> dict[str, TaskOption]:
        """Every task by name, in order."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def active(self) -> dict[str, TaskOption]:
        """The tasks of weight above 0."""
        return {name: task for name, task in self.all().items() if task.weight > 0}

    def settled(self, corpus: Corpus) -> "Tasks":
        """The same tasks with weight 0 for those whose labels the corpus lacks."""
        absent = {name: dataclasses.replace(t, weight=0.0) for name, t in self.all().items() if not t.available(corpus)}
        return dataclasses.replace(self, **absent)


TASKS: tuple[str, ...] = tuple(field.name for field in dataclasses.fields(Tasks))

__all__ = ["TASKS", "Head", "TaskOption", "Tasks"]
