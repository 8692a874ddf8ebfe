"""The metrics of the field, one file each; METRICS is the only list. audmetric computes those that it has.

Every score covers a whole part and is never the mean of batches. Undefined values are NaN or left out, never guessed.
A score's name is the metric, with the part, the helper task, a group of speakers or a condition where it has one:
    uar | recall.<class> | ccc.<dimension> | gender.uar | uar.female uar.male uar.gap | uar@<condition>
"""

from collections.abc import Mapping

from ser_core.metrics.accuracy import WA
from ser_core.metrics.calibration import ECE
from ser_core.metrics.character_errors import CER
from ser_core.metrics.concordance import CCC, MEAN_CCC
from ser_core.metrics.f1 import MACRO_F1
from ser_core.metrics.metric import Metric
from ser_core.metrics.ratings import MAE, PCC
from ser_core.metrics.recall import RECALL, UAR
from ser_core.metrics.votes import VOTE_ECE, VOTE_JS, VOTE_KL

METRICS: dict[str, Metric] = {
    "uar": UAR,
    "wa": WA,
    "macro_f1": MACRO_F1,
    "ccc": CCC,
    "recall": RECALL,
    "ece": ECE,
    "vote_kl": VOTE_KL,
    "vote_js": VOTE_JS,
    "vote_ece": VOTE_ECE,
    "pcc": PCC,
    "mae": MAE,
    "cer": CER,
    "mean_ccc": MEAN_CCC,
}
"""The only list of metrics, in the order of tables: `uar` means UAR wherever it is stored, printed or plotted."""
DEFINITIONS = "metrics-1"
"""Name of these definitions on every protocol card; increased when one of them changes."""
AMBIGUOUS = "WAR (weighted average recall) is WA by definition, yet some papers print it for UAR"
GENDERS = ("female", "male")
"""The groups of speakers to compare, as the corpora spell them."""
GAP = "gap"
"""Part of a score's name for the distance between the groups."""


def find_metric(score: str) -> Metric:
    """Returns the metric of a score, for any part, task and condition. An unknown one gets its own name as heading.

    >>> [find_metric(score).heading for score in ("ccc.valence", "gender.uar@noise:10", "recall.wa", "loss")]
    ['CCC', 'UAR', 'recall', 'LOSS']
    """
    score = score.partition("@")[0]
    first, last = score.partition(".")[0], score.rpartition(".")[2]
    return METRICS.get(first) or METRICS.get(last) or Metric(last, last.upper(), last, reads="")


def less_is_better(score: str) -> bool:
    """Whether a smaller value is better.

    >>> less_is_better("mae.valence"), less_is_better("uar.gap"), less_is_better("uar.female")
    (True, True, False)
    """
    return find_metric(score).less_is_better or score.partition("@")[0].endswith(f".{GAP}")


def place(score: str) -> tuple[bool, int, bool, int, bool, str]:
    """Sort key for the order of tables: first the metrics with a column, then the others, both in the order of METRICS.

    >>> scores = ["mae.valence", "gender.uar", "uar.gap", "uar.female", "ccc.arousal", "ccc.valence", "uar"]
    >>> sorted(scores, key=place)
    ['uar', 'ccc.valence', 'ccc.arousal', 'uar.female', 'uar.gap', 'gender.uar', 'mae.valence']
    """
    plain = score.partition("@")[0]
    first, _, part = plain.partition(".")
    metric, known = find_metric(plain), list(METRICS)
    row = known.index(metric.name) if metric.name in known else len(known)
    parts = list(metric.headings)
    return (
        not is_column(score),
        row,
        first not in METRICS,
        parts.index(part) if part in parts else len(parts),
        part == GAP,
        score,
    )


def is_column(score: str) -> bool:
    """Whether a study's table has a column for this score: main tasks under no condition, all speakers together.

    >>> [is_column(score) for score in ("uar", "ccc.valence", "uar.gap", "gender.uar", "uar@noise:10", "ece")]
    [True, True, False, False, False, False]
    """
    first, _, part = score.partition(".")
    metric = METRICS.get(first)
    return bool(metric and metric.column and "@" not in score and (not part or metric.reads == "ratings"))


def under(score: str, condition: str) -> str:
    """Returns the name of a score under a condition of config.conditions.

    >>> under("uar", "noise:10")
    'uar@noise:10'
    """
    return f"{score}@{condition}"


def unconditional(scores: Mapping[str, float]) -> dict[str, float]:
    """Returns the scores that are under no condition and after no stage but the last."""
    return {name: value for name, value in scores.items() if "@" not in name}


def mean_of(metric: str, scores: Mapping[str, float]) -> float:
    """Returns the mean over its parts of a metric such as ccc; NaN if one part is undefined or none exists.

    >>> mean_of("ccc", {"ccc.valence": 0.25, "ccc.arousal": 0.75, "uar": 0.5})
    0.5
    """
    values = [value for name, value in unconditional(scores).items() if name.startswith(f"{metric}.")]
    return sum(values) / len(values) if values else float("nan")
