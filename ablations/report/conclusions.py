"""Sections below a study's table: verdicts, other methods on the same differences, and the sources of the variance.

PairedStudy --compare_all--> verdicts on several metrics, and what would settle the undecided ones (settle.py)
PairedStudy --evidence--> METHODS --> two sections: methods that keep their nominal error rate, and methods that do not
PairedStudy --scores [variant seed fold]--> split of the variance --> a sentence below the table, and a section
"""

import math
from collections.abc import Mapping

import numpy as np

from ablations.paired_study import PairedStudy
from ablations.report.cells import ABSENT, half_width, heading, number
from ablations.report.settle import verdict_sections
from ablations.section import Section
from ablations.statistics import METHODS
from ablations.statistics.bounds import findable
from ablations.statistics.compare import compare_all
from ablations.statistics.comparison import Comparison
from ablations.statistics.corrected_t import NAN
from ablations.statistics.method import Method, evidence
from ablations.statistics.mixed import deviations
from ablations.statistics.power import POWER
from ablations.statistics.speakers import crossed_t, speaker_contributions
from ablations.statistics.variance import Split, split_variance
from ablations.statistics.words import TOO_FEW, amount, counted, probability, with_range


def second_opinions(study: PairedStudy) -> list[Section]:
    """Returns effect sizes and probabilities, then (report only) tests that err on folds. Empty for a single variant.

    They describe the study's first metric. A single fold has none of the first kind, since they describe folds.
    """
    found = evidence(study)
    if not found:
        return []
    sections = []
    for kept, title in ((True, "Effect sizes and probabilities"), (False, "Tests that do not keep their nominal level on folds")):
        methods = [method for method in METHODS.values() if method.keeps_its_level == kept]
        if kept and study.single_split:
            continue
        rows = [(name, *(word for method in methods for word in method.cells(one))) for name, one in found.items()]
        columns = ("Variant", *(column for method in methods for column in method.columns))
        notes = tuple(_said(method, study) for method in methods)
        if not kept:
            notes = (
                "Readers ask for these tests, but verdicts do not use them (see `python -m ablations.statistics.error_rates`).",
                *notes,
            )
        named = f"{title} ({heading(study.metric)} against {study.baseline})"
        sections.append(Section(named, columns, tuple(rows), notes, on_terminal=kept))
    return sections


def variance_of(study: PairedStudy) -> Split:
    """Returns the variance components of a study on its metric. Variants without the metric are left out."""
    scores = [one for one in study.scores().values() if np.isfinite(one).any()]
    return split_variance(np.stack(scores) if scores else np.full((1, 1, 1), NAN))


def closest_comparison(study: PairedStudy, found: Mapping[str, Comparison]) -> Comparison | None:
    """Returns the comparison with the smallest difference. A distant variant would say little about small differences."""
    varying = [one for one in found.values() if one.variant != study.baseline and one.noise.variance > 0]
    return min(varying, key=lambda one: abs(one.difference.value)) if varying else None


def variance_sentence(study: PairedStudy) -> str:
    """Returns the shares of the variance; empty for one fold or equal scores."""
    shares = ", ".join(f"{100 * share:.0f} % {name}" for name, share in variance_of(study).parts.items())
    return f"Variance of {heading(study.metric)}: {shares}." if shares else ""


def variance_section(study: PairedStudy, closest: Comparison | None) -> Section:
    """Returns the variance components as a table, with the detectable difference for other numbers of seeds and folds."""
    rows = [(name, f"{100 * share:.1f}", ABSENT) for name, share in variance_of(study).parts.items()]
    notes = ["Shares: method of moments on [variant seed fold]; negative estimates count as 0."]
    if closest:
        noise = closest.noise
        for seeds, folds in ((noise.seeds, noise.folds), (2 * noise.seeds, noise.folds), (noise.seeds, 2 * noise.folds)):
            least = noise.detectable(seeds, folds)
            if least.value > 0:
                least = findable(least, study.metric)
                words = TOO_FEW if math.isnan(least.value) else with_range(least, study.metric).replace(" points", "")
                rows.append((f"{counted(folds, 'fold')} x {counted(seeds, 'seed')}", ABSENT, words))
        notes.append(
            f"Detectable: smallest true difference of two variants found {100 * POWER:.0f} times in 100 at level "
            f"{noise.level:.3g} / {noise.tests} (Holm), with its range, if differences vary as they do between {study.baseline} "
            f"and {closest.variant}, the variant closest to it, and if folds have the same size and variance as these."
        )
    columns = ("Source", "% of variance", "detectable")
    title = f"Where the variance of {heading(study.metric)} comes from"
    return Section(title, columns, tuple(rows), tuple(notes), on_terminal=False)


def random_effects(study: PairedStudy) -> list[Section]:
    """Returns what differences vary by, with test speakers and seeds as random effects; [] without predictions."""
    rows = []
    for metric in study.verdict_metrics:
        for name, values in speaker_contributions(study.on(metric)).items():
            test, sd = crossed_t(values), deviations(values)
            spread = [number(each, metric) for each in (sd.speaker, sd.seed, sd.rest)]
            p = probability(test.p).removeprefix("= ") if test.p == test.p else ABSENT
            rows.append((f"{name}, {heading(metric)}", half_width(test.mean, metric, "+"), *spread, p))
    notes = (
        "difference[seed, speaker] = mean + speaker + seed + rest, from each speaker's contribution to the pooled difference "
        "(jackknife); ± is half the width of the 95 % interval for other speakers and seeds; sd are standard deviations. p is "
        "before Holm. "
        + (
            "The verdicts use this test."
            if study.single_split
            else "Verdicts do not use this test: it does not know that folds share training data, and errs in 8 to 12 % where "
            "their differences are correlated (bootstrap over speakers in the table of ablations/README.md)."
        ),
    )
    columns = ("Variant", "pooled difference", "sd of speakers", "sd of seeds", "sd of the rest", "p")
    title = f"Speakers and seeds as random effects, against {study.baseline}"
    return [Section(title, columns, tuple(rows), notes, on_terminal=False)] if rows else []


def concluding_sections(study: PairedStudy, wanted: float = 0.0) -> list[Section]:
    """Returns all sections that follow a study's table. `wanted` is the difference to plan for; 0 stands for the margin."""
    comparisons = compare_all(study)
    closest = closest_comparison(study, comparisons[study.metric])
    variance = [variance_section(study, closest)] if variance_of(study).parts else []
    return [
        *verdict_sections(study, comparisons, wanted or study.margin),
        *second_opinions(study),
        *random_effects(study),
        *variance,
    ]


def _said(method: Method, study: PairedStudy) -> str:
    return method.note.replace("{margin}", amount(study.margin, study.metric))
