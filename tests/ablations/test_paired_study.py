"""A paired study: paired once, the same pairs for every metric, and what it knows of its outcomes."""

import math

import numpy as np
import pytest

from ablations import pairing
from ablations.pairing import ComparisonError, pair
from ablations.report.conclusions import concluding_sections
from ablations.report.conditions import conditions_sections
from ablations.report.tables import study_table
from ablations.report.write_report import write_report
from ablations.statistics.compare import compare

SCORES = {"base": [[0.5, 0.6, 0.7], [0.4, 0.6, 0.8]], "more": [[0.6, 0.6, 0.8], [0.5, 0.7, 0.9]]}


@pytest.fixture
def outcomes(scored):
    return scored(SCORES)


def test_the_whole_report_pairs_the_outcomes_once(spoken, tmp_path, monkeypatch):
    """Every statistic, figure and page reads the pairs: after `pair`, nothing sorts or checks outcomes again."""
    study = pair(spoken({"base": 0.4, "more": 0.8}))
    for step in ("_by_variant", "_check_cards", "_check_complete", "_check_sizes"):
        monkeypatch.delattr(pairing, step)
    table = study_table(study, "t", "q?", redraws=20)
    sections = [*conditions_sections(study), *concluding_sections(study)]
    assert len(write_report(table, tmp_path, sections)) == 5


def test_another_metric_shares_the_pairs(scored):
    study = pair(scored(SCORES) + scored({"off": SCORES["base"]}, "wa"), "more", "uar", ("text_source",))
    other = study.on("wa")
    assert other.pairs is study.pairs and other.metrics is study.metrics
    assert (other.metric, study.metric) == ("wa", "uar")
    assert (other.baseline, other.across, other.test_to_train) == ("more", ("text_source",), study.test_to_train)
    assert np.isnan(other.scores()["base"]).all() and other.scores()["off"].tolist() == SCORES["base"]
    assert math.isnan(compare(other)["off"].difference.value)


def test_scores_stand_by_seed_and_fold_whatever_the_order_of_the_outcomes(outcomes):
    turned = [outcomes[0], *reversed(outcomes[1:])]
    for study in (pair(outcomes), pair(turned)):
        assert {name: scores.tolist() for name, scores in study.scores().items()} == SCORES
        assert study.outcomes == outcomes


def test_the_first_variant_is_the_baseline_unless_another_is_named(outcomes):
    assert (pair(outcomes).baseline, pair(outcomes, "more").baseline) == ("base", "more")
    with pytest.raises(ComparisonError, match="the baseline 'lost' has no folds; variants with folds: 'base', 'more'"):
        pair(outcomes, "lost")
    with pytest.raises(ComparisonError, match="the baseline '' has no folds; variants with folds: none"):
        pair([])


def test_it_knows_its_metrics_in_display_order_and_its_sizes(outcomes):
    for one in outcomes:
        one.test.metrics.update({"zeta": 1.0, "ccc.valence": 0.5, "uar@noise:0": 0.4})
    study = pair(outcomes)
    assert study.metrics == ("uar", "ccc.valence", "uar@noise:0", "zeta")
    assert study.unconditional_metrics == ["uar", "ccc.valence", "zeta"]
    assert study.test_to_train == pytest.approx(10 / 80)


def test_a_metric_that_no_variant_has_is_refused_where_it_is_compared(outcomes):
    study = pair(outcomes, metric="wa")
    with pytest.raises(ComparisonError, match="no variant has the metric 'wa'; choose from uar"):
        compare(study)
    with pytest.raises(ComparisonError, match="no variant has the metric 'wa'"):
        study_table(study, "t", "q?")
