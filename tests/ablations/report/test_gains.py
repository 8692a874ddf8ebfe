"""Gains of a task over the task alone, the cosine beside them, and the section of the report that shows both."""

import dataclasses
import math
from xml.etree import ElementTree

import pytest

from ablations.pairing import pair
from ablations.report.details import study_details
from ablations.report.gains import gain_cells, gain_columns, gains, mean_cosine
from ablations.report.render import section_to_markdown, section_to_rich
from ablations.report.tables import study_table
from ablations.report.write_report import to_html, write_report
from ablations.studies.cross_regularisation import sections

UAR = {"emotion": (0.50, 0.60, 0.55), "emotion + dimensions": (0.55, 0.66, 0.59)}
CCC = {"dimensions": (0.30, 0.20, 0.40), "emotion + dimensions": (0.25, 0.18, 0.35)}
COSINES = ((0.2, 0.4), (-0.1, math.nan), (0.0, 0.2))
"""Two epochs of each fold; fold means .3, -.1, .1."""


@pytest.fixture
def outcomes(one_outcome):
    """Each of two tasks alone and both together, three folds."""
    found = []
    for variant in ("emotion", "dimensions", "emotion + dimensions"):
        chosen = variant.split(" + ")
        tasks = {name: {"weight": float(name in chosen)} for name in ("emotion", "dimensions", "gender")}
        for fold in (1, 2, 3):
            metrics = {"uar": UAR[variant][fold - 1]} if "emotion" in chosen else {}
            if "dimensions" in chosen:
                metrics |= {"ccc.valence": CCC[variant][fold - 1] - 0.1, "ccc.arousal": CCC[variant][fold - 1] + 0.1}
            epochs = [{"cosine.emotion.dimensions": value} for value in COSINES[fold - 1]] if len(chosen) > 1 else []
            found.append(one_outcome(variant, 0, fold, metrics, config={"tasks": tasks}, epochs=epochs))
    return found


def test_a_gain_is_the_tasks_own_metric_together_less_alone(outcomes):
    emotion, dimensions = gains(pair(outcomes))
    assert (emotion.name, emotion.metric) == ("emotion with dimensions", "uar")
    assert (dimensions.name, dimensions.metric) == ("dimensions with emotion", "mean_ccc")
    assert emotion.difference.value == pytest.approx((0.05 + 0.06 + 0.04) / 3)
    assert dimensions.difference.value == pytest.approx(-(0.05 + 0.02 + 0.05) / 3)
    assert dimensions.alone.value == pytest.approx(0.3) and dimensions.together.value == pytest.approx(0.26)
    assert emotion.difference.low < emotion.difference.value < emotion.difference.high


def test_cosines_are_means_over_epochs_then_folds_whatever_the_order_of_the_names(outcomes):
    both = [one for one in outcomes if one.variant == "emotion + dimensions"]
    for names in (("emotion", "dimensions"), ("dimensions", "emotion")):
        found = mean_cosine(both, *names)
        assert (found.mean, found.low, found.high) == pytest.approx((0.1, -0.1, 0.3))
    assert math.isnan(mean_cosine(both, "emotion", "gender").mean)


def test_a_task_that_was_never_trained_alone_has_no_gain(outcomes):
    assert [gain.task for gain in gains(pair([one for one in outcomes if one.variant != "dimensions"]))] == ["emotion"]


def test_gains_are_printed_with_their_cosines(outcomes):
    found = gains(pair(outcomes))
    assert gain_columns(found)[-2:] == ("cosine to emotion", "cosine to dimensions")
    first, second = gain_cells(found)
    assert first[0] == "emotion (UAR) with dimensions" and first[3].startswith("+5.00 ±")
    assert first[-2:] == ("—", "+.100 [-.100, +.300]")
    assert second[0] == "dimensions (mean CCC) with emotion" and second[3].startswith("-.040 ±")
    assert second[-2:] == ("+.100 [-.100, +.300]", "—")


def test_the_section_stands_in_every_form_of_the_report(outcomes, tmp_path):
    table = study_table(pair(outcomes), "t", "q")
    square, section, course = sections(table.study)
    found = gain_cells(gains(table.study))
    page = to_html(table, study_details(table.study), [section])
    files = write_report(table, tmp_path, [section])
    assert files["html"].read_text() == page and page.count(section.drawing) == 1
    written = files["markdown"].read_text()
    assert section_to_markdown(section) in written
    assert "| emotion (UAR) with dimensions |" in written
    assert str(section_to_rich(section)[0]).strip() == section.title
    for note in section.notes:
        assert note.partition(" ")[0] in page
    words = [element.text for element in ElementTree.fromstring(section.drawing).iter("{http://www.w3.org/2000/svg}text")]
    assert {"emotion with dimensions", "dimensions with emotion"} <= set(words)
    assert sections(pair(outcomes))[1] == section
    assert square.columns == ("Gain of", "from emotion", "from dimensions", "from all others")
    assert [row[1:] for row in square.rows] == [("—", found[0][3], "—"), (found[1][3], "—", "—")]
    assert course.rows[0][0].endswith(": emotion, dimensions") and len(course.rows[0]) == len(course.columns)


def test_a_study_without_company_and_a_company_without_cosines_are_drawn(outcomes):
    alone = [one for one in outcomes if not one.record.epochs]
    assert gains(pair(alone)) == [] and sections(pair(alone))[1].rows == ()
    silent = [dataclasses.replace(one, record=dataclasses.replace(one.record, epochs=[])) for one in outcomes]
    assert all(row[-2:] == ("—", "—") for row in sections(pair(silent))[1].rows)
