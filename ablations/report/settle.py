"""Sections on the verdicts: all of them when there are several metrics, and what would settle the undecided ones.

comparisons --undecided--> folds or seeds that find the wanted difference --seconds of the records--> training time
"""

import math
from collections.abc import Mapping

from ablations.paired_study import PairedStudy
from ablations.report.cells import ABSENT, half_width, heading
from ablations.section import Section
from ablations.statistics.comparison import UNDECIDED, Comparison
from ablations.statistics.power import MOST_FOLDS, MOST_SEEDS, POWER
from ablations.statistics.words import TOO_FEW, amount, count_range, counted, probability, with_range

NO_BREAK = "\u00a0"
Comparisons = Mapping[str, Mapping[str, Comparison]]


def verdict_sections(study: PairedStudy, comparisons: Comparisons, wanted: float) -> list[Section]:
    """Returns the verdicts on every metric, if there are several, and what would settle the undecided ones, if there are any."""
    found = [one for metric in comparisons.values() for one in metric.values() if one.variant != study.baseline]
    sections = [_verdicts(study, found)] if len(comparisons) > 1 and found else []
    undecided = [one for one in found if one.word == UNDECIDED and one.noise.variance > 0]
    return [*sections, _settling(study, undecided, wanted)] if undecided else sections


def _verdicts(study: PairedStudy, found: list[Comparison]) -> Section:
    rows = []
    for one in found:
        p, same = (_p(value) for value in (one.p_holm, one.p_equivalent))
        rows.append((f"{one.variant}, {heading(one.metric)}", half_width(one.difference, one.metric, "+"), p, same, one.word))
    test = "t test over test speakers" if study.single_split else "corrected t test over folds"
    margins = " and ".join(dict.fromkeys(amount(study.margin, one.metric) for one in found))
    return Section(
        title=f"Verdicts on {', '.join(heading(metric) for metric in study.verdict_metrics)}, against {study.baseline}",
        columns=("Variant", "difference", "p different", "p equivalent", "verdict"),
        rows=tuple(rows),
        notes=(
            f"Both p are after Holm over {_family(study, len(found))}. p different: {test}. p equivalent: two one-sided tests "
            f"against a margin of {margins}. Undecided means that neither is below {study.level:.3g}.",
        ),
    )


def _family(study: PairedStudy, rows: int) -> str:
    return f"{study.least_tests} tests, of which {rows} are rows here" if study.least_tests > rows else f"the {rows} rows"


def _settling(study: PairedStudy, undecided: list[Comparison], wanted: float) -> Section:
    """Returns what each undecided comparison finds now, and how many folds or seeds find `wanted`."""
    units = "test speakers" if study.single_split else "folds"
    rows = []
    for one in undecided:
        folds, seeds, noise = one.noise.folds_for(wanted), one.noise.seeds_for(wanted), one.noise
        seconds, per_seed = _seconds(study, one.variant), noise.seeds * one.folds
        more_folds = 0.0 if study.single_split else (folds.value / noise.folds - 1) * per_seed * seconds
        more_seeds = (seeds.value / noise.seeds - 1) * per_seed * seconds
        rows.append(
            (
                f"{one.variant}, {heading(one.metric)}",
                TOO_FEW if math.isnan(one.detectable.value) else with_range(one.detectable, one.metric).replace(" points", ""),
                count_range(folds, MOST_FOLDS),
                *(() if study.single_split else (duration(more_folds),)),
                "needs a second seed" if math.isnan(seeds.value) else count_range(seeds, MOST_SEEDS),
                duration(more_seeds),
            )
        )
    sizes = " or ".join(dict.fromkeys(amount(wanted, one.metric) for one in undecided))
    cost = () if study.single_split else ("training time",)
    return Section(
        title=f"What would settle the undecided: to find a difference of {sizes}",
        columns=("Undecided", "finds now", units, *cost, "or seeds", "training time"),
        rows=tuple(rows),
        notes=_settling_notes(study, undecided[0].noise.tests, units),
    )


def _settling_notes(study: PairedStudy, tests: int, units: str) -> tuple[str, ...]:
    on = "GPU" if any(one.record.spent.get("gpu_seconds") for one in study.outcomes) else "CPU"
    more = (
        "Test speakers come from a larger test part"
        if study.single_split
        else "Folds are of the same size as these, so more folds take more speakers"
    )
    return (
        f"Finds now: the true difference that this study finds {100 * POWER:.0f} times in 100, at level "
        f"{study.level:.3g} / {tests}, which Holm's correction asks of the smallest of {counted(tests, 'p value')}. In brackets "
        "the range that the uncertain variance leaves (95 %, chi-square). "
        f"{units.capitalize()}, or seeds: how many find the wanted difference, the other number staying as it is.",
        f"{more}. About as many show that there is no such difference, if there is none. Training time: seconds of training as "
        f"recorded, on the {on} and with what else ran there, for as much more of the variant and {study.baseline}.",
    )


def _seconds(study: PairedStudy, variant: str) -> float:
    """Returns the training time of one fold of the variant and of the baseline together, mean over folds and seeds."""
    pairs = [study.pairs[name] for name in (variant, study.baseline)]
    return math.fsum(one.record.seconds / len(each) for each in pairs for one in each.values())


def duration(seconds: float) -> str:
    """Formats a time, with a space that does not break; a number of folds or seeds that is out of reach has none.

    >>> [duration(seconds).replace(NO_BREAK, " ") for seconds in (0.0, 40.2, 600.0, 9000.0, math.inf)]
    ['none', '40 s', '10 min', '2.5 h', '—']
    """
    if not math.isfinite(seconds):
        return ABSENT
    if seconds <= 0:
        return "none"
    words = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
    return words.replace(" ", NO_BREAK)


def _p(value: float) -> str:
    return probability(value).removeprefix("= ") if math.isfinite(value) else ABSENT
