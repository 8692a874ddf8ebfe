"""Sections below a study's table: other methods on the same differences, and the sources of the variance.

PairedStudy --evidence--> METHODS --> two sections: methods that keep their nominal error rate, and methods that do not
PairedStudy --scores [variant seed fold]--> split of the variance --> a sentence of advice below the table, and a section
"""

import dataclasses

import numpy as np

from ablations.paired_study import PairedStudy
from ablations.report.tables import ABSENT, heading
from ablations.section import Section
from ablations.statistics import METHODS
from ablations.statistics.bayes import rope_in_words
from ablations.statistics.compare import POWER, RESOLUTION, amount, over_seeds
from ablations.statistics.method import Method, evidence
from ablations.statistics.variance import Split, detectable, folds_for, seeds_for, split_variance

WANTED = 0.02
"""Default of the difference that a study should detect: 2 points of UAR, .02 of CCC."""


def second_opinions(study: PairedStudy) -> list[Section]:
    """Returns effect sizes and probabilities, then (report only) tests that err on folds. Empty for a single variant."""
    found = evidence(study)
    if not found:
        return []
    sections = []
    for kept, title in ((True, "Effect sizes and probabilities"), (False, "Tests that do not keep their nominal level on folds")):
        methods = [method for method in METHODS.values() if method.keeps_its_level == kept]
        rows = [(name, *(word for method in methods for word in method.cells(one))) for name, one in found.items()]
        columns = ("Variant", *(column for method in methods for column in method.columns))
        notes = tuple(_said(method, study.metric) for method in methods)
        if not kept:
            notes = (
                "Readers ask for these tests, but verdicts do not use them (see `python -m ablations.statistics.error_rates`).",
                *notes,
            )
        named = f"{title} ({heading(study.metric)} against {study.baseline})"
        sections.append(Section(named, columns, tuple(rows), notes, on_terminal=kept))
    return sections


@dataclasses.dataclass(frozen=True)
class Scatter:
    """Variance components of a study's scores, and of its closest comparison."""

    metric: str
    ratio: float
    """Ratio of test to training utterances."""
    whole: Split
    """Variance components over all variants."""
    closest: str
    """Variant closest to the baseline; empty if there is none, or if none differs from it in any fold."""
    pair: Split
    """Variance components of that variant and the baseline, so that `detectable` matches the verdict. A distant variant would
    dominate them."""


def scatter_of(study: PairedStudy) -> Scatter:
    """Returns the variance components of a study on its metric. Variants without the metric are left out."""
    scores = {name: one for name, one in study.scores().items() if np.isfinite(one).any()}
    baseline, gaps = study.baseline, {}
    for name, one in scores.items():
        gap = over_seeds(one - scores[baseline]) if baseline in scores and name != baseline else np.zeros(0)
        if len(gap) > 1 and gap.std() > RESOLUTION:
            gaps[name] = abs(float(gap.mean()))
    closest = min(gaps, key=lambda name: gaps[name]) if gaps else ""
    chosen = [scores[name] for name in (baseline, closest) if name in scores]
    return Scatter(
        metric=study.metric,
        ratio=study.test_to_train,
        whole=split_variance(np.stack(list(scores.values()))),
        closest=closest,
        pair=split_variance(np.stack(chosen)),
    )


def variance_sentence(scatter: Scatter, wanted: float = WANTED) -> str:
    """Returns the shares of the variance and the advice that follows; empty for one fold or equal scores."""
    if not scatter.whole.parts:
        return ""
    shares = ", ".join(f"{100 * share:.0f} % {name}" for name, share in scatter.whole.parts.items())
    return f"Variance of {heading(scatter.metric)}: {shares}. {advice(scatter, wanted)}".strip()


def advice(scatter: Scatter, wanted: float = WANTED) -> str:
    """Advises whether more seeds or folds would detect `wanted`, assuming the variance of the closest variant."""
    split, ratio, metric = scatter.pair, scatter.ratio, scatter.metric
    now = detectable(split, split.seeds, split.folds, ratio)
    if not scatter.closest or not now > 0:
        return ""
    size = f"{split.folds} folds x {split.seeds} seed{'s' * (split.seeds != 1)}"
    often = f"{100 * POWER:.0f} times in 100"
    if now <= wanted:
        return f"{size} detect a difference of {amount(wanted, metric)} {often}, given the variance of {scatter.closest}."
    seeds, folds = seeds_for(split, wanted, ratio), folds_for(split, wanted, ratio)
    more_folds = f"about {folds} folds of this size, which takes more speakers" if folds else "no number of folds up to 200"
    least = detectable(split, 10**6, split.folds, ratio)
    if split.seeds == 1:
        more_seeds = "a single seed cannot show whether more seeds would help (run a second one)"
    elif seeds:
        more_seeds = f"{seeds} seeds with these folds"
    else:
        more_seeds = f"no number of seeds with these folds (at best {amount(least, metric)})"
    return (
        f"To detect a difference of {amount(wanted, metric)} {often}, given the variance of {scatter.closest} "
        f"({size} detect {amount(now, metric)}): {more_seeds}; or {more_folds}."
    )


def variance_section(scatter: Scatter, wanted: float = WANTED) -> Section:
    """Returns the variance components as a table, with the detectable difference for other numbers of seeds and folds."""
    split, metric = scatter.pair, scatter.metric
    rows = [(name, f"{100 * share:.1f}", ABSENT) for name, share in scatter.whole.parts.items()]
    for seeds, folds in ((split.seeds, split.folds), (2 * split.seeds, split.folds), (split.seeds, 2 * split.folds)):
        least = detectable(split, seeds, folds, scatter.ratio) if scatter.closest else 0.0
        if least > 0:
            rows.append((f"{folds} folds x {seeds} seed{'s' * (seeds != 1)}", ABSENT, amount(least, metric)))
    note = (
        "Shares: method of moments on [variant seed fold]; negative estimates count as 0. Detectable: smallest true difference "
        f"of two variants found {100 * POWER:.0f} times in 100, before Holm, if differences vary as they do between the baseline "
        "and the variant closest to it, and if folds have the same size and variance as these."
    )
    words = tuple(filter(None, (advice(scatter, wanted), note)))
    columns = ("Source", "% of variance", "detectable")
    return Section(f"Where the variance of {heading(metric)} comes from", columns, tuple(rows), words, on_terminal=False)


def concluding_sections(study: PairedStudy, wanted: float = WANTED) -> list[Section]:
    """Returns all sections that follow a study's table."""
    scatter = scatter_of(study)
    variance = [variance_section(scatter, wanted)] if scatter.whole.parts else []
    return [*second_opinions(study), *variance]


def _said(method: Method, metric: str) -> str:
    return method.note.replace("{rope}", rope_in_words(metric))
