"""Character error rate (CER) of recognised transcripts."""

import math
from collections.abc import Sequence

import numpy as np

from ser_core.metrics.metric import Metric


def cer(truth: Sequence[str] | np.ndarray, predicted: Sequence[str] | np.ndarray) -> float:
    """Returns edits (changed, added, removed characters) over all texts per character of the truth; at least 0, NaN without any.

    >>> cer(["anger", "joy"], ["angr", "toy"])
    0.25
    """
    import audmetric

    edits = sum(audmetric.edit_distance(str(spoken), str(read)) for spoken, read in zip(truth, predicted, strict=True))
    return edits / sum(map(len, truth)) if len(truth) else float("nan")


CER = Metric(
    name="cer",
    heading="CER",
    meaning="character error rate of the recognised transcript",
    reads="texts",
    formula=cer,
    less_is_better=True,
    bounds=(0.0, math.inf),
    helpers=True,
)
