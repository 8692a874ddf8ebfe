"""No printed number is more than its metric can be, and what a study finds is the same number wherever it stands."""

import csv
import dataclasses
import io
import math
import re

import numpy as np
import pytest

from ablations.pairing import pair
from ablations.report.conclusions import concluding_sections
from ablations.report.render import to_csv
from ablations.report.tables import study_table
from ablations.report.write_report import write_report
from ablations.statistics.bounds import bounds_of
from ablations.statistics.compare import compare
from ablations.statistics.words import TOO_FEW, with_range
from ser_core.metrics import METRICS


def wild(scored, metric: str, spread: float, folds: int = 3):
    """Two variants whose differences vary so much that intervals pass the scale of the metric."""
    random = np.random.default_rng(3)
    low, high = METRICS[metric.partition(".")[0]].bounds
    scores = np.clip((low + high) / 2 + spread * random.standard_normal((2, 2, folds)), low, high)
    return pair(scored(dict(zip("ab", scores, strict=True)), metric), "a", metric)


@pytest.mark.parametrize(("metric", "most"), [("uar", 100), ("wa", 100), ("ccc.valence", 2)])
@pytest.mark.parametrize("spread", [0.02, 0.1, 0.2, 0.45])
def test_no_number_of_a_report_is_beyond_the_scale(scored, tmp_path, metric, most, spread):
    study = wild(scored, metric, spread)
    found = compare(study)["b"]
    low, high = bounds_of(metric, difference=True)
    ends = [value for one in (found.difference, found.score, found.detectable) for value in dataclasses.astuple(one)]
    assert all(low <= value <= high for value in ends if math.isfinite(value))
    table = study_table(study, "t", "q?")
    files = write_report(table, tmp_path, concluding_sections(study))
    rows = [line for line in files["markdown"].read_text().splitlines() if line.startswith(("| b |", "| b, ", "- **b**"))]
    numbers = [float(each) for line in rows for each in re.findall(r"(?<![\w>])[+-]?\d*\.\d+", line.replace("95 %", ""))]
    assert numbers and max(map(abs, numbers)) <= most


@pytest.mark.parametrize("spread", [0.02, 0.2, 0.45])
def test_the_detectable_difference_is_one_number_everywhere(scored, spread):
    study = wild(scored, "uar", spread)
    found = compare(study)["b"]
    settling, *_ = concluding_sections(study)
    (row,) = settling.rows
    line = list(csv.DictReader(io.StringIO(to_csv(study_table(study, "t", "q?")))))[1]
    if math.isnan(found.detectable.value):
        assert TOO_FEW in found.verdict and row[1] == TOO_FEW and line["detectable"] == line["detectable.high"] == ""
        return
    words = with_range(found.detectable, "uar")
    assert words in found.verdict and row[1] == words.replace(" points", "")
    assert [float(line[f"detectable{end}"]) for end in ("", ".low", ".high")] == list(dataclasses.astuple(found.detectable))


def test_a_study_of_this_kind_is_too_small_for_any_difference(scored):
    assert TOO_FEW in compare(wild(scored, "uar", 0.45))["b"].verdict
