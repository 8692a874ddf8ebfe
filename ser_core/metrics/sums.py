"""Sums per speaker from which many redraws are scored at once, and division that keeps undefined values visible."""

import numpy as np


def confusion_counts(truth: np.ndarray, predicted: np.ndarray, speaker: np.ndarray, speakers: int) -> np.ndarray:
    """Counts utterances by speaker, true class and predicted class [speakers classes classes]."""
    classes = np.union1d(truth, predicted)
    counts = np.zeros((speakers, len(classes), len(classes)))
    np.add.at(counts, (speaker, np.searchsorted(classes, truth), np.searchsorted(classes, predicted)), 1)
    return counts


def moments(truth: np.ndarray, predicted: np.ndarray, speaker: np.ndarray, speakers: int) -> np.ndarray:
    """Returns sums per speaker of 1, t, p, tt, pp, tp [speakers 6]. Truth and prediction share a shift to keep squares small."""
    shifted, guess = truth - truth.mean(), predicted - truth.mean()
    columns = (np.ones_like(shifted), shifted, guess, shifted**2, guess**2, shifted * guess)
    return np.stack([np.bincount(speaker, column, speakers) for column in columns], axis=1)


def divide(above: np.ndarray, below: np.ndarray, undefined: float = float("nan")) -> np.ndarray:
    """Returns above / below, and `undefined` where `below` is not positive."""
    return np.divide(above, below, out=np.full(np.shape(above), undefined, float), where=below > 0)
