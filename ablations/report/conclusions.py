"""What a study's report says beside its table: other methods on the same differences, and where the scatter comes from.

outcomes --evidence--> METHODS --> two sections: those that keep their promised error rate, and those that do not
outcomes --[variant seed fold]--> split of the variance --> a sentence of advice below the table, and a section
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ablations.outcomes import Outcome
from ablations.pairing import pair
from ablations.report.tables import ABSENT, heading
from ablations.section import Section
from ablations.statistics import METHODS
from ablations.statistics.bayes import rope_in_words
from ablations.statistics.compare import POWER, RESOLUTION, amount, over_seeds, scores_of, size_ratio
from ablations.statistics.method import Method, evidence
from ablations.statistics.variance import Split, detectable, folds_for, seeds_for, split_variance

WANTED = 0.02
"""The difference that a study should be able to detect, unless the user says otherwise: 2 points of UAR, .02 of CCC."""


def second_opinions(outcomes: Sequence[Outcome], baseline: str, metric: str, across: Sequence[str] = ()) -> list[Section]:
    """Effect size and probabilities first; then, in the report alone, the tests that folds make err. Nothing for one variant."""
    found = evidence(outcomes, baseline, metric, across)
    if not found:
        return []
    sections = []
    for kept, title in ((True, "How large, and how probable"), (False, "Tests that do not keep their level on folds")):
        methods = [method for method in METHODS.values() if method.keeps_its_level == kept]
        rows = [(name, *(word for method in methods for word in method.cells(one))) for name, one in found.items()]
        columns = ("Variant", *(column for method in methods for column in method.columns))
        notes = tuple(_said(method, metric) for method in methods)
        if not kept:
            notes = (
                "Readers ask for them; verdicts do not rest on them (`python -m ablations.statistics.error_rates` says why).",
                *notes,
            )
        named = f"{title} ({heading(metric)} against {baseline})"
        sections.append(Section(named, columns, tuple(rows), notes, on_terminal=kept))
    return sections


@dataclasses.dataclass(frozen=True)
class Scatter:
    """Where the scatter of a study's scores comes from, and that of the comparison that is closest."""

    metric: str
    ratio: float
    """Test to training utterances."""
    whole: Split
    """Over all variants."""
    closest: str
    """The variant nearest to the baseline; empty without one, or where none differs from it in any fold."""
    pair: Split
    """Of that variant and the baseline: its `detectable` is the one of the verdict. A variant far off would swamp it."""


def scatter_of(outcomes: Sequence[Outcome], baseline: str, metric: str, across: Sequence[str] = ()) -> Scatter:
    """The scatter of a study on one metric; a variant without the metric is left out."""
    study = pair(outcomes, baseline, across)
    found = {name: scores_of(pairs, metric) for name, pairs in study.items()}
    scores = {name: one for name, one in found.items() if np.isfinite(one).any()}
    ratio, gaps = size_ratio(outcomes), {}
    for name, one in scores.items():
        gap = over_seeds(one - scores[baseline]) if baseline in scores and name != baseline else np.zeros(0)
        if len(gap) > 1 and gap.std() > RESOLUTION:
            gaps[name] = abs(float(gap.mean()))
    closest = min(gaps, key=lambda name: gaps[name]) if gaps else ""
    chosen = [scores[name] for name in (baseline, closest) if name in scores]
    return Scatter(metric, ratio, split_variance(np.stack(list(scores.values()))), closest, split_variance(np.stack(chosen)))


def variance_sentence(scatter: Scatter, wanted: float = WANTED) -> str:
    """Shares of the variance and the advice they imply; empty where one fold or equal scores leave nothing to say."""
    if not scatter.whole.parts:
        return ""
    shares = ", ".join(f"{100 * share:.0f} % {name}" for name, share in scatter.whole.parts.items())
    return f"Variance of {heading(scatter.metric)}: {shares}. {advice(scatter, wanted)}".strip()


def advice(scatter: Scatter, wanted: float = WANTED) -> str:
    """Whether more seeds or more folds would find `wanted`, were a difference to scatter like that of the closest variant."""
    split, ratio, metric = scatter.pair, scatter.ratio, scatter.metric
    now = detectable(split, split.seeds, split.folds, ratio)
    if not scatter.closest or not now > 0:
        return ""
    size = f"{split.folds} folds x {split.seeds} seed{'s' * (split.seeds != 1)}"
    often = f"{100 * POWER:.0f} times in 100"
    if now <= wanted:
        return f"A difference of {amount(wanted, metric)}, as {scatter.closest} scatters, is found {often} with {size}."
    seeds, folds = seeds_for(split, wanted, ratio), folds_for(split, wanted, ratio)
    more_folds = f"about {folds} folds of this size, which takes more speakers" if folds else "no number of folds up to 200"
    least = detectable(split, 10**6, split.folds, ratio)
    if split.seeds == 1:
        more_seeds = "whether more seeds would do, one seed cannot tell (run a second)"
    elif seeds:
        more_seeds = f"{seeds} seeds with these folds"
    else:
        more_seeds = f"no number of seeds with these folds (at best {amount(least, metric)})"
    return (
        f"To find a difference of {amount(wanted, metric)} {often}, as {scatter.closest} scatters ({size} find "
        f"{amount(now, metric)}): {more_seeds}; or {more_folds}."
    )


def variance_section(scatter: Scatter, wanted: float = WANTED) -> Section:
    """The split as a table, with what could be detected under other numbers of seeds and folds."""
    split, metric = scatter.pair, scatter.metric
    rows = [(name, f"{100 * share:.1f}", ABSENT) for name, share in scatter.whole.parts.items()]
    for seeds, folds in ((split.seeds, split.folds), (2 * split.seeds, split.folds), (split.seeds, 2 * split.folds)):
        least = detectable(split, seeds, folds, scatter.ratio) if scatter.closest else 0.0
        if least > 0:
            rows.append((f"{folds} folds x {seeds} seed{'s' * (seeds != 1)}", ABSENT, amount(least, metric)))
    note = (
        "Shares: method of moments on [variant seed fold]; negative estimates count as 0. Detectable: least true difference of "
        f"two variants found {100 * POWER:.0f} times in 100, before Holm, were differences to scatter as between the baseline "
        "and the variant closest to it, and folds as large and as alike as these."
    )
    words = tuple(filter(None, (advice(scatter, wanted), note)))
    columns = ("Source", "% of variance", "detectable")
    return Section(f"Where the scatter of {heading(metric)} comes from", columns, tuple(rows), words, on_terminal=False)


def concluding_sections(
    outcomes: Sequence[Outcome], baseline: str, metric: str, across: Sequence[str] = (), wanted: float = WANTED
) -> list[Section]:
    """All that is said of a study beside its table."""
    scatter = scatter_of(outcomes, baseline, metric, across)
    variance = [variance_section(scatter, wanted)] if scatter.whole.parts else []
    return [*second_opinions(outcomes, baseline, metric, across), *variance]


def _said(method: Method, metric: str) -> str:
    return method.note.replace("{rope}", rope_in_words(metric))
