"""`ser predict`: emotions of files, one line each; a file that cannot be used is named with its reason and left out.

inputs --utterances--> model.predict --write--> lines      bad files --> standard error, counted at the end
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from cluster.models.inputs import Found, InputSettings, utterances
from cluster.models.outputs import columns_of, format_of, writing
from ser_core.errors import AudioError
from ser_core.trained.emotion_model import CHUNK, EmotionModel, Utterance
from ser_core.trained.prediction import Prediction


def predict_files(
    model: EmotionModel,
    inputs: Sequence[str],
    settings: InputSettings,
    target: Path | None,
    form: str,
    report: Callable[[str, AudioError], None],
    advance: Callable[[int], None] = lambda done: None,
) -> tuple[int, int]:
    """Writes the predictions of all inputs. Returns how many were written, and how many could not be used.

    `report` gets each file that could not be used, `advance` the number of utterances done so far.
    """
    helpers = [name for name, task in model.tasks.items() if task.helper and task.predicts]
    written = refused = 0
    form = format_of(target, form)
    with writing(target, form, columns_of(model.description, helpers)) as write:
        for file, answer in answers(model, utterances(inputs, settings, model.reads_text)):
            if isinstance(answer, AudioError):
                refused += 1
                report(file, answer)
            else:
                written += 1
                write(file, answer)
            advance(written + refused)
    return written, refused


def answers(model: EmotionModel, found: Iterable[Found]) -> Iterator[tuple[str, Prediction | AudioError]]:
    """Yields file and answer for each input, in order, a chunk at a time."""
    left = iter(found)
    while chunk := list(itertools.islice(left, CHUNK)):
        good = [one for one in chunk if isinstance(one, Utterance)]
        predicted = iter(model.predict(good))
        for one in chunk:
            yield (one.file, next(predicted)) if isinstance(one, Utterance) else one
