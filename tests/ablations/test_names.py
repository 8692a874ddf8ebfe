"""A metric keeps its name from the predictions to every page that shows it: swapping two of them anywhere fails here."""

import csv
import io
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from ablations.outcomes import score_table
from ablations.pairing import pair
from ablations.report.details import study_details
from ablations.report.figures import strip
from ablations.report.render import details_to_csv, details_to_markdown, to_csv, to_latex, to_markdown, to_rich
from ablations.report.tables import study_table
from ablations.report.write_report import to_html
from ablations.statistics.pooled_scores import pooled_scores
from ser_core.cross_validation.records import RunStore, TestPart
from ser_core.evaluation.baselines.baseline import scored as scored_as_baseline
from ser_core.evaluation.score import score

TRUTH = ["a"] * 8 + ["b"] * 2
GUESS = ["a"] * 7 + ["b"] + ["a"] * 2
"""Unbalanced: UAR 43.75, WA 70.00, macro-F1 41.18."""
EXPECTED = {
    "uar": balanced_accuracy_score(TRUTH, GUESS),
    "wa": accuracy_score(TRUTH, GUESS),
    "macro_f1": f1_score(TRUTH, GUESS, average="macro"),
}
PRINTED = {"UAR": "43.75", "WA": "70.00", "macro-F1": "41.18"}


@pytest.fixture
def outcomes(one_outcome, tmp_path):
    """One variant in two folds that answer alike, written to a run store and read back."""
    store, found = RunStore(tmp_path), []
    for fold in (1, 2):
        predictions = pd.DataFrame(
            {
                "utterance": [f"{fold}-{number}" for number in range(10)],
                "speaker": f"{fold}",
                "emotion.target": TRUTH,
                "emotion.predicted": GUESS,
            }
        )
        one = one_outcome("base", 0, fold, {})
        key, metrics = one.record.key, score(predictions)
        store.write(one.record, predictions, TestPart(key, metrics, {"majority": metrics}, predictions))
        found.append(type(one)("base", store.load(key), store.open_test(key)))
    return found


def test_the_example_tells_the_three_apart():
    assert pytest.approx({"uar": 0.4375, "wa": 0.7, "macro_f1": 7 / 17}) == EXPECTED


@pytest.mark.parametrize("metric", EXPECTED)
def test_uar_and_wa_are_not_swapped_in_numbers(metric, outcomes):
    value = pytest.approx(EXPECTED[metric])
    assert all(one.test.metrics[metric] == value for one in outcomes)
    assert list(score_table(outcomes)[metric]) == [value, value]
    assert pooled_scores(pair(outcomes, "base", metric))["base"].score.value == value
    table = study_table(pair(outcomes, metric=metric), "t", "q")
    assert table.rows[0].scores[metric].value == table.rows[0].comparison.score.value == value
    assert table.references["majority"][metric] == value
    detail = study_details(table.study).scores["base"][metric]
    assert detail.folds.value == detail.pooled == value
    row = next(csv.DictReader(io.StringIO(to_csv(table))))
    assert float(row[metric]) == float(row["pooled"]) == value and row["primary"] == metric
    rows = csv.DictReader(io.StringIO(details_to_csv(study_details(table.study))))
    assert [float(row["mean"]) for row in rows if row["metric"] == metric] == [value, value]


@pytest.mark.parametrize("heading", PRINTED)
def test_uar_and_wa_are_not_swapped_beneath_their_headings(heading, outcomes):
    metric = dict(zip(PRINTED, EXPECTED, strict=True))[heading]
    table = study_table(pair(outcomes, metric=metric), "t", "q")
    details = study_details(table.study)
    for name, line in (("base", 0), ("majority", 1)):
        assert beneath(grid(to_markdown(table)), heading, line) == PRINTED[heading], name
        assert beneath([row.split("&") for row in body(to_latex(table))], heading, line) == PRINTED[heading]
        printed = list(to_rich(table)[1].columns)
        column = next(each for each in printed if str(each.header) == heading)
        assert str(list(column.cells)[line]).split()[0] == PRINTED[heading]
        page = re.findall(r"<t[hd][^>]*>([^<]*)", to_html(table, details).partition("</table>")[0])
        width = len(table.columns)
        assert beneath([page[start : start + width] for start in range(0, len(page), width)], heading, line) == PRINTED[heading]
    assert beneath(grid(to_markdown(table)), f"pooled {heading}", 0) == PRINTED[heading]
    shown = next(row for row in grid(details_to_markdown(details)) if row[0].strip() == heading)
    assert shown[1].split() == [PRINTED[heading], f"({PRINTED[heading]})"] and shown[2].strip() == PRINTED[heading]
    assert f"{heading} of each fold and seed" in strip(table)
    notes = " ".join(table.notes)
    assert {"UAR": "UAR = unweighted average recall", "WA": "WA = accuracy", "macro-F1": "macro-F1 = mean F1"}[heading] in notes


def test_uar_and_wa_are_not_swapped_in_the_baselines(inputs):
    from ser_core.folds import Fold

    corpus, nothing = inputs.corpus, np.array([], int)
    names = np.array(corpus.classes)
    rows = [np.flatnonzero(corpus.column("emotion") == name) for name in names[:2]]
    fold = Fold(1, "some", nothing, nothing, np.concatenate([rows[0][:8], rows[1][:2]]))
    guess = names[[0] * 7 + [1] + [0] * 2]
    found = scored_as_baseline(corpus, fold, guess)
    assert {metric: found[metric] for metric in EXPECTED} == pytest.approx(EXPECTED)


def grid(markdown):
    """The rows of the first table in a Markdown text."""
    return [line.strip("| ").split("|") for line in markdown.splitlines() if line.startswith("| ") and "---" not in line]


def body(latex):
    """The rows of a LaTeX table."""
    return [
        re.sub(r"\\shortstack\[r\]\{(.*?)\\\\.*?\}\}\}?", r"\1", line)[:-3]
        for line in latex.splitlines()
        if line.endswith(r" \\")
    ]


def beneath(rows, heading, line):
    """The number below a heading, without its interval; `line` counts the rows below the headings."""
    place = [name.strip() for name in rows[0]].index(heading)
    return rows[1 + line][place].split()[0]
