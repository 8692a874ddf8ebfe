"""The drawing of two scores against each other: one cross per finalist, the chosen one at the origin."""

import xml.etree.ElementTree as ET

from ablations.report.trade_off import trade_off
from ablations.statistics.corrected_t import Interval

GAINS = {"a": (Interval(0.0, 0.0, 0.0), Interval(0.0, 0.0, 0.0)), "b": (Interval(0.02, -0.01, 0.05), Interval(-0.03))}


def test_it_is_one_svg_without_images_that_names_finalists_and_scores():
    svg = trade_off(list(GAINS), GAINS, ("UAR", "mean CCC"), "a")
    ET.fromstring(svg)
    assert all(name in svg for name in ("a", "b", "UAR, difference", "mean CCC, difference")) and "<image" not in svg
    assert svg == trade_off(list(GAINS), GAINS, ("UAR", "mean CCC"), "a")
