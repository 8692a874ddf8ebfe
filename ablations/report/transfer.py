"""Compares trained models on the same test corpora: scores per pair of corpora, differences from the first variant, ranks.

                     concat                bridge                difference
emodb to ravdess     39.0 [36.3, 41.7]     40.1 [37.0, 43.2]     +1.1 [-.9, 3.1]
ravdess to emodb     27.8 [21.0, 34.5]     ...
Both models answer the same utterances, so the interval of a difference redraws the same speakers for both.
"""

import csv
import dataclasses
import io
import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from ablations.pairing import ComparisonError
from ablations.report.cells import ends, long_name, number
from ablations.section import Section
from ablations.statistics.bounds import bounded
from ablations.statistics.corrected_t import Interval, holm
from ablations.statistics.pooled_scores import speaker_difference, speaker_interval
from ablations.statistics.ranks import Ranks, conclusion, rank_variants
from ablations.statistics.words import probability
from ser_core.metrics import less_is_better

Tables = Mapping[str, Mapping[str, pd.DataFrame]]
"""Predictions by pair of corpora, such as `emodb to ravdess`, and by variant."""


@dataclasses.dataclass(frozen=True, eq=False)
class Transfer:
    """Models of several variants, trained on some corpora and tested on others."""

    metric: str
    scores: Mapping[str, Mapping[str, Interval]]
    """By pair and variant, with 95 % intervals over test speakers."""
    differences: Mapping[str, Mapping[str, Interval]]
    """Variant minus the first one."""
    p: Mapping[str, Mapping[str, float]]
    """Two-sided p of each difference, after Holm over all of them."""
    ranks: Ranks


def compare_transfer(tables: Tables, metric: str) -> Transfer:
    """Compares the variants on each pair. Raises ComparisonError when a pair lacks a variant or their utterances differ."""
    variants = list(next(iter(tables.values())))
    if len(variants) < 2:
        raise ComparisonError(f"there is nothing to compare: all evaluations are of {variants[0]!r}; name them apart: NAME=ID")
    for pair, found in tables.items():
        if set(found) != set(variants):
            odd = sorted(set(found) ^ set(variants))
            raise ComparisonError(f"{pair} does not have the same variants as the others: {', '.join(odd)}; evaluate all on all")
    scores, differences = dict[str, dict[str, Interval]](), dict[str, dict[str, Interval]]()
    for pair, found in tables.items():
        scores[pair] = {name: speaker_interval(found[name], metric) for name in variants}
        try:
            differences[pair] = {name: speaker_difference(found[name], found[variants[0]], metric) for name in variants[1:]}
        except ComparisonError as error:
            raise ComparisonError(f"{pair}: {error}") from error
    frame = pd.DataFrame({name: [scores[pair][name].value for pair in scores] for name in variants}, index=list(scores))
    speakers = {pair: len(set(found[variants[0]]["speaker"])) for pair, found in tables.items()}
    ranks = rank_variants(frame, less_is_better(metric))
    p = _adjusted(differences, speakers)
    cut = {
        pair: {name: bounded(one, metric, difference=True) for name, one in each.items()} for pair, each in differences.items()
    }
    return Transfer(metric, scores, cut, p, ranks)


def _adjusted(differences: Mapping[str, Mapping[str, Interval]], speakers: Mapping[str, int]) -> dict[str, dict[str, float]]:
    """Returns p after Holm, from the intervals: Student's t with one degree of freedom less than test speakers."""
    places = [(pair, name) for pair, found in differences.items() for name in found]
    raw = [_two_sided(differences[pair][name], speakers[pair]) for pair, name in places]
    adjusted, found = holm(raw), dict[str, dict[str, float]]()
    for (pair, name), p in zip(places, adjusted, strict=True):
        found.setdefault(pair, {})[name] = float(p)
    return found


def _two_sided(difference: Interval, speakers: int) -> float:
    """Returns the p of a difference; 1 if it is 0 for all redraws, NaN without an interval."""
    from scipy.special import stdtr, stdtrit

    half = (difference.high - difference.low) / 2
    if math.isnan(half):
        return math.nan
    if half == 0:
        return 1.0 if difference.value == 0 else 0.0
    t = abs(difference.value) / half * stdtrit(speakers - 1, 0.975)
    return float(2 * stdtr(speakers - 1, -t))


def transfer_section(found: Transfer) -> Section:
    """Returns the table: one row per pair and variant."""
    rows = []
    for pair, scores in found.scores.items():
        for name, score in scores.items():
            gap = found.differences[pair].get(name)
            p = found.p[pair].get(name, math.nan)
            told = probability(p).removeprefix("= ") if p == p else number(math.nan, found.metric)
            difference = ends(gap, found.metric, "+") if gap else number(math.nan, found.metric)
            rows.append((pair, name, ends(score, found.metric), difference, told))
    first = next(iter(next(iter(found.scores.values()))))
    count = sum(len(each) for each in found.differences.values())
    means = ", ".join(f"{name} {mean:.2f}" for name, mean in found.ranks.means.items())
    return Section(
        title=f"{long_name(found.metric)} of models on corpora that they were not trained on",
        columns=("corpora", "variant", long_name(found.metric), f"difference from {first}", "Holm p"),
        rows=tuple(rows),
        notes=(
            "In brackets 95 % intervals over test speakers (Student's t, standard error by bootstrap); differences are paired. "
            f"They treat the trained models as fixed: other seeds are not in them. p is two-sided, after Holm over {count} "
            "differences.",
            f"Mean ranks over {len(found.scores)} pairs of corpora: {means}. {conclusion(found.ranks)} Pairs that share a corpus "
            "are not independent, so read a test over pairs as optimistic.",
        ),
    )


def transfer_to_csv(found: Transfer) -> str:
    """Returns CSV with one row per pair and variant."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["corpora", "variant", "metric", "value", "low", "high", "difference", "difference_low", "difference_high", "p_holm"]
    )
    for pair, scores in found.scores.items():
        for name, score in scores.items():
            gap = found.differences[pair].get(name, Interval())
            values = [*dataclasses.astuple(score), *dataclasses.astuple(gap), found.p[pair].get(name, np.nan)]
            writer.writerow([pair, name, found.metric, *(f"{value:.6g}" for value in values)])
    return text.getvalue()
