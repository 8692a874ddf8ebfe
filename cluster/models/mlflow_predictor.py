"""A trained model as MLflow runs it: recordings as bytes in, one row of answers each out.

MLflow keeps this file itself and imports it to load the model ("models from code"), so nothing is pickled. It imports only what
lies in the folder of the MLflow model: MLflow, `ser_core` and what `ser_core.trained` needs.
"""

import math
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from ser_core.errors import AudioError
from ser_core.tasks.dimensions import Dimensions
from ser_core.trained import EmotionModel, load
from ser_core.trained.emotion_model import Utterance
from ser_core.trained.prediction import Prediction

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # MLflow warns of its own types when this part of it is imported
    from mlflow.models import set_model
    from mlflow.pyfunc.model import PythonModel

ARTIFACT = "model"
"""Name of the exported folder among the artifacts."""


class Predictor(PythonModel):
    """Loads the exported folder, and answers a table with the columns `audio` and, for a model that reads text, `text`."""

    model: EmotionModel

    def load_context(self, context: Any) -> None:
        self.model = load(context.artifacts[ARTIFACT])

    # Without hints, because MLflow warns of all that it cannot turn into a signature; the logged signature is the typed one.
    def predict(self, context, model_input, params=None) -> Any:
        texts = model_input["text"] if "text" in model_input else [""] * len(model_input)
        with tempfile.TemporaryDirectory(prefix="ser-mlflow-") as folder:
            asked = []
            for row, (audio, text) in enumerate(zip(model_input["audio"], texts, strict=True)):
                file = Path(folder) / str(row)
                file.write_bytes(audio)
                asked.append(Utterance(str(file), text=text or ""))
            return pd.DataFrame([answer(found, self.model) for found in self.model.predict(asked)])


def helpers(model: EmotionModel) -> list[str]:
    """Returns the helper tasks that answer with a word, such as gender."""
    return [name for name, task in model.tasks.items() if task.predicts and name not in ("emotion", "dimensions")]


def scales(model: EmotionModel) -> list[str]:
    """Returns the dimensions that the model rates."""
    task = model.tasks.get("dimensions")
    return [each.name for each in task.chosen(model.corpus)] if isinstance(task, Dimensions) else []


def answer(found: Prediction | AudioError, model: EmotionModel) -> dict[str, Any]:
    """Returns one row: emotion, probabilities, dimensions, other answers, uncertainty, spread, and why there is no answer."""
    one = Prediction() if isinstance(found, AudioError) else found
    return {
        "emotion": one.emotion,
        **{f"p.{name}": one.probabilities.get(name, math.nan) for name in model.description.classes},
        **{name: one.dimensions.get(name, math.nan) for name in scales(model)},
        **{name: one.others.get(name, "") for name in helpers(model)},
        "uncertainty": one.uncertainty,
        "spread": one.spread,
        "error": str(found) if isinstance(found, AudioError) else "",
    }


set_model(Predictor())
