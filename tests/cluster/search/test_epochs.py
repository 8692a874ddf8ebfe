"""Trials judged after epochs of all their folds: who goes on, what it costs, and what is left of those that end."""

import dataclasses

import pytest

from cluster.search.budget import Budget
from cluster.search.pruners import PRUNERS
from cluster.study_record import load_study
from ser_core.cross_validation.records import RunStore
from ser_core.errors import SettingError
from ser_core.training.phase import best_so_far
from tests.cluster.conftest import SMALL, records, ser, shown
from tests.cluster.recorded import Search, decided, development, noted, store_with

EPOCHS = 27
PACKED = ("optim.pack=4", "optim.epochs=9", "optim.patience=9")


def course(trial):
    """Development scores that rise to what the trial's x is worth; bad ones start well."""
    top = sum(development(key).dev["uar"] for key in trial.keys) / len(trial.keys)
    return [top * epoch / EPOCHS + (0.01 if top < 0.4 else 0) for epoch in range(1, EPOCHS + 1)]


@dataclasses.dataclass
class Packed(Search):
    """A search whose trials report after epochs, then leave all their records at once."""

    def driven(self, cut=10**9, fails=()):
        source = self.source(epochs=True)
        while piece := source.next():
            trial, missing = piece
            for epoch, best in enumerate(best_so_far(course(trial)), 1):
                if cut == 0:
                    self.past = noted(source)
                    return source
                cut -= 1
                if source.progressed(trial, epoch, EPOCHS, best):
                    break
            else:
                for fold in missing:
                    store_with(self.folder, trial.keys[fold - 1], course(trial))
                    source.reported(trial, fold, True, False)
            source.finished(trial)
        self.past = noted(source)
        return source


@pytest.mark.parametrize("pruning", ["asha", "median"])
def test_a_trial_that_falls_behind_ends_after_an_epoch_and_is_told_pruned(pruning, tmp_path):
    source = Packed(tmp_path, folds=4, pruning=pruning, budget=Budget(25)).driven()
    assert 5 < len(source.ended) < 25
    for told, (name, trial) in zip(source.study.trials, source.trials.items(), strict=True):
        if name not in source.ended:
            assert told.state.name == "COMPLETE" and len(source.trained[name]) == 4
            continue
        ended = source.ended[name]
        done = len(ended.curve)
        assert ended.curve == best_so_far(course(trial))[:done] and ended.cost == pytest.approx(4 * done / EPOCHS)
        assert told.state.name == "PRUNED" and told.intermediate_values == {done: ended.curve[-1]}
        assert name not in source.trained and f"after {done} of {EPOCHS} epochs" in ended.reason
    best = max(source.trials.values(), key=lambda trial: course(trial)[-1])
    assert best.keys[0].fingerprint not in source.ended


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_a_killed_search_decides_as_if_it_had_not_been(cut, tmp_path):
    whole = Packed(tmp_path / "whole", folds=4, sampler="qmc", pruning="asha").driven()
    search = Packed(tmp_path / "cut", folds=4, sampler="qmc", pruning="asha")
    search.driven(cut=cut)
    assert decided(search.driven()) == decided(whole)


def test_what_ended_trials_have_trained_counts_for_the_budget(tmp_path):
    source = Packed(tmp_path, folds=4, pruning="asha", budget=Budget(0, folds=30)).driven()
    spent = sum(map(len, source.trained.values())) + sum(ended.cost for ended in source.ended.values())
    assert 30 <= spent < 34 and "30 folds is spent" in source.ending


def test_rungs_are_shares_of_the_epochs_and_a_curve_counts_where_it_has_one():
    stop = PRUNERS["asha"].stop_curve
    good, others = [0.9] * 60, [[0.5] * 60, [0.6] * 60, [0.7] * 2]
    for done in range(1, 61):
        assert stop(good[:done], others, 60) == ""
        assert bool(stop([0.1] * done, others, 60)) == (done in (3, 7, 20))
    assert stop([0.1] * 3, others[:1], 60) == ""  # two are no competition


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--prune-on", "epochs"), "optim.pack=4 does"),
        (("--prune-on", "epochs", "optim.pack=4", "weighting=pcgrad"), "weighting=pcgrad needs a separate gradient"),
        (("--prune-on", "epochs", "optim.pack=4", "--pruning", "futility"), "use asha or median"),
        (("--prune-on", "epochs", "optim.pack=4", "--objective", "uar"), "leave --objective out"),
        (("--prune-on", "epochs", "optim.pack=4", "--fold", "1"), "leave --fold out"),
        (("--prune-on", "steps"), "must be folds or epochs"),
    ],
)
def test_what_cannot_be_judged_on_epochs_is_refused(words, reason, tmp_path, monkeypatch):
    from cluster.search.budget import Budget
    from cluster.search.run_search import Search as SelectionSettings
    from cluster.search.run_search import prepare_search
    from search_spaces.spaces import SPACES

    monkeypatch.chdir(tmp_path)
    options = {words[at].lstrip("-").replace("-", "_"): words[at + 1] for at in range(len(words)) if words[at].startswith("--")}
    overrides = [word for word in words if "=" in word]
    options |= {"fold": int(options.get("fold", 0)), "objectives": tuple(filter(None, [options.pop("objective", "")]))}
    with pytest.raises(SettingError, match=reason):
        prepare_search(SPACES["optimiser"], [*SMALL, *overrides], SelectionSettings(Budget(4), **options), lambda *given: None)


def test_a_real_search_prunes_on_epochs_and_goes_on_from_its_records(tmp_path):
    small = [each for each in SMALL if "epochs" not in each]
    words = ["search", "optimiser", *small, *PACKED, "--trials", "7", "--sampler", "random", "--prune-on", "epochs"]
    ran = ser(tmp_path, *words, "cluster.workers=1")
    assert ran.code == 0, ran.err
    store = RunStore(tmp_path / "bridgework")
    found = load_study(store, "search-optimiser")
    assert found.ended and all(ended.pruned and ended.curve for ended in found.ended.values())
    assert len(records(tmp_path)) == 4 * (7 - len(found.ended)) and not list(tmp_path.rglob("*.state"))
    assert f"by pruning {len(found.ended)} trials" in ran.out
    killed = [run for run in shown(tmp_path) if run.status == "KILLED"]
    assert len(killed) == len(found.ended) and all("epochs" in run.tags["ser.pruned"] for run in killed)
    again = ser(tmp_path, *words)
    assert again.code == 0 and "0 folds trained" in again.out and "ray" not in again.loaded
