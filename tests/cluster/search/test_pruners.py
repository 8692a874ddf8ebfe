"""Every pruner of the table by its laws, and each formula computed another way."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.search.pruners import PRUNERS, chosen_pruner
from cluster.search.pruners.futility import chance_to_end_above
from cluster.search.pruners.several import reason_to_stop
from ser_core.errors import SettingError

FOLDS = 10
NAMES = list(PRUNERS)


@st.composite
def studies(draw):
    """Scores of a trial so far, and of others, some of them complete."""
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    folds = generator.normal(0, 2, FOLDS)
    others = []
    for _ in range(draw(st.integers(0, 12))):
        length = draw(st.sampled_from([1, 3, 5, FOLDS, FOLDS]))
        others.append((generator.normal(0, 2) + folds + generator.normal(0, 1, FOLDS))[:length].tolist())
    own = (generator.normal(-1, 2) + folds + generator.normal(0, 1, FOLDS))[: draw(st.integers(1, FOLDS))].tolist()
    return own, others


@pytest.mark.parametrize("name", NAMES)
@given(study=studies())
def test_laws(name, study):
    """Pure; silent on a finished trial and on a leader; fold difficulty and unit change nothing where trials are paired."""
    own, others = study
    stop = PRUNERS[name].stop
    reason = stop(own, others, FOLDS)
    assert stop(tuple(own), [tuple(other) for other in others], FOLDS) == reason
    assert stop([*own, *[-1e3] * FOLDS][:FOLDS], others, FOLDS) == ""
    best = max((sum(other[: len(own)]) / len(own) for other in others if len(other) >= len(own)), default=-1e3)
    if sum(own) / len(own) >= best:
        assert reason == ""
    stretched = stop([3 * value + 5 for value in own], [[3 * value + 5 for value in other] for other in others], FOLDS)
    assert bool(stretched) == bool(reason)


@pytest.mark.parametrize("name", ["futility", "wilcoxon"])
@given(study=studies(), harder=st.lists(st.integers(-50, 50), min_size=FOLDS, max_size=FOLDS))
def test_how_hard_a_fold_is_changes_nothing_where_folds_are_paired(name, study, harder):
    own, others = study

    def shifted(values):
        return [value + shift for value, shift in zip(values, harder, strict=False)]

    stop = PRUNERS[name].stop
    assert bool(stop(shifted(own), [shifted(other) for other in others], FOLDS)) == bool(stop(own, others, FOLDS))


@pytest.mark.parametrize("name", NAMES)
def test_what_falls_far_behind_ends_and_what_cannot_be_judged_goes_on(name):
    leaders = [[10.0 + trial + 0.1 * (fold * trial % 3) for fold in range(FOLDS)] for trial in range(6)]
    poor = [1.0 + 0.1 * (fold % 2) for fold in range(FOLDS)]
    ends = next((done for done in range(1, FOLDS) if PRUNERS[name].stop(poor[:done], leaders, FOLDS)), 0)
    assert ends == {"none": 0, "asha": 1, "futility": 1, "median": 1, "wilcoxon": 4}[name]
    assert PRUNERS[name].stop(poor[:9], [], FOLDS) == ""


@given(study=studies())
def test_halving_keeps_the_best_third_of_a_rung(study):
    own, others = study
    rung = [np.mean(other[: len(own)]) for other in others if len(other) >= len(own)] + [np.mean(own)]
    kept = sorted(rung, reverse=True)[: len(rung) // 3]
    stops = len(own) in (1, 3, 9) and len(rung) >= 3 and np.mean(own) < kept[-1]
    assert bool(PRUNERS["asha"].stop(own, others, FOLDS)) == stops


def test_futility_is_the_predictive_probability():
    """Against draws of the variance, the true difference and the folds to come from their posteriors."""
    generator = np.random.default_rng(0)
    whole = generator.normal(size=(1, 5)) + generator.normal(size=(3, 1)) + generator.normal(size=(3, 5))
    best, own = whole[whole.mean(axis=1).argmax()], whole.mean(axis=0)[:3] - np.array([0.0, 0.1, -0.8])
    differences, freedom = own - best[:3], (3 - 1) * (5 - 1) + 3 - 1
    fitted = whole.mean(axis=1)[:, None] + whole.mean(axis=0)[None] - whole.mean()
    squares = 2 * ((whole - fitted) ** 2).sum() + ((differences - differences.mean()) ** 2).sum()
    draws = 400_000
    sd = np.sqrt(squares / generator.chisquare(freedom, draws))
    true = differences.mean() + sd / np.sqrt(3) * generator.normal(size=draws)
    to_come = true[:, None] + sd[:, None] * generator.normal(size=(draws, 2))
    above = ((differences.sum() + to_come.sum(axis=1)) / 5 > 0).mean()
    assert 0.02 < above < 0.5
    assert chance_to_end_above(own, best, whole) == pytest.approx(above, abs=0.004)


def test_futility_prunes_a_better_trial_rarely_and_a_worse_one_soon():
    """ENGINE's toy: fold sd 2, residual sd 1, a challenger one point better or two points worse."""
    generator, stop = np.random.default_rng(1), PRUNERS["futility"].stop

    def used(difference):
        folds = generator.normal(0, 2, FOLDS)
        others = (generator.normal(-2, 1, (8, 1)) + folds + generator.normal(0, 1, (8, FOLDS))).tolist()
        others.append((folds + generator.normal(0, 1, FOLDS)).tolist())
        own = (difference + folds + generator.normal(0, 1, FOLDS)).tolist()
        return next((done for done in range(1, FOLDS) if stop(own[:done], others, FOLDS)), FOLDS)

    better, worse = ([used(difference) for _ in range(300)] for difference in (1, -2))
    assert np.mean([folds < FOLDS for folds in better]) < 0.1
    assert np.mean([folds < FOLDS for folds in worse]) > 0.9 and np.mean(worse) < 4


def test_signed_ranks_by_enumeration():
    generator, checked = np.random.default_rng(2), set()
    for _ in range(60):
        best, own = generator.normal(size=FOLDS), generator.normal(-0.5, 1, size=6)
        differences = own - best[:6]
        ranks = np.abs(differences).argsort().argsort() + 1
        observed = ranks[differences > 0].sum()
        signs = itertools.product((0, 1), repeat=6)
        p = np.mean([np.dot(sign, ranks) <= observed for sign in signs])
        expected = p < 0.1 and differences.mean() < 0
        assert bool(PRUNERS["wilcoxon"].stop(own.tolist(), [best.tolist()], FOLDS)) == expected
        checked.add(expected)
    assert checked == {True, False}


def test_rules_that_do_not_suit_are_refused():
    with pytest.raises(SettingError, match="--pruning wilcoxon needs at least 10 folds, but this study has 5"):
        PRUNERS["wilcoxon"].check(5, 1)
    with pytest.raises(SettingError, match="--pruning asha compares one objective, got 2"):
        PRUNERS["asha"].check(5, 2)
    with pytest.raises(SettingError, match=r"did you mean futility\?"):
        chosen_pruner("futile")
    for name in ("none", "futility"):
        PRUNERS[name].check(5, 2)


def test_of_several_objectives_all_must_fall_behind_one_trial():
    """Two finished trials, each far ahead in one objective: neither dominates; one that is ahead in both does."""
    folds = np.arange(FOLDS)
    first = np.stack([10 + 0.1 * (folds % 2), 0.1 * (folds % 3)], axis=1)
    second = first[:, ::-1]
    own = np.stack([5 + 0.1 * (folds % 3), 5 + 0.1 * (folds % 2)], axis=1)
    stop = PRUNERS["futility"]
    assert reason_to_stop(stop, own[:3].tolist(), [first.tolist(), second.tolist()], FOLDS) == ""
    both = np.full((FOLDS, 2), 10.0) + 0.1 * (folds % 2)[:, None]
    assert "all 2 objectives" in reason_to_stop(stop, own[:3].tolist(), [first.tolist(), both.tolist()], FOLDS)
    assert reason_to_stop(PRUNERS["none"], own[:3].tolist(), [both.tolist()] * 5, FOLDS) == ""
