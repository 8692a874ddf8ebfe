"""Draws what finalists gain and lose in two scores against the chosen one, each with its interval in both."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ablations.report.figures import INK, MARK, SHADE, svg
from ablations.statistics.corrected_t import Interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def trade_off(names: Sequence[str], gains: Mapping[str, tuple[Interval, Interval]], labels: tuple[str, str], chosen: str) -> str:
    """Returns SVG text with one cross per name, whose arms are the 95 % intervals. `gains` are differences from `chosen`."""

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot()
        axes.axhline(0, color=SHADE, linewidth=0.8)
        axes.axvline(0, color=SHADE, linewidth=0.8)
        for name in names:
            x, y = gains[name]
            for one, other, along in ((x, y, True), (y, x, False)):
                if math.isfinite(one.low):
                    ends, still = [one.low, one.high], [other.value] * 2
                    axes.plot(*((ends, still) if along else (still, ends)), color=SHADE, linewidth=0.9, alpha=0.7)
            axes.plot([x.value], [y.value], "o", color=INK if name == chosen else MARK, markersize=6, markeredgewidth=0)
            axes.annotate(name, (x.value, y.value), xytext=(6, 5), textcoords="offset points", fontsize=8)
        axes.set_xlabel(f"{labels[0]}, difference from the chosen one")
        axes.set_ylabel(f"{labels[1]}, difference from the chosen one")

    return svg("trade_off", 4.2, paint)
