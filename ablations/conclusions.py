"""What a study's report says beside its table: other methods on the same differences, and where the scatter comes from.

outcomes --evidence--> METHODS --> two sections: those that keep their promised error rate, and those that do not
outcomes --[variant seed fold]--> split of the variance --> a sentence of advice below the table, and a section
"""

from collections.abc import Sequence

import numpy as np

from ablations.compare import POWER, amount, scores_of, size_ratio
from ablations.outcomes import Outcome
from ablations.pairing import pair
from ablations.section import Section
from ablations.statistics import METHODS
from ablations.statistics.bayes import rope_in_words
from ablations.statistics.method import Method, evidence
from ablations.statistics.variance import Split, detectable, folds_for, seeds_for, split_variance
from ablations.tables import ABSENT, heading

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
                "Readers ask for them; verdicts do not rest on them (`python -m ablations.simulated` says why).",
                *notes,
            )
        named = f"{title} ({heading(metric)} against {baseline})"
        sections.append(Section(named, columns, tuple(rows), notes, on_terminal=kept))
    return sections


def variance_of(outcomes: Sequence[Outcome], baseline: str, metric: str, across: Sequence[str] = ()) -> Split:
    """The split of a study's variance on one metric; a variant without the metric is left out."""
    scores = [scores_of(pairs, metric) for pairs in pair(outcomes, baseline, across).values()]
    return split_variance(np.stack([one for one in scores if np.isfinite(one).any()]))


def variance_sentence(split: Split, metric: str, ratio: float, wanted: float = WANTED) -> str:
    """Shares of the variance and the advice they imply; empty where one fold or equal scores leave nothing to say."""
    if not split.parts:
        return ""
    shares = ", ".join(f"{100 * share:.0f} % {name}" for name, share in split.parts.items())
    return f"Variance of {heading(metric)}: {shares}. {advice(split, metric, ratio, wanted)}".strip()


def advice(split: Split, metric: str, ratio: float, wanted: float = WANTED) -> str:
    """Whether more seeds or more folds would detect `wanted`, for one difference between two of the variants."""
    now = detectable(split, split.seeds, split.folds, ratio)
    if not now > 0:
        return ""
    size = f"{split.folds} folds x {split.seeds} seed{'s' * (split.seeds != 1)}"
    if now <= wanted:
        return (
            f"A difference of {amount(wanted, metric)} would be found {100 * POWER:.0f} times in 100 with the {size} there are."
        )
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
        f"To find a difference of {amount(wanted, metric)} {100 * POWER:.0f} times in 100 ({size} find {amount(now, metric)}): "
        f"{more_seeds}; or {more_folds}."
    )


def variance_section(split: Split, metric: str, ratio: float, wanted: float = WANTED) -> Section:
    """The split as a table, with what could be detected under other numbers of seeds and folds."""
    shares = split.parts
    rows = [(name, f"{100 * share:.1f}", ABSENT) for name, share in shares.items()]
    for seeds, folds in ((split.seeds, split.folds), (2 * split.seeds, split.folds), (split.seeds, 2 * split.folds)):
        least = detectable(split, seeds, folds, ratio)
        if least > 0:
            rows.append((f"{folds} folds x {seeds} seeds", ABSENT, amount(least, metric)))
    note = (
        "Method of moments on [variant seed fold]; negative estimates count as 0. Detectable: least true difference of two "
        f"variants found {100 * POWER:.0f} times in 100, before Holm, were folds as large and as alike as these."
    )
    words = tuple(filter(None, (advice(split, metric, ratio, wanted), note)))
    columns = ("Source", "% of variance", "detectable")
    return Section(f"Where the scatter of {heading(metric)} comes from", columns, tuple(rows), words, on_terminal=False)


def concluding_sections(
    outcomes: Sequence[Outcome], baseline: str, metric: str, across: Sequence[str] = (), wanted: float = WANTED
) -> list[Section]:
    """All that is said of a study beside its table."""
    split = variance_of(outcomes, baseline, metric, across)
    variance = [variance_section(split, metric, size_ratio(outcomes), wanted)] if split.parts else []
    return [*second_opinions(outcomes, baseline, metric, across), *variance]


def _said(method: Method, metric: str) -> str:
    return method.note.replace("{rope}", rope_in_words(metric))
