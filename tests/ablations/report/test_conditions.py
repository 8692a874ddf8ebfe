"""The section on conditions says what the records hold, beside a main table that they do not enter."""

import numpy as np
import pytest

from ablations.pairing import pair
from ablations.report.conditions import conditions_of, conditions_sections
from ablations.report.details import study_details
from ablations.report.tables import study_table
from ablations.report.write_report import write_report
from ser_core.metrics import find_metric, less_is_better, under


@pytest.fixture
def outcomes(spoken, one_outcome):
    """Two variants; both fall by ten points under noise, the second has no text to hide."""
    made = []
    for one in spoken({"both": 0.6, "speech": 0.3}):
        entries = ["text_only", "noise:0"] if one.variant == "both" else ["noise:0"]
        more = {under(name, entry): value - 0.1 for entry in entries for name, value in one.test.metrics.items()}
        config = {**one.record.config, "conditions": entries}
        metrics, key = {**one.test.metrics, **more}, one.record.key
        changes = {"sizes": (80, 20), "config": config}
        made.append(one_outcome(one.variant, one.record.seed, key.fold, metrics, one.test.predictions, **changes))
    return made


@pytest.fixture
def table(outcomes):
    return study_table(pair(outcomes), "Modality", "Which?", redraws=20)


def test_a_row_says_score_and_fall_under_each_condition(outcomes, table):
    (section,) = conditions_sections(table.study)
    assert conditions_of(outcomes) == ["text_only", "noise:0"]
    assert section.columns == ("Variant", "whole", "text_only", "noise:0")
    rows = {row[0]: row[1:] for row in section.rows}
    assert list(rows) == ["both, UAR", "speech, UAR", "both, CCC valence", "speech, CCC valence"]
    mean = 100 * np.mean([one.test.metrics["uar@noise:0"] for one in outcomes if one.variant == "speech"])
    assert rows["speech, UAR"][2].startswith(f"{mean:.2f} ±") and rows["speech, UAR"][2].endswith("(-10.00)")
    assert rows["speech, UAR"][1] == "—" and rows["both, UAR"][1].endswith("(-10.00)")
    assert rows["both, CCC valence"][1].endswith("(-.100)")


def test_table_and_details_show_the_whole_alone(table):
    assert not [name for name in (*table.metrics, *study_details(table.study).metrics) if "@" in name]


def test_the_report_holds_the_section_without_a_drawing(table, tmp_path):
    files = write_report(table, tmp_path, conditions_sections(table.study))
    for kind in ("markdown", "html"):
        text = files[kind].read_text()
        assert "With missing or degraded channels" in text and "noise:0" in text
    assert 'aria-label="Under missing and degraded channels; the numbers' not in files["html"].read_text()


def test_scores_after_a_stage_have_a_section_of_their_own(spoken, one_outcome):
    made = []
    for one in spoken({"staged": 0.6}):
        metrics, key = {**one.test.metrics, "uar@first": one.test.metrics["uar"] + 0.25}, one.record.key
        made.append(one_outcome("staged", one.record.seed, key.fold, metrics, one.test.predictions, sizes=(80, 20)))
    (section,) = conditions_sections(pair(made))
    assert (section.title, section.columns) == ("After each stage", ("Variant", "whole", "first"))
    ((name, _, after),) = section.rows
    assert name == "staged, UAR" and after.endswith("(+25.00)")


def test_without_conditions_there_is_no_section(spoken):
    outcomes = spoken({"both": 0.6})
    assert conditions_sections(pair(outcomes)) == []


def test_a_condition_changes_no_metrics_meaning():
    assert find_metric("mae.valence@noise:0") == find_metric("mae.valence") and less_is_better("uar.gap@noise:0")
