"""Ranks over corpora: autorank's numbers against scipy and the printed formula, its level in simulation, what it may say."""

import math
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, friedmanchisquare, studentized_range

from ablations.statistics.ranks import FEWEST, conclusion, diagram, procedure, rank_variants
from tests.shared_material import ROOT

NAMES = ["concat", "attention", "bridge", "mbt"]
DEMSAR = {3: 2.343, 4: 2.569, 5: 2.728}
"""Nemenyi's critical values at .05 by the number of variants (Demsar 2006, table 5a)."""


def scores(gains, corpora=8, noise=1.0, seed=0):
    """Corpora of different difficulty; each variant with its gain."""
    random = np.random.default_rng([seed, corpora])
    hard = random.uniform(0.3, 0.8, (corpora, 1))
    table = hard + 0.02 * (np.asarray(gains) + noise * random.standard_normal((corpora, len(gains))))
    return pd.DataFrame(table, index=[f"corpus{place}" for place in range(corpora)], columns=NAMES[: len(gains)])


@pytest.mark.parametrize(("corpora", "gains"), [(5, [0, 0, 1]), (8, [0, 0, 1, 3]), (12, [0, 2, 0, 1])])
@pytest.mark.parametrize("less_is_better", [False, True])
def test_friedman_and_nemenyi_agree_with_scipy_and_the_formula(corpora, gains, less_is_better):
    table = scores(gains, corpora)
    found, count = rank_variants(table, less_is_better), len(gains)
    assert found.test == "Friedman"
    assert found.p == pytest.approx(friedmanchisquare(*table.to_numpy().T).pvalue)
    quantile = studentized_range.ppf(0.95, count, np.inf) / math.sqrt(2)
    assert quantile == pytest.approx(DEMSAR[count], abs=1e-3)
    assert found.cd == pytest.approx(quantile * math.sqrt(count * (count + 1) / (6 * corpora)), rel=1e-3)
    by_hand = [[sum(other < one for other in row) for one in row] for row in (table if less_is_better else -table).to_numpy()]
    expected = dict(zip(table.columns, 1 + np.mean(by_hand, axis=0), strict=True))
    assert found.means == pytest.approx(expected)
    assert list(found.means.values()) == sorted(found.means.values())


def test_under_the_null_friedman_rejects_in_5_per_cent():
    """300 sets of 8 corpora and 4 variants of equal merit; Nemenyi alone may not speak where Friedman does not."""
    found = [rank_variants(scores([0, 0, 0, 0], seed=seed)) for seed in range(300)]
    rejected = sum(one.p < 0.05 for one in found)
    assert binomtest(rejected, 300, 0.05).pvalue > 0.01
    assert all(one.p < 0.05 for one in found if one.apart)


def test_a_clear_winner_is_named_and_the_rest_is_not():
    found = rank_variants(scores([0, 0, 0, 30], 8))
    assert found.means["mbt"] == 1 and found.apart and {better for better, _ in found.apart} == {"mbt"}
    said = conclusion(found)
    assert said.startswith("Over 8 corpora the variants differ (Friedman p ") and "mbt is ahead of" in said
    assert "No other pair differs significantly (CD 1.66)." in said
    assert "alpha 0.05, then Nemenyi's critical difference of mean ranks, CD = 1.658" in procedure(found)
    assert "autorank 1." in procedure(found)


def test_nothing_found_is_not_equality():
    found = rank_variants(scores([0, 0, 0], 6))
    assert found.p > 0.05 and not found.apart
    assert conclusion(found).endswith("This does not show that they are equal.")


def test_a_difference_without_a_pair_is_said_to_be_that():
    found = rank_variants(scores([0, 0, 0, 30], 8))
    assert "differ (Friedman p " in (said := conclusion(type(found)(8, found.means, "Friedman", 0.04, 9.0, ())))
    assert said.endswith("but no two mean ranks differ by more than 9.00.")


@pytest.mark.parametrize("corpora", [2, 4])
def test_few_corpora_get_ranks_without_a_test(corpora):
    found = rank_variants(scores([0, 0, 9], corpora))
    assert found.test == "" and math.isnan(found.p) and not found.apart and found.means["bridge"] == 1
    assert f"No test: {corpora} corpora are too few; at least {FEWEST} are needed, since" in conclusion(found)
    assert procedure(found).endswith("not tested.")
    assert diagram(scores([0, 0, 9], corpora)) == {}


def test_two_variants_are_compared_by_a_two_sided_test():
    found = rank_variants(scores([0, 30], 6))
    assert (found.test, found.p, found.apart) == ("Wilcoxon", pytest.approx(2 / 2**6), (("attention", "concat"),))
    assert conclusion(found) == "Over 6 corpora attention is ahead of concat (Wilcoxon p = .031)."
    assert "two-sided" in procedure(found) and math.isnan(found.cd)
    assert "5 corpora are too few; at least 6 are needed" in conclusion(rank_variants(scores([0, 30], 5)))
    level = [rank_variants(scores([0, 0], 10, seed=seed)).p < 0.05 for seed in range(300)]
    assert binomtest(sum(level), 300, 0.05).pvalue > 0.01


def test_ties_share_ranks_and_break_on_no_rounding():
    table = scores([0, 0, 0], 6)
    table["bridge"] = table["concat"] + 1e-16
    found = rank_variants(table)
    assert found.means["bridge"] == found.means["concat"]
    table["attention"] = table["concat"]
    assert conclusion(rank_variants(table)) == "No test: all variants have the same score in each of the 6 corpora."


def test_constant_scores_raise_no_warning(capsys):
    table = pd.DataFrame({"a": [0.5] * 6, "b": [0.6] * 6, "c": [0.7] * 6})
    assert rank_variants(table).apart == (("c", "a"),)
    assert set(diagram(table)) == {"svg", "png"}
    assert capsys.readouterr() == ("", "")


def test_the_diagram_names_every_variant_and_is_the_same_again():
    table = scores([0, 0, 1, 30]).rename(columns={"mbt": "two: $frozen$, then <thawed>"})
    drawn = diagram(table)
    text = drawn["svg"].decode()
    assert all(name in text for name in ("concat", "attention", "bridge", "two: $frozen$, then &lt;thawed&gt;", "CD"))
    assert "mean rank over 8 corpora, Friedman p" in text and "no two differ significantly" not in text
    assert drawn["png"].startswith(b"\x89PNG")
    assert diagram(table) == drawn
    assert "no two differ significantly" in diagram(scores([0, 0, 0], 6))["svg"].decode()


def test_it_draws_without_a_display_and_warns_of_nothing():
    program = (
        "import pandas as pd; from ablations.statistics.ranks import diagram;"
        "print(len(diagram(pd.DataFrame({'a': [.1] * 6, 'b': [.2] * 6, 'c': [.3] * 6}))))"
    )
    hidden = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND")}
    call = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(call, cwd=ROOT, env=hidden, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("2\n", "")
