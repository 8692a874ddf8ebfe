"""Soft labels: how close the probabilities of a model are to the votes of the annotators.

votes [utterances classes], probabilities [utterances classes] --mean over utterances--> KL, JS; --bins of confidence--> ECE
Steidl et al. 2005 (ICASSP) compare with annotators through entropy; Chou & Lee 2019 (ICASSP) and EMO-SUPERB (Wu et al. 2024,
arXiv 2402.13018) train and score on distributions of votes. Undefined without votes.
"""

import numpy as np

from ser_core.metrics.calibration import CALIBRATION_BINS
from ser_core.metrics.metric import Metric

SMALLEST = 1e-12
"""Probabilities are at least this, so that a class with votes and no probability gives a large and not an infinite KL."""


def vote_kl(votes: np.ndarray, likely: np.ndarray) -> float:
    """Returns the mean KL divergence of the votes from the probabilities, in nats, at least 0; NaN without utterances.

    >>> round(vote_kl(np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])), 4), vote_kl(np.array([[1.0, 0]]), np.array([[1.0, 0]]))
    (0.1438, 0.0)
    """
    return float(_divergence(votes, likely).mean()) if len(votes) else float("nan")


def vote_js(votes: np.ndarray, likely: np.ndarray) -> float:
    """Returns the mean Jensen-Shannon divergence of votes and probabilities, in bits: 0 for equal ones, at most 1 (Lin 1991).

    >>> vote_js(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])), vote_js(np.array([[0.5, 0.5]]), np.array([[0.5, 0.5]]))
    (1.0, 0.0)
    """
    middle = (votes + likely) / 2
    both = (_divergence(votes, middle) + _divergence(likely, middle)) / 2 / np.log(2)
    return float(both.mean()) if len(votes) else float("nan")


def vote_ece(votes: np.ndarray, likely: np.ndarray) -> float:
    """Returns how far the confidence in the most likely class is from the share of annotators who voted for it, over bins.

    It is ECE with votes in place of right and wrong: a model that is as unsure as the annotators has 0. NaN without utterances.

    >>> round(vote_ece(np.array([[0.6, 0.4], [0.8, 0.2]]), np.array([[0.7, 0.3], [0.7, 0.3]])), 4)
    0.0
    """
    if not len(votes):
        return float("nan")
    rows, top = np.arange(len(votes)), likely.argmax(axis=1)
    confidence, share = likely[rows, top], votes[rows, top]
    bins = np.searchsorted(np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1], confidence)
    apart = [abs(confidence[bins == each].sum() - share[bins == each].sum()) for each in np.unique(bins)]
    return float(sum(apart) / len(votes))


def _divergence(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    from scipy.special import xlogy

    return (xlogy(ours, ours) - xlogy(ours, np.maximum(theirs, SMALLEST))).sum(axis=1)


VOTE_KL = Metric(
    name="vote_kl",
    heading="KL to votes",
    meaning="KL divergence of the annotators' votes from the probabilities, in nats",
    reads="votes",
    formula=vote_kl,
    percent=False,
    less_is_better=True,
    bounds=(0.0, float("inf")),
)
VOTE_JS = Metric(
    name="vote_js",
    heading="JS to votes",
    meaning="Jensen-Shannon divergence of votes and probabilities, in bits",
    reads="votes",
    formula=vote_js,
    percent=False,
    less_is_better=True,
)
VOTE_ECE = Metric(
    name="vote_ece",
    heading="ECE against votes",
    meaning="distance of the confidence from the share of annotators who voted for the most likely class",
    reads="votes",
    formula=vote_ece,
    less_is_better=True,
)
