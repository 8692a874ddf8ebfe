"""Draws the task weights that a search tried: a triangle for three tasks, otherwise one line per task."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ablations.report.figures import INK, SHADE, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CORNERS = np.array([(0.0, 0.0), (1.0, 0.0), (0.5, 3**0.5 / 2)])


SHADES = 32
"""Steps of the colour bar. Each is a path: an image inside the SVG would be blocked by the page's own content policy."""


def weight_triangle(
    tasks: Sequence[str], weights: np.ndarray, scores: Sequence[float], chosen: Sequence[float] | None = None
) -> str:
    """Returns SVG text of `weights` [points tasks], coloured by score, with the weights of the chosen point circled.

    Empty for fewer than two tasks. Weights are shown as shares of their sum, since only their ratios matter.
    """
    if len(tasks) < 2 or not len(weights):
        return ""
    shares = weights / weights.sum(axis=1, keepdims=True)
    own = np.array([] if chosen is None else chosen, float)
    own = own / own.sum() if own.sum() else own[:0]
    triangle = len(tasks) == 3

    def paint(figure: "Figure") -> None:
        axes = figure.add_subplot()
        points = _triangle(axes, tasks, shares @ CORNERS, scores) if triangle else _lines(axes, tasks, shares, scores)
        if len(own):
            ring = (own @ CORNERS)[None] if triangle else np.stack([own, np.arange(len(tasks))], axis=1)
            axes.scatter(*ring.T, s=130, facecolors="none", edgecolors=INK, linewidths=1.6, label="chosen")
            axes.legend(loc="upper right", frameon=False)
        bar = figure.colorbar(points, ax=axes, shrink=0.7, label="development score")
        bar.outline.set_visible(False)
        assert bar.solids is not None
        bar.solids.set_rasterized(False)
        bar.solids.set_edgecolor("face")

    return svg("weightings", 3.6 if triangle else 0.9 + 0.4 * len(tasks), paint)


def _triangle(axes: "Axes", tasks: Sequence[str], places: np.ndarray, scores: Sequence[float]) -> Any:
    """Draws the simplex of three tasks. A point at a corner trains only that task."""
    axes.plot(*CORNERS[[0, 1, 2, 0]].T, color=SHADE, linewidth=0.8)
    for (x, y), name in zip(CORNERS, tasks, strict=True):
        axes.annotate(name, (x, y), xytext=(0, 7 if y else -13), textcoords="offset points", ha="center", fontsize=9)
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.margins(0.12)
    return axes.scatter(*places.T, c=scores, cmap=_colours(), s=34, linewidths=0)


def _lines(axes: "Axes", tasks: Sequence[str], shares: np.ndarray, scores: Sequence[float]) -> Any:
    """Draws one row per task, with a dot for the share of each point."""
    rows = np.repeat(np.arange(len(tasks))[None], len(shares), axis=0)
    points = axes.scatter(
        shares.ravel(), rows.ravel(), c=np.repeat(scores, len(tasks)), cmap=_colours(), s=26, alpha=0.85, linewidths=0
    )
    axes.set_yticks(range(len(tasks)), list(tasks))
    axes.set_ylim(len(tasks) - 0.4, -0.6)
    axes.set_xlim(-0.03, 1.03)
    axes.set_xlabel("share of the summed weights")
    axes.grid(axis="x", color=SHADE, alpha=0.25, linewidth=0.6)
    return points


def _colours() -> Any:
    """Returns the colour map, with few steps so that the colour bar has few paths."""
    import matplotlib

    return matplotlib.colormaps["viridis"].resampled(SHADES)
