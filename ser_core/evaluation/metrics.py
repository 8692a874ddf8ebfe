"""The metrics of the field, by definition and under one name each (TERMS); audmetric computes those that it has.

    predictions --score--> uar wa macro_f1 ece | recall.<class> | ccc. pcc. mae.<dimension> | uar. mean_ccc.<female male gap>
Every score covers a whole part and is never the mean of batches. Undefined values are NaN or left out, never guessed.
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
"""Name of these definitions on every protocol card; increased when one of them changes."""
CALIBRATION_BINS = 15
"""Bins of equal width between confidence 0 and 1 (Guo et al. 2017)."""
GENDERS = ("female", "male")
"""The groups of speakers to compare, as the corpora spell them."""


@dataclasses.dataclass(frozen=True)
class Term:
    """How a metric is named, printed and described."""

    heading: str
    meaning: str
    aliases: tuple[str, ...] = ()
    """Other names of the same metric. A name stands for one metric only."""
    percent: bool = True
    """Whether it is printed in percent with two decimals; otherwise it is printed unscaled with three."""
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
"""The only list of names: `uar` means UAR wherever it is stored, printed or plotted, and so for every other name."""
AMBIGUOUS = "WAR (weighted average recall) is WA by definition, yet some papers print it for UAR"


def under(metric: str, condition: str) -> str:
    """Returns the name of a metric under a condition of config.conditions.

    >>> under("uar", "noise:10")
    'uar@noise:10'
    """
    return f"{metric}@{condition}"


def unconditional(scores: Mapping[str, float]) -> dict[str, float]:
    """Returns the scores that are under no condition and after no stage but the last."""
    return {name: score for name, score in scores.items() if "@" not in name}


def term(metric: str) -> Term:
    """Returns the term of a metric, for any column and condition. An unknown metric gets its own name as heading.

    >>> term("ccc.valence").heading, term("gender.uar@noise:10").heading, term("recall.wa").heading, term("loss").heading
    ('CCC', 'UAR', 'recall', 'LOSS')
    """
    metric = metric.partition("@")[0]
    kind, last = metric.partition(".")[0], metric.rpartition(".")[2]
    return TERMS.get(kind) or TERMS.get(last) or Term(last.upper(), last)


def less_is_better(metric: str) -> bool:
    """Whether a smaller value is better.

    >>> less_is_better("mae.valence"), less_is_better("uar.gap"), less_is_better("uar.female")
    (True, True, False)
    """
    return term(metric).less_is_better or metric.partition("@")[0] in ("uar.gap", "mean_ccc.gap")


def recalls(truth: Sequence[str] | np.ndarray, predicted: Sequence[str] | np.ndarray) -> dict[str, float]:
    """Returns the recall of each class in the truth, in order of name. A class that is only predicted has none.

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
    """Returns the mean recall over the classes present in `truth`; in [0, 1], NaN without utterances.

    >>> uar(["a", "a", "a", "b"], ["a", "a", "b", "c"])
    0.3333333333333333
    >>> uar(["b", "b"], ["b", "c"])
    0.5
    """
    return float(np.mean(list(recalls(truth, predicted).values()))) if len(truth) else float("nan")


def wa(truth: Sequence[str] | np.ndarray, predicted: Sequence[str] | np.ndarray) -> float:
    """Returns the share of correct utterances; in [0, 1], NaN without utterances.

    >>> wa(["a", "a", "a", "b"], ["a", "a", "b", "c"])
    0.5
    """
    import audmetric

    if not len(truth):
        return float("nan")
    classes, target, answer = class_places(truth, predicted)
    return float(audmetric.accuracy(target, answer, range(len(classes))))


def macro_f1(truth: Sequence[str] | np.ndarray, predicted: Sequence[str] | np.ndarray) -> float:
    """Returns the mean F1 over the classes present in `truth`; in [0, 1], NaN without utterances.

    As with UAR, a class that is only predicted counts against the true class and not as a class itself. Otherwise a
    single stray prediction in a small test part would add a zero to the mean.

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
    """Returns the agreement of two ratings in [-1, 1] (Lin 1989): 1 only on the diagonal; NaN with fewer than two utterances.

    >>> round(ccc([1, 2, 3], [1, 2, 4]), 4)
    0.8571
    """
    import audmetric

    if len(truth) < 2:
        return float("nan")
    return float(audmetric.concordance_cc(np.asarray(truth, float).tolist(), np.asarray(predicted, float).tolist()))


def pcc(truth: Sequence[float] | np.ndarray, predicted: Sequence[float] | np.ndarray) -> float:
    """Returns Pearson's correlation in [-1, 1], which ignores scale and offset; NaN if either side does not vary.

    >>> pcc([1, 2, 3], [10, 20, 30])
    1.0
    """
    import audmetric

    if len(truth) < 2 or np.ptp(truth) == 0 or np.ptp(predicted) == 0:
        return float("nan")
    return float(audmetric.pearson_cc(np.asarray(truth, float).tolist(), np.asarray(predicted, float).tolist()))


def mae(truth: Sequence[float] | np.ndarray, predicted: Sequence[float] | np.ndarray) -> float:
    """Returns the mean absolute error in the unit of the ratings, at least 0; NaN without utterances.

    >>> mae([1, 2, 3], [1, 2, 4.5])
    0.5
    """
    import audmetric

    return float(audmetric.mean_absolute_error(list(truth), list(predicted))) if len(truth) else float("nan")


def cer(truth: Sequence[str] | np.ndarray, predicted: Sequence[str] | np.ndarray) -> float:
    """Returns edits (changed, added, removed characters) over all texts per character of the truth; at least 0, NaN without any.

    >>> cer(["anger", "joy"], ["angr", "toy"])
    0.25
    """
    import audmetric

    changes = sum(audmetric.edit_distance(str(said), str(read)) for said, read in zip(truth, predicted, strict=True))
    return changes / sum(map(len, truth)) if len(truth) else float("nan")


@dataclasses.dataclass(frozen=True)
class Bin:
    """The predictions with confidence in one bin: their number, mean confidence, and accuracy."""

    utterances: int
    confidence: float
    accuracy: float


def calibration(confidence: Sequence[float] | np.ndarray, correct: Sequence[bool] | np.ndarray) -> list[Bin]:
    """Returns the non-empty bins by rising confidence; each of CALIBRATION_BINS is open below and closed above."""
    confidence, correct = np.asarray(confidence, float), np.asarray(correct, bool)
    numbers = np.searchsorted(np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1], confidence)
    inside = [numbers == number for number in np.unique(numbers)]
    return [Bin(int(rows.sum()), float(confidence[rows].mean()), float(correct[rows].mean())) for rows in inside]


def ece(confidence: Sequence[float] | np.ndarray, correct: Sequence[bool] | np.ndarray) -> float:
    """Returns the expected calibration error of the top class, in [0, 1]: mean distance of confidence and accuracy over bins.

    Naeini et al. 2015, AAAI; Guo et al. 2017, arXiv 1706.04599. NaN without utterances. With few utterances per bin it is
    too large, so the value over all test parts together is more informative than the mean over folds.

    >>> round(ece([0.9, 0.9, 0.3, 0.3], [True, True, False, True]), 4)
    0.15
    """
    bins = calibration(confidence, correct)
    total = sum(one.utterances for one in bins)
    return sum(one.utterances * abs(one.accuracy - one.confidence) for one in bins) / total if total else float("nan")


def main_scores(predictions: Columns) -> dict[str, float]:
    """Returns only UAR, WA and CCC, as far as the columns allow. Early stopping needs them after every epoch."""
    scores: dict[str, float] = {}
    for task, prefix in (("emotion", ""), ("gender", "gender."), ("style", "style.")):
        if f"{task}.target" in predictions:
            truth, predicted = labelled_answers(predictions, task)
            scores[f"{prefix}uar"], scores[f"{prefix}wa"] = uar(truth, predicted), wa(truth, predicted)
    return scores | {f"ccc.{name}": ccc(*rated_answers(predictions, name)) for name in dimensions(predictions)}


def score(predictions: Columns) -> dict[str, float]:
    """Returns every metric that the columns of `predictions` (see TestPart) allow. Unlabelled utterances are left out."""
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
    """Returns UAR and mean CCC of women and of men, and the gap between them; {} unless the part has both."""
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
    """Returns the mean of CCC over the dimensions; NaN if one is undefined or none exists."""
    values = [value for name, value in unconditional(scores).items() if name.startswith("ccc.")]
    return sum(values) / len(values) if values else float("nan")
