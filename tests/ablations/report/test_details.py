"""The second table: pooled scores from the predictions, confusions that add up, bins that hold every answer."""

import csv
import dataclasses
import io
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix

from ablations.pairing import pair
from ablations.report.details import study_details
from ablations.report.figures import MOST_PANELS, panels, reliability
from ablations.report.render import details_to_csv, details_to_markdown
from ablations.report.tables import study_table
from ablations.report.write_report import to_html
from ablations.statistics.compare import compare
from ser_core.evaluation.score import score


@pytest.fixture(scope="module")
def outcomes(spoken):
    return spoken({"concat": 0.3, "bridge": 0.8})


@pytest.fixture(scope="module")
def details(outcomes):
    return study_details(pair(outcomes))


def whole(outcomes, variant, seed):
    return pd.concat([one.test.predictions for one in outcomes if (one.variant, one.record.seed) == (variant, seed)])


def test_every_metric_has_its_fold_mean_and_its_pooled_value(outcomes, details):
    assert {metric for one in outcomes for metric in one.test.metrics} < set(details.metrics)
    for name, scores in details.scores.items():
        for metric, one in scores.items():
            by_seed = [score(whole(outcomes, name, seed))[metric] for seed in (0, 1)]
            assert one.pooled == pytest.approx(np.mean(by_seed)), metric
            folds = compare(pair(outcomes, "concat", metric))[name].score if metric in outcomes[0].test.metrics else None
            assert math.isnan(one.folds.value) if folds is None else one.folds == folds


def test_the_gap_between_women_and_men_is_there_although_every_fold_tests_one_speaker(details):
    one = details.scores["concat"]
    assert math.isnan(one["uar.gap"].folds.value) and one["uar.gap"].pooled > 0
    names = [row[0] for row in details.cells]
    place = names.index("UAR female")
    assert names[place : place + 3] == ["UAR female", "UAR male", "UAR gap"]
    assert "The gap is the distance between women and men" in " ".join(details.notes)


def test_confusions_are_counted_over_all_folds_and_seeds(outcomes, details):
    for name, one in details.confusions.items():
        table = pd.concat([whole(outcomes, name, seed) for seed in (0, 1)])
        expected = confusion_matrix(table["emotion.target"], table["emotion.predicted"], labels=one.classes)
        assert [list(row) for row in one.counts] == expected.tolist()
        for cells, row in zip(one.cells, expected, strict=True):
            assert cells[1:-1] == [f"{100 * share:.0f}" for share in row / row.sum()] and cells[-1] == str(row.sum())


def test_bins_hold_every_answer(outcomes, details):
    for name, bins in details.bins.items():
        assert sum(one.utterances for one in bins) == sum(len(one.test.predictions) for one in outcomes if one.variant == name)
        ece = f"{100 * details.scores[name]['ece'].pooled:.2f}"
        assert f"ECE {ece}" in reliability(details, list(details.bins))


def test_of_many_variants_the_baseline_and_the_best_in_development_are_drawn(spoken):
    """The test scores rise with the number of the variant and the development scores fall: those of the test choose nothing."""
    names = [f"rate {number:02d}" for number in range(MOST_PANELS + 3)]
    outcomes = spoken({name: 0.3 + 0.04 * place for place, name in enumerate(names)}, folds=3, seeds=1)
    fallen = {name: {"uar": 0.9 - 0.01 * place} for place, name in enumerate(names)}
    outcomes = [dataclasses.replace(one, record=dataclasses.replace(one.record, dev=fallen[one.variant])) for one in outcomes]
    table = study_table(pair(outcomes, baseline=names[-1]), "Rates", "Which?")
    details = study_details(table.study)
    drawn = panels(table.study, details)
    assert drawn == [*names[: MOST_PANELS - 1], names[-1]] and list(details.bins) == names
    page = to_html(table, details)
    assert f"The figure shows {MOST_PANELS} of {MOST_PANELS + 3} variants" in " ".join(page.split())
    few = [one for one in outcomes if one.variant in names[:MOST_PANELS]]
    table = study_table(pair(few), "Rates", "Which?")
    assert panels(table.study, study_details(table.study)) == names[:MOST_PANELS]
    assert "The figure shows" not in to_html(table, study_details(table.study))


def test_markdown_and_csv_hold_every_metric_of_every_variant(details):
    text = details_to_markdown(details)
    assert "### Confusions of bridge" in text
    names = details.columns
    assert names == ["Metric", "concat", "bridge", "majority", "linear"]
    assert all(f"| {name} |" in text for name in ("recall anger", "PCC valence", "MAE valence", "macro-F1", "ECE"))
    rows = list(csv.DictReader(io.StringIO(details_to_csv(details))))
    assert len(rows) == len(details.metrics) * (len(names) - 1)
    found = next(row for row in rows if (row["metric"], row["variant"]) == ("mae.valence", "bridge"))
    assert float(found["pooled"]) == details.scores["bridge"]["mae.valence"].pooled
    gap = next(row for row in rows if row["metric"] == "uar.gap")
    assert gap["mean"] == "" and gap["kind"] == "baseline" and gap["pooled"] != ""


def test_a_study_without_predictions_still_has_details(scored):
    alone = scored({"base": [[0.5, 0.6]]})
    details = study_details(pair(alone))
    assert details.metrics == ("uar",) and not details.confusions and not details.bins
    assert math.isnan(details.scores["base"]["uar"].pooled)
