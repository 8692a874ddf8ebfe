"""What is said beside the table: sections that agree with the methods behind them, advice that agrees with its formula."""

import math

import numpy as np
import pytest

from ablations.pairing import pair
from ablations.report.conclusions import (
    advice,
    concluding_sections,
    scatter_of,
    second_opinions,
    variance_section,
    variance_sentence,
)
from ablations.report.details import study_details
from ablations.report.tables import study_table
from ablations.report.write_report import to_html, write_report
from ablations.statistics.compare import compare
from ablations.statistics.variance import detectable, split_variance


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
    assert "1 point either way" in " ".join(shown.notes)


def test_one_variant_alone_has_only_its_variance(spoken):
    sections = concluding_sections(pair(spoken({"base": 0.5}), "base", "uar"))
    assert [section.title for section in sections] == ["Where the variance of UAR comes from"]
    assert [row[0] for row in sections[0].rows] == ["between folds", "between seeds"]
    assert concluding_sections(pair(spoken({"base": 0.5}, folds=1), "base", "uar")) == []


@pytest.fixture
def scattered(scored):
    """The scatter of variants a, b, c, ... with these scores [variants seeds folds] of UAR."""
    return lambda scores: scatter_of(pair(scored(dict(zip("abcd", scores, strict=False))), "a", "uar"))


def test_the_sentence_says_shares_and_what_to_do(scattered):
    random = np.random.default_rng(0)
    scores = 0.6 + 0.05 * random.standard_normal((1, 1, 6)) + 0.03 * random.standard_normal((3, 2, 6))
    scatter = scattered(scores)
    assert scatter.whole == split_variance(scores)
    said = variance_sentence(scatter)
    for name, share in scatter.whole.parts.items():
        assert f"{100 * share:.0f} % {name}" in said
    assert f"6 folds x 2 seeds detect {100 * detectable(scatter.pair, 2, 6, 1 / 8):.1f} points" in said
    assert "To detect a difference of 2.0 points 80 times in 100" in said
    enough = advice(scatter, wanted=0.2)
    assert enough.startswith("6 folds x 2 seeds detect a difference of 20.0 points 80 times in 100, given the variance of ")


def test_advice_is_about_the_closest_variant_whatever_another_does(scattered, scored):
    """A variant far off scatters otherwise; what can be detected stays what the close one's verdict says."""
    random = np.random.default_rng(2)
    noise = random.standard_normal((3, 2, 8)) * np.array([0.02, 0.02, 0.3])[:, None, None]
    scores = np.array([0.6, 0.61, 0.1])[:, None, None] + 0.03 * random.standard_normal((3, 1, 8)) + noise
    scatter = scattered(scores)
    assert scatter.closest == "b"
    verdict = compare(pair(scored(dict(zip("abc", scores, strict=True))), "a"))["b"]
    assert scatter.pair.configuration_by_fold > 0, "an estimate cut off at 0 would be another formula"
    assert detectable(scatter.pair, 2, 8, scatter.ratio) == pytest.approx(verdict.mde)
    twins = scattered(np.stack([scores[0], scores[0]]))
    assert twins.closest == "" and advice(twins) == ""


def test_advice_names_seeds_folds_or_neither(scattered):
    random = np.random.default_rng(1)
    seeds = scattered(0.02 * random.standard_normal((2, 2, 10)))
    assert "seeds with these folds; or about" in advice(seeds, wanted=0.03)
    folds = scattered(0.05 * random.standard_normal((2, 1, 10)) + 0.001 * random.standard_normal((2, 2, 10)))
    assert "no number of seeds with these folds (at best" in advice(folds)
    assert "no number of folds up to 200" in advice(folds, wanted=0.001)
    one = scattered(0.05 * random.standard_normal((2, 1, 10)))
    assert "a single seed cannot show whether more seeds would help (run a second one)" in advice(one)
    assert advice(scattered(0.05 * random.standard_normal((1, 2, 10)))) == ""


def test_the_variance_table_agrees_with_the_formula(scattered):
    scatter = scattered(0.02 * np.random.default_rng(1).standard_normal((3, 2, 10)))
    rows = {row[0]: row[1:] for row in variance_section(scatter).rows}
    assert rows["10 folds x 4 seeds"][1] == f"{100 * detectable(scatter.pair, 4, 10, 1 / 8):.1f} points"
    assert rows["20 folds x 2 seeds"][1] == f"{100 * detectable(scatter.pair, 2, 20, 1 / 8):.1f} points"
    assert sum(float(share[0]) for share in rows.values() if share[0] != "—") == pytest.approx(100, abs=0.2)


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
