"""What MLflow is told of a fold: every finite metric under a name that it takes, in one call."""

import dataclasses
import math
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from mlflow.entities import Metric, Param
from mlflow.utils.validation import _validate_batch_log_data, _validate_batch_log_limits, _validate_metric_name

from cluster.tracking.mlflow_projection import Projection
from cluster.tracking.run_rows import RunRow, ServerRuns, mlflow_name
from ser_core.evaluation.score import score
from tests.ser_core.cross_validation.test_records import record

CLASSES = ("joy", "joy/love", "joy & love", "joy|love", "Ärger: groß", "a//b", "..", "100 %", "喜")


def predictions() -> pd.DataFrame:
    """Every class is right now and then; ratings that do not vary leave PCC undefined."""
    draw = np.random.default_rng(0)
    likely = draw.dirichlet(np.ones(len(CLASSES)), 90)
    return pd.DataFrame(
        {
            "gender": draw.choice(["female", "male"], 90),
            "emotion.target": np.repeat(CLASSES, 10),
            "emotion.predicted": draw.choice(CLASSES, 90),
            **{f"emotion.p.{name}": likely[:, index] for index, name in enumerate(CLASSES)},
            "dimensions.valence.target": draw.uniform(1, 5, 90),
            "dimensions.valence.predicted": 3.0,
        }
    )


def test_names_with_any_class_in_them_are_accepted_and_stay_apart() -> None:
    names = [f"test.{name}" for name in score(predictions())]
    assert len({mlflow_name(name) for name in names}) == len(names)
    for name in names:
        _validate_metric_name(mlflow_name(name))
    with pytest.raises(Exception, match="Invalid value"):
        _validate_metric_name("test.recall.joy & love")


class Client:
    """Keeps what it is given, call by call, after MLflow's own checks."""

    def __init__(self) -> None:
        self.calls: list[dict[str, float]] = []

    def log_batch(self, run: str, metrics: Sequence[Metric], params: Sequence[Param]) -> None:
        _validate_batch_log_data(metrics, [], params)
        _validate_batch_log_limits(metrics, [], params)
        self.calls.append({one.key: one.value for one in metrics if one.step == 0})

    def create_run(self, experiment: str, tags: dict[str, str]) -> SimpleNamespace:
        return SimpleNamespace(info=SimpleNamespace(run_id="run"))

    def set_terminated(self, run: str, status: str) -> None:
        assert self.calls, "ended before it was written"


def test_what_a_weighting_monitor_measures_is_shown_epoch_by_epoch() -> None:
    entries = {"weight.emotion": 1.0, "norm.emotion": 0.3, "cosine.emotion.dimensions": -0.2}
    epochs = [{"epoch": float(epoch), "rate": 0.1, "dev": 0.5, **entries} for epoch in (1, 2)]
    projection = object.__new__(Projection)
    shown = projection._metrics(dataclasses.replace(record(), epochs=epochs), {})
    for name, value in entries.items():
        assert [each for each in shown if each[0] == f"epoch.{name}"] == [
            (f"epoch.{name}", value, 1),
            (f"epoch.{name}", value, 2),
        ]
        assert mlflow_name(f"epoch.{name}") == f"epoch.{name}"


def test_a_fold_is_one_call_that_holds_every_finite_score() -> None:
    scores = score(predictions())
    epochs = [{"epoch": float(epoch), "rate": 0.1, "dev": 0.5, "emotion": 1.0} for epoch in range(1, 101)]
    one = dataclasses.replace(record(), dev=scores, epochs=epochs)
    projection = object.__new__(Projection)
    client = Client()
    ServerRuns(client, "1").write([RunRow("key", {}, "FINISHED", projection._metrics(one, scores), {"fold": "1"})])
    (told,) = client.calls
    finite = {name: value for name, value in scores.items() if math.isfinite(value)}
    assert len(finite) == len(scores) - 1
    for part in ("dev", "test"):
        found = {name: value for name, value in told.items() if name.startswith(f"{part}.")}
        assert found == {mlflow_name(f"{part}.{name}"): value for name, value in finite.items()}
