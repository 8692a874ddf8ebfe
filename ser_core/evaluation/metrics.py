"""The field's scores, by definition and under one name each (TERMS); audmetric computes what it has.

    predictions --score--> uar wa macro_f1 ece | recall.<class> | ccc. pcc. mae.<dimension> | uar. mean_ccc.<female male gap>
Every score is taken over a whole part, never as the mean of batches. What is undefined is NaN or left out, never guessed.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from ser_core.evaluation.prediction_columns import (
    Columns,
    arrays,
    class_places,
    confidences,
    dimensions,
    labelled_answers,
    likelihoods,
    rated_answers,
)

DEFINITIONS = "metrics-1"
"""Names these definitions on every protocol card; raised when one of them changes."""
CALIBRATION_BINS = 15
"""Bins of equal width between confidence 0 and 1 (Guo et al. 2017)."""
GENDERS = ("female", "male")
"""The groups of speakers that are told apart, as the corpora spell them."""


@dataclasses.dataclass(frozen=True)
class Term:
    """How a metric is called, printed and read."""

    heading: str
    meaning: str
    aliases: tuple[str, ...] = ()
    """Other names of the same thing. A name stands for one metric only."""
    percent: bool = True
    """Whether it is printed in percent, with two decimals; otherwise as it is, with three."""
    less_is_better: bool = False


TERMS: dict[str, Term] = {
    "uar": Term("UAR", "unweighted average recall", ("UA", "balanced accuracy")),
    "wa": Term("WA", "accuracy", ("weighted accuracy",)),
    "macro_f1": Term("macro-F1", "mean F1 over classes", ("UAF",)),
    "recall": Term("recall", "share of a class that is found"),
    "ece": Term("ECE", "expected calibration error of the emotion head", less_is_better=True),
    "ccc": Term("CCC", "concordance correlation", percent=False),
    "pcc": Term("PCC", "Pearson correlation", ("Pearson's r",), percent=False),
    "mae": Term("MAE", "mean absolute error in the corpus's own scale", percent=False, less_is_better=True),
    "cer": Term("CER", "character error rate of the recognised transcript", less_is_better=True),
    "mean_ccc": Term("mean CCC", "mean of CCC over dimensions", percent=False),
}
"""The only list of names: `uar` is UAR wherever it is stored, printed or plotted, and so for every other."""
AMBIGUOUS = "WAR (weighted average recall) is WA by definition, yet some papers print it for UAR"


def under(metric: str, condition: str) -> str:
    """The name of a metric under a condition of config.conditions.

    >>> under("uar", "noise:10")
    'uar@noise:10'
    """
    return f"{metric}@{condition}"


def unconditional(scores: Mapping[str, float]) -> dict[str, float]:
    """The scores without those under a condition or after a stage."""
    return {name: score for name, score in scores.items() if "@" not in name}


def term(metric: str) -> Term:
    """The term of a metric, whatever it is taken of and under whatever condition; without one it is headed by its own name.

    >>> term("ccc.valence").heading, term("gender.uar@noise:10").heading, term("recall.wa").heading, term("loss").heading
    ('CCC', 'UAR', 'recall', 'LOSS')
    """
    metric = metric.partition("@")[0]
    kind, last = metric.partition(".")[0], metric.rpartition(".")[2]
    return TERMS.get(kind) or TERMS.get(last) or Term(last.upper(), last)


def less_is_better(metric: str) -> bool:
    """Whether a smaller value is the better one.

    >>> less_is_better("mae.valence"), less_is_better("uar.gap"), less_is_better("uar.female")
    (True, True, False)
    """
    return term(metric).less_is_better or metric.partition("@")[0] in ("uar.gap", "mean_ccc.gap")


def recalls(truth: Sequence[str] | np.ndarray, predicted: Sequence[str] | np.ndarray) -> dict[str, float]:
    """Per class of the truth, in order of name, the share found; a class that is only predicted has none.

    >>> recalls(["a", "a", "b"], ["a", "c", "b"])
    {'a': 0.5, 'b': 1.0}
    """
    import audmetric

    if not len(truth):
        return {}
    classes, target, answer = class_places(truth, predicted)
    found = audmetric.recall_per_class(target, answer, range(len(classes)))
    return {classes[place]: found[place] for place in np.unique(target)}


def uar(truth: Sequence[str] | np.ndarray, predicted: Sequence[str] | np.ndarray) -> float:
    """Mean over the classes present in `truth` of the share found; in [0, 1], NaN without utterances.

    >>> uar(["a", "a", "a", "b"], ["a", "a", "b", "c"])
    0.3333333333333333
    >>> uar(["b", "b"], ["b", "c"])
    0.5
    """
    return float(np.mean(list(recalls(truth, predicted).values()))) if len(truth) else float("nan")


def wa(truth: Sequence[str] | np.ndarray, predicted: Sequence[str] | np.ndarray) -> float:
    """Share of utterances found; in [0, 1], NaN without utterances.

    >>> wa(["a", "a", "a", "b"], ["a", "a", "b", "c"])
    0.5
    """
    import audmetric

    if not len(truth):
        return float("nan")
    classes, target, answer = class_places(truth, predicted)
    return float(audmetric.accuracy(target, answer, range(len(classes))))


def macro_f1(truth: Sequence[str] | np.ndarray, predicted: Sequence[str] | np.ndarray) -> float:
    """Mean F1 over the classes present in `truth`; in [0, 1], NaN without utterances.

    As with UAR, a class that is only predicted costs the class it was taken from, and is no class of its own: a single
    stray answer in a small test part would otherwise add a zero to the mean.

    >>> round(macro_f1(["a", "a", "a", "b"], ["a", "a", "b", "c"]), 4)
    0.4
    """
    import audmetric

    if not len(truth):
        return float("nan")
    classes, target, answer = class_places(truth, predicted)
    scores = audmetric.fscore_per_class(target, answer, range(len(classes)))
    return float(np.mean([scores[place] for place in np.unique(target)]))


def ccc(truth: Sequence[float] | np.ndarray, predicted: Sequence[float] | np.ndarray) -> float:
    """Agreement of two ratings in [-1, 1] (Lin 1989): 1 only on the diagonal; NaN with fewer than two utterances.

    >>> round(ccc([1, 2, 3], [1, 2, 4]), 4)
    0.8571
    """
    import audmetric

    if len(truth) < 2:
        return float("nan")
    return float(audmetric.concordance_cc(np.asarray(truth, float).tolist(), np.asarray(predicted, float).tolist()))


def pcc(truth: Sequence[float] | np.ndarray, predicted: Sequence[float] | np.ndarray) -> float:
    """Pearson's correlation in [-1, 1], blind to scale and offset; NaN where either side does not vary.

    >>> pcc([1, 2, 3], [10, 20, 30])
    1.0
    """
    import audmetric

    if len(truth) < 2 or np.ptp(truth) == 0 or np.ptp(predicted) == 0:
        return float("nan")
    return float(audmetric.pearson_cc(np.asarray(truth, float).tolist(), np.asarray(predicted, float).tolist()))


def mae(truth: Sequence[float] | np.ndarray, predicted: Sequence[float] | np.ndarray) -> float:
    """Mean absolute error in the unit of the ratings, at least 0; NaN without utterances.

    >>> mae([1, 2, 3], [1, 2, 4.5])
    0.5
    """
    import audmetric

    return float(audmetric.mean_absolute_error(list(truth), list(predicted))) if len(truth) else float("nan")


def cer(truth: Sequence[str] | np.ndarray, predicted: Sequence[str] | np.ndarray) -> float:
    """Characters to change, add or take away, over all texts, per character of the truth; at least 0, NaN without any.

    >>> cer(["anger", "joy"], ["angr", "toy"])
    0.25
    """
    import audmetric

    changes = sum(audmetric.edit_distance(str(said), str(read)) for said, read in zip(truth, predicted, strict=True))
    return changes / sum(map(len, truth)) if len(truth) else float("nan")


@dataclasses.dataclass(frozen=True)
class Bin:
    """The predictions whose confidence lies in one bin: how many, how sure on average, and what share is right."""

    utterances: int
    confidence: float
    accuracy: float


def calibration(confidence: Sequence[float] | np.ndarray, correct: Sequence[bool] | np.ndarray) -> list[Bin]:
    """The bins that hold a prediction, by rising confidence; each of CALIBRATION_BINS is open below and closed above."""
    confidence, correct = np.asarray(confidence, float), np.asarray(correct, bool)
    numbers = np.searchsorted(np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1], confidence)
    inside = [numbers == number for number in np.unique(numbers)]
    return [Bin(int(rows.sum()), float(confidence[rows].mean()), float(correct[rows].mean())) for rows in inside]


def ece(confidence: Sequence[float] | np.ndarray, correct: Sequence[bool] | np.ndarray) -> float:
    """Expected calibration error of the top class, in [0, 1]: mean distance of confidence and accuracy over bins.

    Naeini et al. 2015, AAAI; Guo et al. 2017, arXiv 1706.04599. NaN without utterances. With few utterances per bin it is
    too large, so the value over all test parts together says more than the mean over folds.

    >>> round(ece([0.9, 0.9, 0.3, 0.3], [True, True, False, True]), 4)
    0.15
    """
    bins = calibration(confidence, correct)
    total = sum(one.utterances for one in bins)
    return sum(one.utterances * abs(one.accuracy - one.confidence) for one in bins) / total if total else float("nan")


def main_scores(predictions: Columns) -> dict[str, float]:
    """UAR, WA and CCC alone, as far as the columns allow: what early stopping asks for after every epoch."""
    scores: dict[str, float] = {}
    for task, prefix in (("emotion", ""), ("gender", "gender."), ("style", "style.")):
        if f"{task}.target" in predictions:
            truth, predicted = labelled_answers(predictions, task)
            scores[f"{prefix}uar"], scores[f"{prefix}wa"] = uar(truth, predicted), wa(truth, predicted)
    return scores | {f"ccc.{name}": ccc(*rated_answers(predictions, name)) for name in dimensions(predictions)}


def score(predictions: Columns) -> dict[str, float]:
    """Every metric that the columns of `predictions` (see TestPart) allow; unlabelled utterances are left out."""
    predictions = arrays(predictions)
    scores = main_scores(predictions)
    if "emotion.target" in predictions:
        truth, predicted = labelled_answers(predictions, "emotion")
        scores["macro_f1"] = macro_f1(truth, predicted)
        scores |= {f"recall.{name}": recall for name, recall in recalls(truth, predicted).items()}
    if likelihoods(predictions):
        scores["ece"] = ece(*confidences(predictions))
    for name in dimensions(predictions):
        scores[f"pcc.{name}"], scores[f"mae.{name}"] = (
            pcc(*rated_answers(predictions, name)),
            mae(*rated_answers(predictions, name)),
        )
    if "transcript.target" in predictions:
        scores["transcript.cer"] = cer(*labelled_answers(predictions, "transcript"))
    return scores | by_gender(predictions)


def by_gender(predictions: Columns) -> dict[str, float]:
    """UAR and mean CCC of the women and of the men, and the distance of the two; {} unless the part has both."""
    found: dict[str, float] = {}
    if "gender" not in predictions:
        return found
    whole = arrays(predictions)
    groups = [{name: values[whole["gender"] == gender] for name, values in whole.items()} for gender in GENDERS]
    for kind, of in (("uar", _uar_of_emotions), ("mean_ccc", _mean_ccc_of_all)):
        one, other = map(of, groups)
        if math.isfinite(one) and math.isfinite(other):
            found |= dict(zip([f"{kind}.{each}" for each in (*GENDERS, "gap")], [one, other, abs(one - other)], strict=True))
    return found


def _uar_of_emotions(predictions: Columns) -> float:
    return uar(*labelled_answers(predictions, "emotion")) if "emotion.target" in predictions else math.nan


def _mean_ccc_of_all(predictions: Columns) -> float:
    return mean_ccc({f"ccc.{name}": ccc(*rated_answers(predictions, name)) for name in dimensions(predictions)})


def mean_ccc(scores: Mapping[str, float]) -> float:
    """Mean of CCC over the dimensions; NaN where one is undefined, and without dimensions."""
    values = [value for name, value in unconditional(scores).items() if name.startswith("ccc.")]
    return sum(values) / len(values) if values else float("nan")
