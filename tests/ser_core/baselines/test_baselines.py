"""The linear baseline is the plain logistic regression, only faster; both are computed once per split and channels."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ser_core.baselines import baselines, linear_predictions
from ser_core.cross_validate import plan
from ser_core.folds import Fold
from ser_core.inputs import Inputs
from tests.conftest import Configure


@pytest.mark.parametrize("columns", [5, 200])
def test_rotating_changes_no_prediction(columns: int) -> None:
    draw = np.random.default_rng(columns)
    labels = draw.choice(["a", "b", "c"], 60, p=[0.6, 0.3, 0.1])
    centres = {name: draw.normal(0, 0.5, columns) for name in "abc"}
    known = np.stack([centres[label] for label in labels]) + draw.normal(size=(60, columns)) * draw.uniform(0.1, 9, columns)
    test = draw.normal(size=(80, columns)) * 2
    plain = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, C=0.1, class_weight="balanced"))
    assert (linear_predictions(known, labels, test) == plain.fit(known, labels).predict(test)).mean() >= 79 / 80


@pytest.fixture
def fold(configure: Configure, inputs: Inputs) -> Fold:
    return plan(configure(), inputs=inputs).folds.folds[0]


def test_both_are_scored_on_the_test_part(inputs: Inputs, fold: Fold, tmp_path: Path) -> None:
    scores = baselines(inputs, fold, tmp_path / "there" / "fold.json")
    assert list(scores) == ["majority", "linear"]
    assert scores["majority"] == {"uar": 0.25, "wa": 0.25}
    assert scores["linear"]["uar"] > 0.3


def test_they_are_remembered(inputs: Inputs, fold: Fold, tmp_path: Path) -> None:
    place = tmp_path / "fold.json"
    assert baselines(inputs, fold, place) == baselines(inputs, fold, place)
    place.write_text('{"majority": {"uar": 0.125}}')
    assert baselines(inputs, fold, place) == {"majority": {"uar": 0.125}}


def test_without_emotions_there_are_none(inputs: Inputs, fold: Fold, tmp_path: Path) -> None:
    targets = {name: target for name, target in inputs.targets.items() if name != "emotion"}
    assert baselines(dataclasses.replace(inputs, targets=targets), fold, tmp_path / "fold.json") == {}


def test_they_do_not_see_the_labels_of_the_test_part(inputs: Inputs, fold: Fold, tmp_path: Path) -> None:
    table = inputs.corpus.table.copy()
    table.loc[fold.test, "emotion"] = "anger"
    blinded = dataclasses.replace(inputs, corpus=dataclasses.replace(inputs.corpus, table=table))
    scores = [baselines(made, fold, tmp_path / f"{index}.json") for index, made in enumerate((inputs, blinded))]
    assert scores[0]["majority"]["wa"] == 0.25 and scores[1]["majority"]["wa"] in (0.0, 1.0)
