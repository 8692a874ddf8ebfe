"""The drawing of task weights: every point where its shares put it, and the same bytes for the same records."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from ablations.report.weight_triangle import weight_triangle

WEIGHTS = np.array([[1.0, 0, 0], [0.5, 0.5, 1.0], [2.0, 1.0, 1.0]])


@pytest.mark.parametrize("tasks", [("emotion", "dimensions", "gender"), ("emotion", "dimensions")])
def test_it_is_one_svg_that_names_every_task(tasks):
    points = WEIGHTS[:, : len(tasks)]
    svg = weight_triangle(tasks, points, [0.5, 0.6, 0.7], points[1])
    ET.fromstring(svg)
    assert all(name in svg for name in (*tasks, "chosen", "development score"))
    assert svg == weight_triangle(tasks, points, [0.5, 0.6, 0.7], points[1])
    assert "chosen" not in weight_triangle(tasks, points, [0.5, 0.6, 0.7])


def test_scaling_all_weights_alike_moves_no_point():
    tasks = ("emotion", "dimensions", "gender")
    assert weight_triangle(tasks, WEIGHTS, [0.1, 0.2, 0.3]) == weight_triangle(tasks, 7 * WEIGHTS, [0.1, 0.2, 0.3])


def test_a_task_alone_stands_in_its_corner():
    """The places of the dots, read back from the drawing: three corners give an equilateral triangle."""
    svg = weight_triangle(("a", "b", "c"), np.eye(3), [0.1, 0.2, 0.3])
    dots = re.findall(r'<use [^>]*x="([\d.]+)" y="([\d.]+)"', svg)[:3]
    places = np.array(dots, float)
    sides = [np.linalg.norm(places[one] - places[other]) for one, other in ((0, 1), (1, 2), (2, 0))]
    assert np.ptp(sides) < 0.01 * max(sides) and min(sides) > 50


def test_one_task_has_nothing_to_draw():
    assert weight_triangle(("emotion",), np.ones((3, 1)), [0.1, 0.2, 0.3]) == ""
    assert weight_triangle(("emotion", "gender"), np.ones((0, 2)), []) == ""


def test_the_chosen_weights_need_not_have_been_tried():
    tasks = ("a", "b", "c")
    assert "chosen" in weight_triangle(tasks, WEIGHTS, [0.1, 0.2, 0.3], (1.0, 1.0, 1.0))
    assert "chosen" not in weight_triangle(tasks, WEIGHTS, [0.1, 0.2, 0.3], (0.0, 0.0, 0.0))


@pytest.mark.parametrize("tasks", [("emotion", "dimensions", "gender"), ("emotion", "dimensions")])
def test_the_page_may_show_all_of_it(tasks):
    """The content policy of the report allows no images, so even the colour bar consists of paths."""
    svg = weight_triangle(tasks, WEIGHTS[:, : len(tasks)], [0.5, 0.6, 0.7])
    assert "<image" not in svg and "data:" not in svg and svg.count("<path") > 30 and len(svg) < 60_000
