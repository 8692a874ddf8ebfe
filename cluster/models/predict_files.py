"""`ser predict`: emotions of files, one line each; a file that cannot be used is named with its reason and left out.

inputs --utterances--> model.predict --write--> lines      bad files --> standard error, counted at the end
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from cluster.models.inputs import Found, InputSettings, utterances
from cluster.models.outputs import columns_of, format_of, writing
from ser_core.errors import AudioError
from ser_core.trained.emotion_model import CHUNK, EmotionModel, Utterance
from ser_core.trained.prediction import Prediction
from ser_core.trained.windows import duration


@dataclasses.dataclass(frozen=True)
class Predicted:
    """What came of the inputs, in utterances."""

    written: int = 0
    refused: int = 0
    cut: int = 0
    """Those that are longer than what the model hears at once (audio.max_seconds)."""

    @property
    def done(self) -> int:
        return self.written + self.refused

    def after(self, answer: Prediction | AudioError, longest: float) -> "Predicted":
        if isinstance(answer, AudioError):
            return dataclasses.replace(self, refused=self.refused + 1)
        cut = answer.end - answer.start > longest
        return dataclasses.replace(self, written=self.written + 1, cut=self.cut + cut)


def predict_files(
    model: EmotionModel,
    inputs: Sequence[str],
    settings: InputSettings,
    target: Path | None,
    form: str,
    report: Callable[[str, AudioError], None],
    advance: Callable[[int], None] = lambda done: None,
) -> Predicted:
    """Writes the predictions of all inputs and counts them.

    `report` gets each file that could not be used, `advance` the number of utterances done so far.
    """
    helpers = [name for name, task in model.tasks.items() if task.helper and task.predicts]
    form, counted = format_of(target, form), Predicted()
    with writing(target, form, columns_of(model.description, helpers)) as write:
        for file, answer in answers(model, utterances(inputs, settings, model.reads_text)):
            if isinstance(answer, AudioError):
                report(file, answer)
            else:
                write(file, answer)
            counted = counted.after(answer, model.config.audio.max_seconds)
            advance(counted.done)
    return counted


def answers(model: EmotionModel, found: Iterable[Found]) -> Iterator[tuple[str, Prediction | AudioError]]:
    """Yields file and answer for each input, in order, a chunk at a time. Every answer has an end, if a header says it."""
    left = iter(found)
    while chunk := list(itertools.islice(left, CHUNK)):
        good = [one for one in chunk if isinstance(one, Utterance)]
        predicted = iter(model.predict(good))
        for one in chunk:
            yield (one.file, _ended(one, next(predicted))) if isinstance(one, Utterance) else one


def _ended(asked: Utterance, answer: Prediction | AudioError) -> Prediction | AudioError:
    if isinstance(answer, AudioError) or not math.isnan(answer.end):
        return answer
    try:
        return dataclasses.replace(answer, end=duration(asked.file))
    except AudioError:
        return answer
