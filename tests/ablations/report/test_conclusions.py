"""What is said beside the table: sections that agree with the methods behind them, numbers that agree with each other."""

import dataclasses
import math

import numpy as np
import pytest

from ablations.pairing import pair
from ablations.report.conclusions import (
    closest_comparison,
    concluding_sections,
    second_opinions,
    variance_of,
    variance_sentence,
)
from ablations.report.details import study_details
from ablations.report.settle import duration
from ablations.report.tables import study_table
from ablations.report.write_report import to_html, write_report
from ablations.statistics.compare import compare, compare_all
from ablations.statistics.variance import split_variance
from ablations.statistics.words import count_range, with_range


def test_a_row_for_every_variant_but_the_baseline_and_the_marked_tests_in_the_report_alone(spoken):
    shown, kept = second_opinions(pair(spoken({"base": 0.4, "more": 0.8, "same": 0.4}), "base", "uar"))
    assert (shown.on_terminal, kept.on_terminal) == (True, False)
    assert shown.columns == ("Variant", "d", "P(worse)", "P(equivalent)", "P(better)")
    assert kept.columns == ("Variant", "Wilcoxon p", "McNemar p", "lost:won")
    for section in (shown, kept):
        assert [row[0] for row in section.rows] == ["more", "same"]
        assert all(len(row) == len(section.columns) for row in section.rows)
    assert float(shown.rows[0][4]) > 0.95
    assert kept.rows[0][2] == "< .001" and len(kept.rows[0][3].split()) == 2
    assert "2.0 points either way" in " ".join(shown.notes)


def test_one_variant_alone_has_only_its_variance(spoken):
    sections = concluding_sections(pair(spoken({"base": 0.5}), "base", "uar"))
    assert [section.title for section in sections] == ["Where the variance of UAR comes from"]
    assert [row[0] for row in sections[0].rows] == ["between folds", "between seeds"]
    assert concluding_sections(pair(spoken({"base": 0.5}, folds=1), "base", "uar")) == []


def test_the_sentence_says_shares(scored):
    random = np.random.default_rng(0)
    scores = 0.6 + 0.05 * random.standard_normal((1, 1, 6)) + 0.03 * random.standard_normal((3, 2, 6))
    study = pair(scored(dict(zip("abc", scores, strict=True))))
    assert variance_of(study) == split_variance(scores)
    said = variance_sentence(study)
    for name, share in variance_of(study).parts.items():
        assert f"{100 * share:.0f} % {name}" in said


@pytest.fixture
def noisy(scored):
    """A study of variants a, b, c, ... with these scores [variants seeds folds] of UAR."""
    return lambda scores: pair(scored(dict(zip("abcd", scores, strict=False))), "a")


def test_what_a_study_finds_stands_everywhere_with_the_same_number(noisy):
    random = np.random.default_rng(2)
    noise = random.standard_normal((3, 2, 8)) * np.array([0.02, 0.02, 0.3])[:, None, None]
    study = noisy(np.array([0.6, 0.61, 0.1])[:, None, None] + 0.03 * random.standard_normal((3, 1, 8)) + noise)
    compared = compare(study)
    finds = with_range(compared["b"].detectable, "uar")
    assert finds in compared["b"].verdict
    settling, *_, variance = concluding_sections(study)
    assert dict(row[:2] for row in settling.rows)["b, UAR"] == finds.replace(" points", "")
    assert closest_comparison(study, compared) == compared["b"], "a distant variant says little about small differences"
    assert {row[0]: row[2] for row in variance.rows}["8 folds x 2 seeds"] == finds.replace(" points", "")


def test_what_would_settle_names_folds_seeds_and_their_cost(noisy):
    random = np.random.default_rng(1)
    seeds = 0.02 * random.standard_normal((2, 2, 10))
    (row,) = concluding_sections(noisy(seeds), wanted=0.03)[0].rows
    noise = compare(noisy(seeds))["b"].noise
    assert row[2] == count_range(noise.folds_for(0.03), 200) and row[4] == count_range(noise.seeds_for(0.03), 1000)
    # Each of the two variants trains a fold in one second.
    assert row[3] == duration(2 * 2 * (noise.folds_for(0.03).value - 10))
    assert row[5] == duration(2 * 10 * (noise.seeds_for(0.03).value - 2))
    stubborn = 0.05 * random.standard_normal((2, 1, 10)) + 0.001 * random.standard_normal((2, 2, 10))
    (row,) = concluding_sections(noisy(stubborn), wanted=0.001)[0].rows
    assert row[2:] == (">200", "—", ">1000", "—")
    (row,) = concluding_sections(noisy(0.05 * random.standard_normal((2, 1, 10))))[0].rows
    assert row[4:] == ("needs a second seed", "—")
    assert not any("settle" in one.title for one in concluding_sections(noisy(np.stack([seeds[0], seeds[0]]))))


def test_several_metrics_share_one_correction(spoken):
    study = pair(spoken({"base": 0.5, "more": 0.55, "worse": 0.3}))
    several = dataclasses.replace(study, further_metrics=("ccc.valence",))
    verdicts = concluding_sections(several)[0]
    assert [row[0] for row in verdicts.rows] == ["more, UAR", "worse, UAR", "more, V", "worse, V"]
    assert "after Holm over the 4 rows" in verdicts.notes[0]
    assert [row[4] for row in verdicts.rows] == [
        one.word for each in compare_all(several).values() for one in list(each.values())[1:]
    ]


def test_probabilities_and_verdict_agree_on_the_direction_where_less_is_better(spoken):
    outcomes = spoken({"base": 0.3, "more": 0.9})
    found = compare(pair(outcomes, "base", "mae.valence"))["more"]
    assert math.isfinite(found.p) and found.difference.value < 0
    shown, _ = second_opinions(pair(outcomes, "base", "mae.valence"))
    assert float(shown.rows[0][4]) > 0.5 and shown.rows[0][1].startswith("+")


def test_the_report_holds_every_section_without_a_drawing_of_its_own(spoken, tmp_path):
    outcomes = spoken({"base": 0.4, "more": 0.8})
    table = study_table(pair(outcomes), "t", "q?")
    sections = concluding_sections(table.study)
    files = write_report(table, tmp_path, sections)
    page, text = files["html"].read_text(), files["markdown"].read_text()
    for section in sections:
        assert f"<h2>{section.title}</h2>" in page and section.title in text.replace("\\", "")
    assert page.count("<figure") == to_html(table, study_details(table.study)).count("<figure")
