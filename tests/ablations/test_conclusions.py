"""What is said beside the table: sections that agree with the methods behind them, advice that agrees with its formula."""

import math

import numpy as np
import pytest

from ablations.compare import compare
from ablations.conclusions import advice, concluding_sections, second_opinions, variance_of, variance_section, variance_sentence
from ablations.report import to_html, write_report
from ablations.statistics.variance import detectable, split_variance
from ablations.tables import study_table


def test_a_row_for_every_variant_but_the_baseline_and_the_marked_tests_in_the_report_alone(spoken):
    shown, kept = second_opinions(spoken({"base": 0.4, "more": 0.8, "same": 0.4}), "base", "uar")
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
    sections = concluding_sections(spoken({"base": 0.5}), "base", "uar")
    assert [section.title for section in sections] == ["Where the scatter of UAR comes from"]
    assert [row[0] for row in sections[0].rows] == ["between folds", "between seeds"]
    assert concluding_sections(spoken({"base": 0.5}, folds=1), "base", "uar") == []


def test_the_sentence_says_shares_and_what_to_do(scored):
    random = np.random.default_rng(0)
    scores = 0.6 + 0.05 * random.standard_normal((1, 1, 6)) + 0.03 * random.standard_normal((3, 2, 6))
    outcomes = scored(dict(zip("abc", scores, strict=True)))
    split = variance_of(outcomes, "a", "uar")
    assert split == split_variance(scores)
    said = variance_sentence(split, "uar", 1 / 8)
    for name, share in split.parts.items():
        assert f"{100 * share:.0f} % {name}" in said
    assert f"6 folds x 2 seeds find {100 * detectable(split, 2, 6, 1 / 8):.1f} points" in said
    assert "To find a difference of 2.0 points 80 times in 100" in said
    enough = advice(split, "uar", 1 / 8, wanted=0.2)
    assert "20.0 points would be found 80 times in 100 with the 6 folds x 2 seeds there are" in enough


def test_advice_names_seeds_folds_or_neither():
    random = np.random.default_rng(1)
    seeds = split_variance(0.02 * random.standard_normal((3, 2, 10)))
    assert "seeds with these folds; or about" in advice(seeds, "uar", 1 / 9)
    folds = split_variance(0.05 * random.standard_normal((3, 1, 10)) + 0.001 * random.standard_normal((3, 2, 10)))
    assert "no number of seeds with these folds (at best" in advice(folds, "uar", 1 / 9)
    assert "no number of folds up to 200" in advice(folds, "uar", 1 / 9, wanted=0.001)
    one = split_variance(0.05 * random.standard_normal((3, 1, 10)))
    assert "one seed cannot tell (run a second)" in advice(one, "uar", 1 / 9)
    assert advice(split_variance(0.05 * random.standard_normal((1, 2, 10))), "uar", 1 / 9) == ""


def test_the_variance_table_agrees_with_the_formula():
    split = split_variance(0.02 * np.random.default_rng(1).standard_normal((3, 2, 10)))
    rows = {row[0]: row[1:] for row in variance_section(split, "uar", 1 / 9).rows}
    assert rows["10 folds x 4 seeds"][1] == f"{100 * detectable(split, 4, 10, 1 / 9):.1f} points"
    assert rows["20 folds x 2 seeds"][1] == f"{100 * detectable(split, 2, 20, 1 / 9):.1f} points"
    assert sum(float(share[0]) for share in rows.values() if share[0] != "—") == pytest.approx(100, abs=0.2)


def test_probabilities_and_verdict_agree_on_the_direction_where_less_is_better(spoken):
    outcomes = spoken({"base": 0.3, "more": 0.9})
    found = compare(outcomes, "base", "mae.valence")["more"]
    assert math.isfinite(found.p) and found.difference.value < 0
    shown, _ = second_opinions(outcomes, "base", "mae.valence")
    assert float(shown.rows[0][4]) > 0.5 and shown.rows[0][1].startswith("+")


def test_the_report_holds_every_section_without_a_drawing_of_its_own(spoken, tmp_path):
    outcomes = spoken({"base": 0.4, "more": 0.8})
    table = study_table(outcomes, "t", "q?")
    sections = concluding_sections(outcomes, "base", "uar")
    files = write_report(table, outcomes, tmp_path, sections)
    page, text = files["html"].read_text(), files["markdown"].read_text()
    for section in sections:
        assert f"<h2>{section.title}</h2>" in page and section.title in text.replace("\\", "")
    assert page.count("<figure") == to_html(table, outcomes, _details(table, outcomes)).count("<figure")


def _details(table, outcomes):
    from ablations.details import study_details

    return study_details(table, outcomes)
