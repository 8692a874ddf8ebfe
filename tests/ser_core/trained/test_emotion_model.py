"""A trained model: its folder, what it answers, and that a fold's model answers as its record does."""

from pathlib import Path

import pandas as pd
import pytest

from ser_core.cross_validation.plan import Plan, plan
from ser_core.dataset.dataset import Dataset
from ser_core.errors import AudioError
from ser_core.model import SpeechEmotionModel
from ser_core.trained import EmotionModel, load
from ser_core.trained.describe import Trained, describe
from ser_core.trained.description import write_description
from ser_core.trained.emotion_model import Utterance
from ser_core.trained.train import write_member
from ser_core.training.evaluate import predict
from ser_core.training.fit import fit
from tests.conftest import Configure

TASKS = ("tasks.gender.weight=0.1", "tasks.dimensions.weight=1", "tasks.speaker.weight=0.1", "tasks.transcript.weight=0.1")


def model_of(planned: Plan, folder: Path, *models: SpeechEmotionModel) -> EmotionModel:
    for number, model in enumerate(models):
        write_member(model, folder, number)
    write_description(
        describe(planned.config, planned.dataset, planned.card, 9, Trained(range(len(models)), [2], "rule")), folder
    )
    return load(folder)


def utterances(planned: Plan, rows: list[int]) -> list[Utterance]:
    table = planned.dataset.corpus.table.iloc[rows]
    return [Utterance(*row) for row in table[["file", "start", "end", "text"]].itertuples(index=False)]


def fold_model(planned: Plan, number: int) -> SpeechEmotionModel:
    training = fit(planned.config, planned.dataset, planned.folds.folds[number - 1])
    while True:
        try:
            next(training)
        except StopIteration as stop:
            return stop.value.model


@pytest.mark.parametrize("words", [[], ["model.fusion=bridge", *TASKS], ["model.text=none"]], ids=["default", "tasks", "speech"])
def test_a_fold_model_answers_its_test_part_as_the_record_does(
    words: list[str], configure: Configure, inputs: Dataset, tmp_path: Path
) -> None:
    config = configure(*words)
    planned = plan(config, dataset=inputs if "model.text=none" not in words else None)
    rows = planned.folds.folds[1].test.tolist()
    model = fold_model(planned, 2)
    loaded = model_of(planned, tmp_path / "model", model)
    features = loaded._features(utterances(planned, rows))[0]
    expected = predict(planned.config, planned.dataset, model, rows)
    [found] = loaded.tables(features)
    pd.testing.assert_frame_equal(found, expected.loc[:, list(found)], check_exact=True)
    answered = [each.emotion for each in loaded.predict(utterances(planned, rows)) if not isinstance(each, AudioError)]
    assert answered == expected["emotion.predicted"].tolist()
