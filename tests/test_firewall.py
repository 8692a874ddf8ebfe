"""The test part decides nothing: with its labels, ratings and audio poisoned, everything before the test stays the same.

what decides             how it is shown that it does not look
early stopping, refit    a fold trained twice, its test labels noise the second time: same epochs, same model
searching, pruning       the same search over records whose test parts are noise: same points, same order, same folds, same best
all the rest             only what reports may open a test part at all: the source is searched
"""

import ast
import dataclasses
import hashlib
import pickle
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from cluster.search.budget import Budget
from cluster.search.objectives import Goal
from cluster.search.optuna_trials import OptunaTrials
from cluster.search.pruners import PRUNERS
from cluster.search.samplers import SAMPLERS
from cluster.search.scores import Scores
from cluster.transfer.parcel import Parcel
from cluster.trial import Trial
from cluster.tune.home import Home
from cluster.tune.tune_adapter import HandedTrials, StartedSource, TrialQueue, tune_scheduler
from search_spaces.weights import SPACE as WEIGHTS
from ser_core.config.tree import Config
from ser_core.cross_validation import train_folds
from ser_core.cross_validation.cross_validate import FoldResult, cross_validate
from ser_core.cross_validation.plan import plan
from ser_core.cross_validation.records import FoldKey, FoldRecord, RunStore, TestPart
from ser_core.dataset.dataset import Dataset
from ser_core.folds import Fold
from ser_core.tasks import Tasks
from ser_core.training.fit import Fitted, fit
from ser_core.training.phase import EpochEnd
from tests.conftest import Configure
from tests.shared_material import ROOT

MAY_OPEN = {"ser_core/cross_validation/records.py", "cluster/tracking/mlflow_projection.py", "cluster/study_record.py"}
"""Who may read a test part: the store itself, the projection that shows results, and the report's outcomes."""
OPENING = ("open_test", "open_tests", "open_test_metrics")
TASKS = ("tasks.emotion.weight=1", "tasks.dimensions.weight=0.5", "tasks.gender.weight=0.2")


def poisoned_labels(inputs: Dataset, rows: np.ndarray) -> Dataset:
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


def poisoned_features(inputs: Dataset, rows: np.ndarray) -> Dataset:
    """Speech that is nothing but NaN, in these rows alone."""
    speech = inputs.channels["speech"]
    sequences = [speech.sequences[row] * (float("nan") if row in rows else 1.0) for row in range(len(inputs.corpus))]
    return dataclasses.replace(inputs, channels={**inputs.channels, "speech": dataclasses.replace(speech, sequences=sequences)})


@pytest.mark.parametrize("overrides", [(), ("model.fusion=bridge", "optim.refit=false"), ("optim.monitor=score",)])
def test_poisoned_test_labels_change_the_test_scores_and_nothing_else(
    overrides: tuple[str, ...], configure: Configure, inputs: Dataset
) -> None:
    kept: list[tuple[FoldRecord, pd.DataFrame, TestPart]] = []
    rows = plan(configure(), dataset=inputs).folds.folds[0].test
    for store, made in (("clean", inputs), ("poisoned", poisoned_labels(inputs, rows))):
        config = configure(*TASKS, *overrides, "optim.epochs=5", "optim.learning_rate=0.01", store=store)
        events = list(cross_validate(config, [1], planned=plan(config, dataset=made)))
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


def noisy_labels(inputs: Dataset, rows: np.ndarray, seed: int) -> Dataset:
    """Every answer of these rows handed to another of them by lot."""
    order = np.random.default_rng(seed).permutation(rows)
    table, columns = inputs.corpus.table.copy(), ["emotion", "gender", *(d.name for d in inputs.corpus.dimensions)]
    table.loc[rows, columns] = inputs.corpus.table.loc[order, columns].to_numpy()
    corpus = dataclasses.replace(inputs.corpus, table=table)
    targets = {name: task.targets(corpus) for name, task in Tasks().all().items()}
    return dataclasses.replace(inputs, corpus=corpus, targets=targets)


@dataclasses.dataclass(frozen=True)
class Decided:
    """All that is settled before a fold is tested, and the test metrics that come after."""

    model: dict[str, torch.Tensor]
    chosen_epoch: int
    epochs: list[dict[str, float]]
    dev_scores: dict[str, float]
    dev_predictions: pd.DataFrame
    test_scores: dict[str, float]


def decided(config: Config, inputs: Dataset, number: int) -> Decided:
    """One fold through the seam; the model is caught on its way from training to the test."""
    fitted: list[Fitted] = []
    train = train_folds.fit

    def caught(*given: Any) -> Generator[EpochEnd, None, Fitted]:
        fitted.append((yield from train(*given)))
        return fitted[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_folds, "fit", caught)
        (*_, result) = cross_validate(config, [number], planned=plan(config, dataset=inputs))
    assert isinstance(result, FoldResult)
    record, store = result.record, RunStore(config.run.store)
    predictions, test = store.dev_predictions(record.key), store.open_test(record.key)
    return Decided(fitted[0].model.state_dict(), record.chosen_epoch, record.epochs, record.dev, predictions, test.metrics)


@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_noise_in_place_of_test_labels_changes_no_decision(
    number: int, refit: bool, configure: Configure, inputs: Dataset
) -> None:
    knobs = (*TASKS, f"optim.refit={refit}", "optim.epochs=4", "optim.learning_rate=0.02")
    rows = plan(configure(), dataset=inputs).folds.folds[number - 1].test
    clean = decided(configure(*knobs, store="clean"), inputs, number)
    noisy = decided(configure(*knobs, store="noisy"), noisy_labels(inputs, rows, seed=number), number)
    assert (clean.chosen_epoch, clean.epochs, clean.dev_scores) == (noisy.chosen_epoch, noisy.epochs, noisy.dev_scores)
    pd.testing.assert_frame_equal(clean.dev_predictions, noisy.dev_predictions, check_exact=True)
    assert [name for name in clean.model if not torch.equal(clean.model[name], noisy.model[name])] == []
    assert clean.test_scores != noisy.test_scores


def states(config_inputs: Dataset, fold: Fold, configure: Configure, *overrides: str) -> dict[str, torch.Tensor]:
    """The weights that training ends with."""
    training = fit(configure(*overrides), config_inputs, fold)
    while True:
        try:
            next(training)
        except StopIteration as stop:
            return stop.value.model.state_dict()


@pytest.mark.parametrize("fusion", ["concat", "bridge"])
def test_training_never_touches_the_features_of_the_test_part(fusion: str, configure: Configure, inputs: Dataset) -> None:
    fold = plan(configure(), dataset=inputs).folds.folds[1]
    overrides = (*TASKS, f"model.fusion={fusion}")
    clean = states(inputs, fold, configure, *overrides)
    poisoned = states(poisoned_features(inputs, fold.test), fold, configure, *overrides)
    assert all(torch.equal(clean[name], poisoned[name]) for name in clean)


def test_without_refit_the_development_labels_choose_and_do_not_teach(configure: Configure, inputs: Dataset) -> None:
    fold = plan(configure(), dataset=inputs).folds.folds[1]
    overrides = (*TASKS, "optim.refit=false", "optim.epochs=1")
    clean = states(inputs, fold, configure, *overrides)
    poisoned = states(poisoned_labels(inputs, fold.dev), fold, configure, *overrides)
    assert all(torch.equal(clean[name], poisoned[name]) for name in clean)


FOLDS = 10


def searched(
    folder: Path, noise: int, sampler: str = "tpe", pruning: str = "none", epochs: int = 0, sent: bool = False
) -> dict[str, Any]:
    """All that a search decides, fold by fold, over records whose development scores follow the points alone.

    Points in the order of asking, folds trained of each, who ended early and why, and what Optuna was told. With `epochs` trials
    are judged after so many epochs of all their folds, too. With `sent` a worker without the folder trains them.
    """
    worker = RunStore(folder / "worker") if sent else RunStore(folder)
    store, lot = RunStore(folder), np.random.default_rng(noise)

    def make(overrides: list[str]) -> Trial:
        name = " ".join(overrides)
        return Trial(name, 0, tuple(overrides), tuple(FoldKey(name, "split", fold) for fold in range(1, FOLDS + 1)))

    pruner = PRUNERS[pruning]
    source = OptunaTrials(WEIGHTS, make, Scores(store, Goal()), SAMPLERS[sampler], pruner, Budget(15), epochs=bool(epochs))
    while piece := source.next():
        digest = hashlib.sha256(piece[0].variant.encode()).digest()
        course = [{"epoch": float(epoch), "dev": digest[epoch] / 255 + epoch} for epoch in range(1, epochs + 1)]
        ended = (source.progressed(piece[0], epoch, epochs, course[epoch - 1]["dev"]) for epoch in range(1, epochs + 1))
        for key in piece[0].keys if not any(ended) else ():
            dev = {"uar": digest[0] / 255 + (key.fold % 3) / 50 + digest[key.fold] / 5000}
            test = TestPart(
                key, {"uar": lot.uniform()}, {"majority": {"uar": lot.uniform()}}, pd.DataFrame({"noise": lot.uniform(size=3)})
            )
            record = FoldRecord(key, 0, "speaker 1", {}, {}, {}, dev, course, 1, 0.0, {}, {})
            worker.write(record, pd.DataFrame({"utterance": ["a"]}), test)
            if sent:
                arrive(Parcel("node", worker.seal(key)), piece[0], store, folder)
            if source.reported(piece[0], key.fold, trained=True, failed=False):
                break
        source.finished(piece[0])
    told = [(trial.state.name, trial.value) for trial in source.study.trials]
    return {"asked": source.asked, "trained": source.trained, "ended": source.ended, "told": told}


def arrive(parcel: Parcel, trial: Trial, store: RunStore, folder: Path) -> None:
    """A report with a record reaches Tune's scheduler, and nothing of the record is left in the report."""
    handed = {"id": HandedTrials([(trial, [])], 0)}
    source = StartedSource(TrialQueue([], store))
    report = {"piece": 0, "fold": 1, "saved": True, "failure": "", "parcel": parcel}
    tune_scheduler(source, handed, Home(store, folder)).on_trial_result(None, SimpleNamespace(trial_id="id"), report)
    assert parcel.record is None and len(pickle.dumps(report)) < 500


@pytest.mark.parametrize("sent", [False, True])
@pytest.mark.parametrize(("pruning", "epochs"), [*((name, 0) for name in PRUNERS), ("asha", 9), ("median", 9)])
def test_a_search_over_noise_in_sealed_parts_asks_prunes_and_concludes_the_same(
    pruning: str, epochs: int, sent: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening a test part while searching is not merely useless: here it raises."""

    def sealed(store: RunStore, keys: object) -> TestPart:
        raise AssertionError(f"{keys} was opened while searching")

    for opening in OPENING:
        monkeypatch.setattr(RunStore, opening, sealed)
    one, other = (searched(tmp_path / str(noise), noise, pruning=pruning, epochs=epochs, sent=sent) for noise in (1, 2))
    assert one == other
    assert len(one["asked"]) == 15
    folds = sum(map(len, one["trained"].values()))
    assert folds == 15 * FOLDS if pruning == "none" else folds < 15 * FOLDS
    assert bool(one["ended"]) == (pruning != "none")


def test_only_reports_open_the_test_part() -> None:
    """The source is searched: whatever decides (searching, pruning, early stopping, selecting) may not even ask."""
    opening = set()
    for room in ("ser_core", "search_spaces", "ablations", "cluster"):
        for file in sorted(Path(ROOT, room).rglob("*.py")):
            words = {node.attr for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)}
            if words.intersection(OPENING) or "predictions-test" in file.read_text():
                opening.add(str(file.relative_to(ROOT)))
    assert opening <= MAY_OPEN


def test_only_the_store_takes_the_files_out_of_a_record_that_travels() -> None:
    taking = set()
    for room in ("ser_core", "search_spaces", "ablations", "cluster"):
        for file in sorted(Path(ROOT, room).rglob("*.py")):
            words = {node.attr for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)}
            if words.intersection({"take_files", "_files"}):
                taking.add(str(file.relative_to(ROOT)))
    assert taking == {"ser_core/cross_validation/records.py"}
