"""Figures of a study as SVG text: differences with detectable effects, scores per fold, calibration, gains.

Lines use `currentColor`, so they turn light in dark mode. The same records give the same bytes.
"""

import dataclasses
import io
import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ablations.paired_study import PairedStudy
from ablations.report.cells import heading, number
from ablations.report.details import Details
from ablations.report.gains import Gain
from ablations.report.tables import StudyTable
from ablations.statistics.comparison import Comparison
from ser_core.metrics import find_metric, less_is_better

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#010203"
"""Placeholder that becomes `currentColor` in the SVG text."""
MARK = "#3a86c8"
"""Blue that is readable on white and on black."""
SHADE = "#8a8a8a"
WIDTH_INCHES = 7.2
ROW_INCHES = 0.36
PANELS = 4
"""Panels per row in the calibration figure."""
MOST_PANELS = 12
"""Maximum number of panels in the calibration figure, so that it fits a page."""
FONT = "font-family: system-ui, sans-serif"
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    **{f"{part}.color": INK for part in ("text", "xtick", "ytick")},
    **{f"axes.{part}": INK for part in ("edgecolor", "labelcolor")},
}


def forest(table: StudyTable) -> str:
    """Draws differences to the baseline with 95 % intervals. Differences in the shaded area were too small to detect."""
    study, metric = table.study, table.study.metric
    found = [row.comparison for row in table.rows if row.name != study.baseline]

    def draw(axes: "Axes") -> None:
        axes.axvline(0, color=INK, linewidth=0.8)
        for place, one in enumerate(found):
            _difference(axes, place, one, _scale(metric))
        axes.set_xlabel(f"{heading(metric)}, difference from {study.baseline}{_unit(metric)}")

    return _drawing("forest", [one.variant for one in found], draw)


def strip(table: StudyTable) -> str:
    """Draws one dot per fold and seed for the test scores, and a line for the mean of each variant."""
    metric = table.study.metric
    scale = _scale(metric)

    def draw(axes: "Axes") -> None:
        for place, row in enumerate(table.rows):
            pairs = table.study.pairs[row.name]
            seeds = sorted({seed for seed, _ in pairs})
            scores = [scale * one.test.metrics.get(metric, float("nan")) for one in pairs.values()]
            heights = [place + 0.3 * (seeds.index(seed) + 0.5 - len(seeds) / 2) / len(seeds) for seed, _ in pairs]
            axes.plot(scores, heights, "o", color=MARK, markersize=4, alpha=0.6, markeredgewidth=0)
            mean = scale * row.scores[metric].value if metric in row.scores else float("nan")
            axes.plot([mean, mean], [place - 0.32, place + 0.32], color=INK, linewidth=1.6)
        axes.set_xlabel(f"{heading(metric)} of each fold and seed{_unit(metric)}")

    return _drawing("strip", [row.name for row in table.rows], draw)


def panels(study: PairedStudy, details: Details) -> list[str]:
    """Returns the variants in the calibration figure, in their order: all, or the baseline and the best by development score."""
    names, sign = list(details.bins), -1 if less_is_better(study.metric) else 1
    if len(names) <= MOST_PANELS:
        return names
    means = {}
    for name in names:
        scores = [sign * one.record.dev.get(study.metric, -sign * math.inf) for one in study.pairs[name].values()]
        means[name] = math.fsum(scores) / len(scores)
    best = sorted(names, key=lambda name: (name != study.baseline, -means[name]))[:MOST_PANELS]
    return [name for name in names if name in best]


def reliability(details: Details, names: Sequence[str]) -> str:
    """Draws accuracy over confidence, one panel per name. Dot areas grow with the bin; calibrated models lie on the line."""
    rows = -(-len(names) // PANELS)

    def paint(figure: "Figure") -> None:
        panels = figure.subplots(rows, PANELS, squeeze=False, sharex=True, sharey=True).ravel()
        panels[0].set(xlim=(-5, 105), ylim=(-5, 105), autoscale_on=False)
        for axes in panels[len(names) :]:
            axes.remove()
        for axes, name in zip(panels, names, strict=False):
            bins = details.bins[name]
            axes.plot([0, 100], [0, 100], color=SHADE, linewidth=0.8)
            most = max(one.utterances for one in bins) if bins else 1
            axes.scatter(
                [100 * one.confidence for one in bins],
                [100 * one.accuracy for one in bins],
                s=[4 + 56 * one.utterances / most for one in bins],
                color=MARK,
                linewidths=0,
            )
            axes.set_title(f"{_short(name, 18)}\nECE {number(details.scores[name]['ece'].pooled, 'ece')}", fontsize=9)
            axes.set_aspect("equal")
            axes.tick_params(labelbottom=True)
        figure.supxlabel("confidence (percent)", fontsize=9)
        figure.supylabel("right (percent)", fontsize=9)

    return svg("reliability", 0.5 + 2.1 * rows, paint)


def gains_and_cosines(gains: Sequence[Gain]) -> str:
    """Draws one row per task and its co-trained tasks: the gain with 95 % interval on the left, cosines on the right."""

    def paint(figure: "Figure") -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        for axes in (left, right):
            axes.axvline(0, color=INK, linewidth=0.8)
            axes.grid(axis="x", color=SHADE, alpha=0.25, linewidth=0.6)
            axes.set_axisbelow(True)
            axes.tick_params(axis="y", length=0)
        for place, gain in enumerate(gains):
            value, low, high = (100 * each for each in dataclasses.astuple(gain.difference))
            left.plot([low, high], [place, place], color=MARK, linewidth=2)
            left.plot([value], [place], "o", color=MARK, markersize=6)
            _cosines(right, place, gain)
        left.set_yticks(range(len(gains)), [_short(gain.name, 36) for gain in gains])
        left.set_ylim(len(gains) - 0.4, -0.6)
        left.set_xlabel("gain (hundredths of UAR or CCC)")
        right.set_xlabel("cosine of gradients on the trunk")
        right.margins(x=0.25)

    return svg("gains", 0.75 + 1.2 * ROW_INCHES * max(len(gains), 1), paint)


def _cosines(axes: "Axes", place: int, gain: Gain) -> None:
    """Draws one row of cosines, one line per co-trained task, with names if there are several."""
    for index, (name, one) in enumerate(gain.cosines.items()):
        height = place + 0.4 * (index + 0.5 - len(gain.cosines) / 2)
        axes.plot([one.low, one.high], [height, height], color=MARK, linewidth=2, alpha=0.5)
        axes.plot([one.mean], [height], "o", color=MARK, markersize=5)
        if len(gain.cosines) > 1 and one.high == one.high:
            offset = {"xytext": (5, 0), "textcoords": "offset points"}
            axes.annotate(name, (one.high, height), va="center", fontsize=7, **offset)


def _difference(axes: "Axes", place: int, one: Comparison, scale: float) -> None:
    """Draws one row of the forest plot: shaded area, interval, value."""
    least = scale * one.detectable.value
    if least == least:
        axes.barh(place, 2 * least, left=-least, height=0.62, color=SHADE, alpha=0.22, linewidth=0)
    if one.difference.low == one.difference.low:
        axes.plot([scale * one.difference.low, scale * one.difference.high], [place, place], color=MARK, linewidth=2)
    axes.plot([scale * one.difference.value], [place], "o", color=MARK, markersize=6)


def _scale(metric: str) -> float:
    return 100.0 if find_metric(metric).percent else 1.0


def _unit(metric: str) -> str:
    return " (points)" if find_metric(metric).percent else ""


def _drawing(name: str, rows: Sequence[str], draw: Callable[["Axes"], None]) -> str:
    """Returns SVG text of one panel with a labelled row per name, first on top."""

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot()
        draw(axes)
        axes.set_yticks(range(len(rows)), [_short(row) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=SHADE, alpha=0.25, linewidth=0.6)
        axes.set_axisbelow(True)

    return svg(name, 0.75 + ROW_INCHES * max(len(rows), 1), paint)


def svg(name: str, height_inches: float, paint: Callable[["Figure"], None]) -> str:
    """Returns the painted figure as SVG text, without anything that varies between runs."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")
        paint(figure)
        page = io.StringIO()
        figure.savefig(page, format="svg", transparent=True, metadata={"Date": None})
    svg = page.getvalue()
    svg = re.sub(r"<(metadata|style)\b.*?</\1>\s*", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    return re.sub(r"font-family: [^;\"]*", FONT, svg).replace(INK, "currentColor")


def _short(name: str, longest: int = 34) -> str:
    return name if len(name) <= longest else f"{name[: longest - 1]}…"
