"""What a worker makes of a payload: the plan that its trial's keys come from, composed once for all seeds."""

from pathlib import Path

from cluster import trial as trials
from cluster.run_study import make_trial
from ser_core.config.compose import compose

SMALL = ("corpus.speakers=4", "corpus.sentences=6", "model.width=16", "optim.epochs=1", "optim.refit=false")


class SelectionSettings:
    """Stands for `cross_validate_many`: keeps the keys that it is asked to train."""

    def __init__(self) -> None:
        self.keys = []

    def __call__(self, wanted, store):
        self.keys += [planned.key(fold) for planned, folds in wanted for fold in folds]
        return iter(())


def test_trials_of_one_configuration_compose_it_once_and_train_their_own_seeds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = [make_trial("it", SMALL, seed) for seed in (0, 1, 7)]
    composed, asked = [], SelectionSettings()
    trials._planned.cache_clear()
    monkeypatch.setattr(trials, "compose", lambda *given: composed.append(given) or compose(*given))
    monkeypatch.setattr(trials, "cross_validate_many", asked)
    for pieces in (made[:1], made[1:]):
        trials.train_trial(trials.payload([(one, [2, 3]) for one in pieces], Path.cwd()))
    assert len(composed) == 1
    assert asked.keys == [key for one in made for key in one.keys if key.fold in (2, 3)]
    assert len(set(asked.keys)) == 6
