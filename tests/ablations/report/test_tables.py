"""What the tables say, and that no name from a user can break one."""

import csv
import io
import math
import re
import shutil
import subprocess

import pytest
from rich.console import Console

from ablations.pairing import pair
from ablations.report.cells import number
from ablations.report.render import latex, markdown, to_csv, to_latex, to_markdown, to_rich
from ablations.report.tables import StudyTable, protocol_facts, study_table
from ablations.statistics.compare import compare
from ablations.statistics.pooled_scores import pooled_scores
from ser_core.evaluation.baselines import BASELINES

NASTY = r"a_b & 50% $x$ #1 {y} ~^ \foo <b> [red] | * `q`"
SKILL = {"concat": 0.3, "bridge": 0.8, NASTY: 0.35}


@pytest.fixture(scope="module")
def outcomes(spoken):
    return spoken(SKILL)


@pytest.fixture(scope="module")
def table(outcomes) -> StudyTable:
    return study_table(pair(outcomes), "Fusion", "Does a fusion beat the concatenation?", command="ser ablate fusion")


def test_cells_are_the_statistics_in_points(outcomes, table):
    assert table.columns == ["Variant", "UAR", "WA", "macro-F1", "V", "Δ UAR", "Holm p", "pooled UAR", "Δ pooled"]
    row = next(row for row in table.cells if row[0] == "bridge")
    found, together = compare(pair(outcomes, "concat"))["bridge"], pooled_scores(pair(outcomes, "concat"))["bridge"]
    half = (found.score.high - found.score.low) / 2
    assert row[1] == f"{100 * found.score.value:.2f} ± {100 * half:.2f}"
    valence = compare(pair(outcomes, "concat", "ccc.valence"))["bridge"].score
    assert row[4] == f"{valence.value:.3f} ± {(valence.high - valence.low) / 2:.3f}".replace("0.", ".")
    assert row[5].startswith(f"+{100 * found.difference.value:.2f} ± ")
    assert row[6] == f"{found.p_holm:.3f}".removeprefix("0")
    low, high = together.score.low, together.score.high
    assert row[7] == f"{100 * together.score.value:.2f} [{100 * low:.2f}, {100 * high:.2f}]"
    assert row[8].startswith(f"+{100 * together.difference.value:.2f} [+")


def test_references_are_averaged_and_not_tested(table):
    assert table.cells[-2:] == [
        ["majority", "25.00", "30.00", "—", "—", "—", "—", "—", "—"],
        ["linear", "53.50", "60.00", "—", "—", "—", "—", "—", "—"],
    ]
    assert set(table.verdicts) == {"bridge", NASTY}


def test_the_notes_give_every_name_and_say_what_each_reference_is(table):
    notes = " ".join(table.notes)
    assert "UAR = unweighted average recall (also UA, balanced accuracy); WA = accuracy (also weighted accuracy)" in notes
    assert "some papers print it for UAR" in notes
    assert "V = valence: concordance correlation (CCC)" in notes
    for name in ("majority", "linear"):
        assert f"{name}: {BASELINES[name].sentence}" in notes


def test_references_stand_in_their_order_and_only_where_they_say_something(outcomes):
    for one in outcomes:
        one.test.baselines["class_oracle"] = {"ccc.valence": 0.8}
        one.test.baselines["chance"] = {"uar": 0.25}
        one.test.baselines["elsewhere"] = {"mae.valence": 0.8}
    table = study_table(pair(outcomes), "Fusion", "Which?")
    assert list(table.references) == ["chance", "majority", "linear", "class_oracle"]
    assert table.cells[-1] == ["class_oracle", "—", "—", "—", ".800", *["—"] * 4]
    for one in outcomes:
        for name in ("class_oracle", "chance", "elsewhere"):
            del one.test.baselines[name]


def test_protocol_goes_with_every_table(table):
    line = (
        "corpus demo · protocol lospo · split 0123456789ab · development 1 whole speaker · "
        "size 6 folds x 2 seeds · text spoken words · audio max_seconds=15.0"
    )
    assert table.protocol_line == line
    printed = _printed(table, width=400)
    assert line in printed
    assert markdown(line) in to_markdown(table)
    assert latex(line) in to_latex(table)
    assert all(row["protocol"] == line for row in csv.DictReader(io.StringIO(to_csv(table))))


def test_protocol_says_what_varies_and_what_is_missing(scored):
    scores = {"base": [[0.5, 0.6]]}
    card = {"folds": 5, "text_source": "recogniser"}
    outcomes = scored(scores, card={}) + scored({"more": [[0.6, 0.6]]}, card=card)
    facts = protocol_facts(outcomes)
    assert facts["size"] == "2 of 5 folds x 1 seed"
    assert facts["text"] == "varies between variants"
    assert facts["protocol"] == "not recorded"


def test_csv_holds_the_raw_numbers(outcomes, table):
    rows = {row["variant"]: row for row in csv.DictReader(io.StringIO(to_csv(table)))}
    assert list(rows) == ["concat", "bridge", NASTY, "majority", "linear"]
    for name, found in compare(pair(outcomes, "concat")).items():
        row = rows[name]
        assert float(row["uar"]) == found.score.value
        assert float(row["uar.low"]) == found.score.low
        assert row["verdict"] == found.verdict
        assert (int(row["pairs"]), int(row["folds"]), int(row["seeds"])) == (12, 6, 2)
        for column, value in (
            ("difference", found.difference.value),
            ("p_holm", found.p_holm),
            ("detectable", found.detectable.value),
        ):
            assert (row[column] == "") if math.isnan(value) else (float(row[column]) == value)
    assert float(rows["linear"]["uar"]) == pytest.approx(0.535)
    assert rows["linear"]["difference"] == ""
    assert [rows[name]["kind"] for name in ("concat", "bridge", "linear")] == ["baseline", "variant", "reference"]


def _printed(table: StudyTable, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), record=True, color_system=None)
    console.print(*to_rich(table), sep="\n")
    return console.export_text()


def test_rich_table_fits_100_columns_and_takes_names_as_they_are(spoken):
    outcomes = spoken(SKILL | {"cross_attention": 0.4})
    for one in outcomes:
        one.test.metrics["ccc.arousal"] = one.test.metrics["ccc.dominance"] = one.test.metrics["ccc.valence"]
    table = study_table(pair(outcomes), "Fusion", "Which?")
    printed = _printed(table, width=100)
    assert max(map(len, printed.splitlines())) <= 100
    for word in ("concat", "cross_attention", "[red]", "Holm p", "pooled UAR", "majority", "± ", "[red] | * `q`: "):
        assert word in printed
    first = next(line for line in printed.splitlines() if line.strip().startswith("bridge "))
    values = [cell.split(" ")[0] for cell in table.cells[1]]
    assert values[:-1] == first.split(), "the pooled difference has no room here"


def test_pooled_difference_is_shown_where_it_is_all_there_is(spoken):
    outcomes = spoken(SKILL, folds=1)
    for one in outcomes:
        one.test.predictions["speaker"] = [f"{number % 4}" for number in range(len(one.test.predictions))]
    table = study_table(pair(outcomes), "Fusion", "Which?")
    assert "Δ pooled" in _printed(table, 120)
    assert r"$\Delta$ pooled" in to_latex(table)
    assert "interval over 4 speakers (Student's t, standard error by bootstrap)" in " ".join(table.notes)


def test_markdown_survives_any_name(table):
    lines = to_markdown(table).splitlines()
    grid = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if line.startswith("| ")]
    assert {len(row) for row in grid} == {9}
    assert grid[4][0].strip() == markdown(NASTY)
    assert "<b>" not in to_markdown(table).replace("\\<b\\>", "")


def test_latex_survives_any_name(table):
    text = to_latex(table)
    assert latex(NASTY) in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {7}
    bare = re.sub(r"\\[&%$#_{}]", "", text.replace(r"\\", ""))
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_latex_compiles(table, tmp_path):
    head = r"\documentclass{article}\usepackage[utf8]{inputenc}\usepackage[T1]{fontenc}\usepackage{booktabs}"
    (tmp_path / "page.tex").write_text(f"{head}\\begin{{document}}\n{to_latex(table)}\\end{{document}}\n")
    run = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-draftmode", "page.tex"],
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stdout[-2000:]


def test_another_baseline_and_another_metric(outcomes):
    table = study_table(pair(outcomes, baseline="bridge", metric="ccc.valence"), "Fusion", "Which?")
    assert table.study.baseline == "bridge"
    assert set(table.verdicts) == {"concat", NASTY}
    assert table.columns[-4:] == ["Δ V", "Holm p", "pooled V", "Δ pooled"]
    assert re.fullmatch(r"-\.\d{3} ± \.\d{3}", table.cells[0][5])


def test_what_was_left_out_is_told(scored):
    outcomes = scored({"base": [[0.5, 0.6]], "more": [[0.6, 0.6]]}, skipped={"u1": "silent"})
    assert "Left out because of their audio: 1 utterance (u1: silent)." in study_table(pair(outcomes), "t", "q").notes


def test_numbers():
    assert number(-0.00001, "uar") == "0.00" and number(-0.00001, "ccc.valence", "+") == "+.000"
    assert number(0.1 + 0.2, "uar") == number(0.3, "uar") and number(0.04375, "uar") == number(0.04375 - 1e-15, "uar") == "4.38"
    assert number(math.nan, "uar") == "—"
    assert number(-1.0, "ccc.valence") == "-1.000"
