"""Ranks variants over corpora: mean ranks, Friedman's test, and Nemenyi's critical difference between ranks.

scores [corpora variants] --rank within each corpus--> mean ranks --Friedman--> p --Nemenyi--> significant pairs, diagram
These tests need independent data sets (Demsar 2006, JMLR 7:1). Corpora are independent; the folds of one corpus are not.
autorank (Herbold 2020, JOSS 5:2173) computes the tests. We restrict it to ranks: by default it uses an analysis of variance if
scores look normal, which a handful of corpora cannot show, and a one-sided test of the better of two variants.
"""

import contextlib
import dataclasses
import io
import math
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import pandas as pd

from ablations.paired_study import LEVEL
from ablations.statistics.corrected_t import NAN
from ablations.statistics.signed_rank import FEWEST as FEWEST_PAIRS
from ablations.statistics.signed_rank import signed_rank
from ablations.statistics.words import probability

FEWEST = 5
"""Minimum number of corpora for a test. Below it autorank refuses, since the approximation behind Friedman's p fails."""
DIGITS = 12
"""Scores are rounded to this many decimals, so that floating-point errors do not break ties."""


@dataclasses.dataclass(frozen=True)
class Ranks:
    """Ranks of variants over corpora, with the test result."""

    corpora: int
    means: Mapping[str, float]
    """Mean rank of each variant, best first; 1 is best, and ties share their ranks."""
    test: str
    """Name of the test: Friedman, Wilcoxon for two variants, or empty."""
    p: float
    """p of the test; NaN without a test."""
    cd: float
    """Nemenyi's critical difference of mean ranks; NaN without a test and for two variants."""
    apart: tuple[tuple[str, str], ...]
    """Significantly different pairs, better one first; empty unless the test finds a difference at LEVEL."""
    metrics: int = 1
    """Number of metrics over which p is corrected after Holm."""


def rank_variants(scores: pd.DataFrame, less_is_better: bool = False) -> Ranks:
    """Ranks variants (columns) over corpora (rows)."""
    scores = scores.round(DIGITS)
    means = scores.rank(axis="columns", ascending=less_is_better).mean().sort_values(kind="stable").to_dict()
    plain = Ranks(len(scores), {str(name): float(mean) for name, mean in means.items()}, "", NAN, NAN, ())
    names = list(plain.means)
    if scores.nunique(axis="columns").max() == 1:
        return plain
    if len(names) == 2:
        p = signed_rank((scores[names[0]] - scores[names[1]]).to_numpy())
        found = ((names[0], names[1]),) if p < LEVEL else ()
        return plain if math.isnan(p) else dataclasses.replace(plain, test="Wilcoxon", p=p, apart=found)
    if len(scores) < FEWEST:
        return plain
    result = _friedman(scores, less_is_better)
    pairs = [(better, worse) for place, better in enumerate(names) for worse in names[place + 1 :]]
    beyond = tuple(pair for pair in pairs if plain.means[pair[1]] - plain.means[pair[0]] > result.cd)
    # Nemenyi's test only follows a Friedman test that finds a difference (Demsar 2006).
    apart = beyond if result.pvalue < LEVEL else ()
    return dataclasses.replace(plain, test="Friedman", p=float(result.pvalue), cd=float(result.cd), apart=apart)


def after_holm(ranks: Ranks, p: float, metrics: int) -> Ranks:
    """Returns the ranks with the p of their test after Holm over several metrics, and the pairs that this p allows."""
    return dataclasses.replace(ranks, p=p, metrics=metrics, apart=ranks.apart if p < LEVEL else ())


def _friedman(scores: pd.DataFrame, less_is_better: bool) -> Any:
    """Returns autorank's result. Hides its output and warnings (constant scores, effect sizes that we do not use)."""
    with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()):
        from autorank import autorank

        order = "ascending" if less_is_better else "descending"
        return autorank(scores.reset_index(drop=True), alpha=LEVEL, order=order, force_mode="nonparametric")


def conclusion(ranks: Ranks) -> str:
    """Returns the conclusion in words."""
    over = f"Over {ranks.corpora} corpora"
    result = f"{ranks.test} p {probability(ranks.p)}" + f" after Holm over {ranks.metrics} metrics" * (ranks.metrics > 1)
    if not ranks.test:
        return _untested(ranks)
    if ranks.p >= LEVEL:
        return f"{over} the variants do not differ significantly ({result}). This does not show that they are equal."
    if len(ranks.means) == 2:
        return f"{over} {ranks.apart[0][0]} is ahead of {ranks.apart[0][1]} ({result})."
    if not ranks.apart:
        return f"{over} the variants differ ({result}), but no two mean ranks differ by more than {ranks.cd:.2f}."
    behind: dict[str, list[str]] = {}
    for better, worse in ranks.apart:
        behind.setdefault(better, []).append(worse)
    ahead = "; ".join(f"{better} is ahead of {' and '.join(worse)}" for better, worse in behind.items())
    return f"{over} the variants differ ({result}): {ahead}. No other pair differs significantly (CD {ranks.cd:.2f})."


def _untested(ranks: Ranks) -> str:
    needed = FEWEST if len(ranks.means) > 2 else FEWEST_PAIRS
    if ranks.corpora >= needed:
        return f"No test: all variants have the same score in each of the {ranks.corpora} corpora."
    why = "Friedman's p is an approximation that fails" if len(ranks.means) > 2 else "Wilcoxon's test cannot reach 5 %"
    return (
        f"No test: {ranks.corpora} corpora are too few; at least {needed} are needed, since with fewer {why}. "
        "The mean ranks describe only these corpora."
    )


def procedure(ranks: Ranks) -> str:
    """Returns the procedure in words: ranking, test, level, critical difference."""
    ranking = f"Ranked within each corpus (1 is best, ties share a rank), ranks averaged over {ranks.corpora} corpora"
    if ranks.test == "Wilcoxon":
        return f"{ranking}; two-sided Wilcoxon signed-rank test at alpha {LEVEL:g} (scipy {version('scipy')})."
    if not ranks.test:
        return f"{ranking}; not tested."
    return (
        f"{ranking}; Friedman's test at alpha {LEVEL:g}, then Nemenyi's critical difference of mean ranks, CD = {ranks.cd:.3f}, "
        f"read only where Friedman's test finds a difference (autorank {version('autorank')})."
    )


def diagram(scores: pd.DataFrame, less_is_better: bool = False) -> dict[str, bytes]:
    """Draws the critical difference diagram as `svg` and `png`; empty without Nemenyi's test.

    Variants are placed at their mean ranks, best on the right; a bar joins those within one critical difference. The same
    scores give the same bytes.
    """
    ranks = rank_variants(scores, less_is_better)
    if math.isnan(ranks.cd):
        return {}
    result = _friedman(scores.round(DIGITS), less_is_better)
    with warnings.catch_warnings(action="ignore"):
        import matplotlib
        from autorank import plot_stats
        from matplotlib.figure import Figure

        # matplotlib makes random ids in an SVG unless it gets a salt.
        style: dict[Any, Any] = {"svg.fonttype": "none", "text.parse_math": False, "svg.hashsalt": "across"}
        with matplotlib.rc_context(style):
            figure = Figure(figsize=(6, 1.3 + 0.2 * len(ranks.means)), facecolor="white")
            plot_stats(result, allow_insignificant=True, ax=figure.add_axes((0, 0, 1, 1)))
            reading = "" if ranks.p < LEVEL else ": no two differ significantly, even without a bar"
            caption = f"mean rank over {ranks.corpora} corpora, Friedman p {probability(ranks.p)}{reading}"
            figure.text(0.5, 0.02, caption, ha="center", va="top", fontsize=9)
            drawn = {}
            # These entries hold the date and the version of matplotlib, so the bytes would change without the scores.
            for kind, left_out in (("svg", "Date"), ("png", "Software")):
                page = io.BytesIO()
                figure.savefig(page, format=kind, dpi=200, bbox_inches="tight", metadata={left_out: None})
                drawn[kind] = page.getvalue()
    return drawn
