"""Whatever is fitted is fitted on the training part: with all other rows poisoned, every fitted constant stays the same.

clean inputs, poisoned inputs (features times 1e3, words replaced, targets at the ends of their scales)  -->  the same constants
With optim.refit, and for the linear baseline, training and development part teach together: there only test rows are poisoned.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.pipeline import Pipeline

from ser_core.config.tree import Config
from ser_core.cross_validation.plan import plan
from ser_core.dataset.dataset import Dataset
from ser_core.evaluation import baselines
from ser_core.folds import Fold
from ser_core.model import build_model
from ser_core.training.fit import fit
from tests.conftest import Configure

TASKS = ("tasks.emotion.weight=1", "tasks.dimensions.weight=0.5", "tasks.gender.weight=0.2")
Constants = Mapping[str, Any]


def poisoned(inputs: Dataset, rows: np.ndarray) -> Dataset:
    """Loud features, one word and one answer in these rows: finite, and far from what the rest holds."""
    speech, text = inputs.channels["speech"], inputs.channels["text"]
    there = set(rows.tolist())
    loud = [speech.sequences[row].float() * (1e3 if row in there else 1.0) for row in range(len(inputs.corpus))]
    said = [torch.ones_like(text.sequences[row]) if row in there else text.sequences[row] for row in range(len(inputs.corpus))]
    channels = {"speech": dataclasses.replace(speech, sequences=loud), "text": dataclasses.replace(text, sequences=said)}
    targets = {name: torch.clone(target) for name, target in inputs.targets.items()}
    for target in targets.values():
        target[rows] = 1 if target.is_floating_point() else 0
    table = inputs.corpus.table.copy()
    table.loc[rows, "emotion"] = inputs.corpus.classes[0]
    corpus = dataclasses.replace(inputs.corpus, table=table)
    return dataclasses.replace(inputs, corpus=corpus, channels={**inputs.channels, **channels}, targets=targets)


def constants(config: Config, inputs: Dataset, rows: np.ndarray) -> Constants:
    """Everything of a fresh model that is no random draw: stem statistics, class weights, and whatever else is fitted."""
    return build_model(config, inputs, torch.as_tensor(rows), seed=1).state_dict()


def trained(config: Config, inputs: Dataset, fold: Fold) -> Constants:
    """The weights that training ends with."""
    training = fit(config, inputs, fold)
    while True:
        try:
            next(training)
        except StopIteration as stop:
            return stop.value.model.state_dict()


def estimators(inputs: Dataset, fold: Fold, folder: Path) -> Constants:
    """What every step of scikit-learn's pipelines learns while the baselines are computed."""
    pipelines: list[Pipeline] = []
    original = Pipeline.fit

    def remembered(pipeline: Pipeline, *given: Any, **more: Any) -> Pipeline:
        pipelines.append(original(pipeline, *given, **more))
        return pipelines[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pipeline, "fit", remembered)
        baselines.baselines(inputs, fold, folder / "baselines.json")
    return {
        f"{number} {step}.{name}": torch.as_tensor(value)
        for number, pipeline in enumerate(pipelines)
        for step, estimator in pipeline.steps
        for name, value in vars(estimator).items()
        if name.endswith("_") and isinstance(value, np.ndarray) and value.dtype.kind == "f"
    }


def moved(clean: Constants, other: Constants) -> list[str]:
    """Names of the constants that are not the same to the last bit."""
    assert clean and clean.keys() == other.keys()
    return [name for name in clean if not torch.equal(clean[name], other[name])]


def test_statistics_and_class_weights_come_from_the_training_part(configure: Configure, inputs: Dataset) -> None:
    config = configure(*TASKS)
    for fold in plan(config, dataset=inputs).folds.folds:
        other = poisoned(inputs, np.concatenate([fold.dev, fold.test]))
        assert moved(constants(config, inputs, fold.train), constants(config, other, fold.train)) == []


def test_training_learns_from_the_training_part(configure: Configure, inputs: Dataset) -> None:
    """One epoch, so that the development part has nothing to choose."""
    config = configure(*TASKS, "optim.epochs=1", "optim.refit=false")
    fold = plan(config, dataset=inputs).folds.folds[0]
    other = poisoned(inputs, np.concatenate([fold.dev, fold.test]))
    assert moved(trained(config, inputs, fold), trained(config, other, fold)) == []


def test_a_refit_learns_from_training_and_development_part(configure: Configure, inputs: Dataset) -> None:
    config = configure(*TASKS, "optim.refit=true", "folds.dev=speakers")
    fold = plan(config, dataset=inputs).folds.folds[0]
    assert moved(trained(config, inputs, fold), trained(config, poisoned(inputs, fold.test), fold)) == []
    assert "stems.speech.mean" in moved(trained(config, inputs, fold), trained(config, poisoned(inputs, fold.dev), fold))


def test_the_linear_baseline_learns_from_training_and_development_part(
    configure: Configure, inputs: Dataset, tmp_path: Path
) -> None:
    fold = plan(configure("folds.dev=speakers"), dataset=inputs).folds.folds[0]
    clean, other = tmp_path / "clean", tmp_path / "other"
    learned = estimators(inputs, fold, clean)
    assert any(name.endswith(".mean_") for name in learned) and any(name.endswith(".coef_") for name in learned)
    assert moved(learned, estimators(poisoned(inputs, fold.test), fold, other)) == []
