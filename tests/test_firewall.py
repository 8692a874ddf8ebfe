"""The test part decides nothing: with its labels, ratings and audio poisoned, everything before the test stays the same."""

import ast
import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ser_core.cross_validate import FoldResult, cross_validate, plan
from ser_core.fit import fit
from ser_core.folds import Fold
from ser_core.inputs import Inputs
from ser_core.records import FoldRecord, RunStore, TestPart
from tests.conftest import Configure
from tests.shared_material import ROOT

MAY_OPEN = {"ser_core/records.py", "cluster/tracking.py", "cluster/study_record.py"}
"""Who may read a test part: the store itself, the projection that shows results, and the report's outcomes."""
TASKS = ("tasks.emotion.weight=1", "tasks.dimensions.weight=0.5", "tasks.gender.weight=0.2")


def poisoned_labels(inputs: Inputs, rows: np.ndarray) -> Inputs:
    """Emotions turned by one class, ratings mirrored and genders swapped, in these rows alone."""
    table, corpus = inputs.corpus.table.copy(), inputs.corpus
    turned = dict(zip(corpus.classes, corpus.classes[1:] + corpus.classes[:1], strict=True))
    table.loc[rows, "emotion"] = [turned[name] for name in corpus.column("emotion")[rows]]
    table.loc[rows, "gender"] = [{"female": "male", "male": "female"}[name] for name in corpus.column("gender")[rows]]
    for dimension in corpus.dimensions:
        table.loc[rows, dimension.name] = dimension.low + dimension.high - corpus.column(dimension.name)[rows]
    changed = dataclasses.replace(corpus, table=table)
    targets = {name: torch.clone(target) for name, target in inputs.targets.items()}
    targets["emotion"][rows] = (targets["emotion"][rows] + 1) % len(corpus.classes)
    targets["gender"][rows] = 1 - targets["gender"][rows]
    targets["dimensions"][rows] = 1 - targets["dimensions"][rows]
    return dataclasses.replace(inputs, corpus=changed, targets=targets)


def poisoned_features(inputs: Inputs, rows: np.ndarray) -> Inputs:
    """Speech that is nothing but NaN, in these rows alone."""
    speech = inputs.channels["speech"]
    sequences = [speech.sequences[row] * (float("nan") if row in rows else 1.0) for row in range(len(inputs.corpus))]
    return dataclasses.replace(inputs, channels={**inputs.channels, "speech": dataclasses.replace(speech, sequences=sequences)})


@pytest.mark.parametrize("overrides", [(), ("model.fusion=bridge", "optim.refit=false"), ("optim.monitor=score",)])
def test_poisoned_test_labels_change_the_test_scores_and_nothing_else(
    overrides: tuple[str, ...], configure: Configure, inputs: Inputs
) -> None:
    kept: list[tuple[FoldRecord, pd.DataFrame, TestPart]] = []
    rows = plan(configure(), inputs=inputs).folds.folds[0].test
    for store, made in (("clean", inputs), ("poisoned", poisoned_labels(inputs, rows))):
        config = configure(*TASKS, *overrides, "optim.epochs=5", "optim.learning_rate=0.01", store=store)
        events = list(cross_validate(config, [1], planned=plan(config, inputs=made)))
        assert isinstance(events[-1], FoldResult)
        record, held = events[-1].record, RunStore(config.run.store)
        kept.append((record, held.dev_predictions(record.key), held.open_test(record.key)))
    (clean, clean_dev, clean_test), (poisoned, poisoned_dev, poisoned_test) = kept
    assert clean.chosen_epoch == poisoned.chosen_epoch and clean.epochs == poisoned.epochs and clean.dev == poisoned.dev
    pd.testing.assert_frame_equal(clean_dev, poisoned_dev, check_exact=True)
    answers = [column for column in clean_test.predictions if not str(column).endswith(("target", "gender"))]
    pd.testing.assert_frame_equal(clean_test.predictions[answers], poisoned_test.predictions[answers], check_exact=True)
    assert clean_test.metrics["uar"] != poisoned_test.metrics["uar"]
    assert clean_test.metrics["ccc.valence"] == pytest.approx(-poisoned_test.metrics["ccc.valence"], abs=0.3)


def states(config_inputs: Inputs, fold: Fold, configure: Configure, *overrides: str) -> dict[str, torch.Tensor]:
    """The weights that training ends with."""
    training = fit(configure(*overrides), config_inputs, fold)
    while True:
        try:
            next(training)
        except StopIteration as stop:
            return stop.value.model.state_dict()


@pytest.mark.parametrize("fusion", ["concat", "bridge"])
def test_training_never_touches_the_features_of_the_test_part(fusion: str, configure: Configure, inputs: Inputs) -> None:
    fold = plan(configure(), inputs=inputs).folds.folds[1]
    overrides = (*TASKS, f"model.fusion={fusion}")
    clean = states(inputs, fold, configure, *overrides)
    poisoned = states(poisoned_features(inputs, fold.test), fold, configure, *overrides)
    assert all(torch.equal(clean[name], poisoned[name]) for name in clean)


def test_without_refit_the_development_labels_choose_and_do_not_teach(configure: Configure, inputs: Inputs) -> None:
    fold = plan(configure(), inputs=inputs).folds.folds[1]
    overrides = (*TASKS, "optim.refit=false", "optim.epochs=1")
    clean = states(inputs, fold, configure, *overrides)
    poisoned = states(poisoned_labels(inputs, fold.dev), fold, configure, *overrides)
    assert all(torch.equal(clean[name], poisoned[name]) for name in clean)


def test_only_reports_open_the_test_part() -> None:
    """The source is searched: whatever decides (searching, pruning, early stopping, selecting) may not even ask."""
    opening = set()
    for room in ("ser_core", "search_spaces", "ablations", "cluster"):
        for file in sorted(Path(ROOT, room).rglob("*.py")):
            words = {node.attr for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)}
            if "open_test" in words or "predictions-test" in file.read_text():
                opening.add(str(file.relative_to(ROOT)))
    assert opening <= MAY_OPEN
