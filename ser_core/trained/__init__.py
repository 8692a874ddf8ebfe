"""Trained models in use: load a folder, predict emotions of files, in Python and without Ray, Optuna or MLflow.

from ser_core.trained import load
model = load("FOLDER")
model("file.wav").emotion
"""

from ser_core.trained.emotion_model import EmotionModel, load
from ser_core.trained.prediction import Prediction

__all__ = ["EmotionModel", "Prediction", "load"]
