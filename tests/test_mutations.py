"""Faults planted on purpose: each is caught by the test that names it, so that the laws are known to have teeth.

fault                                        test that must fail
a speaker in two parts                       test_folds: nobody is in two parts
features scaled by all rows                  test_fitted: statistics and class weights; training; the linear baseline
class weights counted over all rows          test_fitted: statistics and class weights
the epoch chosen on the test part            test_firewall: noise in place of test labels; test_chance: noise is at chance
trials judged by their test parts            test_firewall: a search over noise in sealed parts
"""

import dataclasses
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from cluster.search.scores import Scores
from cluster.trial import Trial
from ser_core import model
from ser_core.config.tree import Config
from ser_core.cross_validation import train_folds
from ser_core.dataset.dataset import Channel, Dataset
from ser_core.folds import Fold, Folds
from ser_core.training.fit import Fitted, fit
from ser_core.training.phase import EpochEnd
from tests import test_chance, test_firewall, test_fitted
from tests.conftest import Configure
from tests.ser_core.folds import test_folds


@pytest.mark.parametrize("protocol", ["lospo", "loso", "kfold"])
@pytest.mark.parametrize("part", ["dev", "test"])
def test_a_speaker_in_two_parts_is_caught(part: str, protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    split = test_folds.split

    def leaking(made: Any, *given: Any, **more: Any) -> Folds:
        """The first utterance of the first fold's training part goes to another part, where its speaker is not."""
        folds = split(made, *given, **more)
        first = folds.folds[0]
        moved = {part: np.sort(np.append(getattr(first, part), first.train[0])), "train": first.train[1:]}
        return dataclasses.replace(folds, folds=(dataclasses.replace(first, **moved), *folds.folds[1:]))

    law = test_folds.test_nobody_is_in_two_parts_and_every_utterance_is_tested_once.hypothesis.inner_test
    law(protocol, [3] * 8, seed=0, dev=2)
    monkeypatch.setattr(test_folds, "split", leaking)
    with pytest.raises(AssertionError):
        law(protocol, [3] * 8, seed=0, dev=2)


def test_features_scaled_by_all_rows_are_caught(monkeypatch: pytest.MonkeyPatch, configure: Configure, inputs: Dataset) -> None:
    statistics = Channel.statistics
    monkeypatch.setattr(Channel, "statistics", lambda channel, rows: statistics(channel, torch.arange(len(channel.lengths))))
    with pytest.raises(AssertionError, match=r"stems\.speech\.mean"):
        test_fitted.test_statistics_and_class_weights_come_from_the_training_part(configure, inputs)
    with pytest.raises(AssertionError, match="stems"):
        test_fitted.test_training_learns_from_the_training_part(configure, inputs)


def test_a_baseline_scaled_by_all_rows_is_caught(
    monkeypatch: pytest.MonkeyPatch, configure: Configure, inputs: Dataset, tmp_path: Path
) -> None:
    columns = Channel.columns
    monkeypatch.setattr(Channel, "columns", lambda channel: columns(channel) - columns(channel).mean(0))
    with pytest.raises(AssertionError, match=r"\.mean_"):
        test_fitted.test_the_linear_baseline_learns_from_training_and_development_part(configure, inputs, tmp_path)


def test_class_weights_counted_over_all_rows_are_caught(
    monkeypatch: pytest.MonkeyPatch, configure: Configure, inputs: Dataset
) -> None:
    build = model.build_model

    def counting_all(config: Config, given: Dataset, train: Tensor, seed: int) -> model.SpeechEmotionModel:
        made = build(config, given, train, seed)
        for name, head in made.heads.items():
            head.fit_targets(given.targets[name])  # type: ignore[operator]
        return made

    monkeypatch.setattr(test_fitted, "build_model", counting_all)
    with pytest.raises(AssertionError, match=r"heads\.emotion\.class_weights"):
        test_fitted.test_statistics_and_class_weights_come_from_the_training_part(configure, inputs)


def choosing_on_test(config: Config, inputs: Dataset, fold: Fold, *given: Any) -> Generator[EpochEnd, None, Fitted]:
    """Training whose epoch is chosen on the test part, as much published code has it."""
    return (yield from fit(config, inputs, dataclasses.replace(fold, dev=fold.test), *given))


def test_an_epoch_chosen_on_the_test_part_is_caught(
    monkeypatch: pytest.MonkeyPatch, configure: Configure, inputs: Dataset
) -> None:
    monkeypatch.setattr(train_folds, "fit", choosing_on_test)
    with pytest.raises(AssertionError):
        test_firewall.test_noise_in_place_of_test_labels_changes_no_decision(1, False, configure, inputs)


def test_luck_chosen_on_the_test_part_is_caught_as_more_than_chance(
    monkeypatch: pytest.MonkeyPatch, configure: Configure
) -> None:
    monkeypatch.setattr(train_folds, "fit", choosing_on_test)
    with pytest.raises(AssertionError):
        test_chance.test_noise_is_at_chance(0, configure)


@pytest.mark.parametrize("pruning", ["none", "futility"])
def test_trials_judged_by_their_test_parts_are_caught(pruning: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Peeking(Scores):
        def first_folds(self, trial: Trial) -> list[tuple[float, ...]]:
            return [(self.store.open_test(key).metrics["uar"],) for key in trial.keys if key in self.store]

    monkeypatch.setattr(test_firewall, "Scores", Peeking)
    one, other = (test_firewall.searched(tmp_path / str(noise), noise, pruning=pruning) for noise in (1, 2))
    assert one != other
    with pytest.raises(AssertionError, match="was opened while searching"):
        test_firewall.test_a_search_over_noise_in_sealed_parts_asks_prunes_and_concludes_the_same(
            pruning, 0, False, tmp_path / "again", monkeypatch
        )
