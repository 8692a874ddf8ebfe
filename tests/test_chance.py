"""A study on a corpus whose labels are noise reports chance: made features, labels drawn without looking, real training.

Whatever lets the test part choose anything (an epoch, a trial) finds luck in noise and reports it as skill.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ablations.outcomes import Outcome
from ablations.pairing import pair
from ablations.statistics.pooled_scores import Pooled, pooled_scores
from ser_core.corpus.corpus import Corpus, complete
from ser_core.cross_validation.cross_validate import FoldResult, cross_validate
from ser_core.cross_validation.plan import plan
from ser_core.cross_validation.records import RunStore
from ser_core.dataset.dataset import Channel, Dataset
from ser_core.tasks import Tasks
from tests.conftest import Configure

CLASSES = ("anger", "happiness", "neutral", "sadness")
SPEAKERS, EACH, DIM = 12, 8, 6
KNOBS = ("tasks.emotion.weight=1", "tasks.dimensions.weight=0", "tasks.gender.weight=0", "model.text=none", "model.width=8")
COURSE = ("optim.epochs=10", "optim.patience=10", "optim.learning_rate=0.05", "optim.refit=false")


def made(noise: int | None = None) -> Dataset:
    """Twelve speakers who say each emotion twice, in features that show it; `noise` seeds a shuffle of the labels over all."""
    draw = np.random.default_rng(0)
    truth = np.tile(np.repeat(CLASSES, EACH // len(CLASSES)), SPEAKERS)
    shown = draw.normal(size=(len(truth), 1, DIM)) + 1.5 * draw.normal(size=(len(CLASSES), 1, DIM))[pd.factorize(truth)[0]]
    rows = [{"utterance": f"{row:03d}", "file": "made", "speaker": f"{row // EACH:02d}"} for row in range(len(truth))]
    table = complete(
        pd.DataFrame(rows).assign(emotion=truth if noise is None else np.random.default_rng(noise).permutation(truth))
    )
    corpus = Corpus("made", table, CLASSES, (), "none", "made here")
    speech = Channel("speech", [torch.as_tensor(one, dtype=torch.float32)[None] for one in shown], [1] * len(truth), 1, DIM)
    return Dataset(corpus, {"speech": speech}, {"emotion": Tasks().emotion.targets(corpus)}, "made", {})


def studied(configure: Configure, inputs: Dataset) -> Pooled:
    """All folds through the seam, then the pooled score that a report shows."""
    config = configure(*KNOBS, *COURSE)
    store = RunStore(Path(config.run.store))
    records = [
        each.record for each in cross_validate(config, planned=plan(config, dataset=inputs)) if isinstance(each, FoldResult)
    ]
    outcomes = [Outcome("made", record, store.open_test(record.key)) for record in records]
    return pooled_scores(pair(outcomes))["made"]


@pytest.mark.parametrize("noise", [0, 1, 2])
def test_noise_is_at_chance(noise: int, configure: Configure) -> None:
    score = studied(configure, made(noise)).score
    assert score.low <= 1 / len(CLASSES) <= score.high


def test_labels_that_the_features_show_are_far_above_chance(configure: Configure) -> None:
    """The same course learns where there is something to learn, so that chance above says something."""
    assert studied(configure, made()).score.low > 0.5
