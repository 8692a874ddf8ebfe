"""A study as one table: scores with intervals, differences with verdicts, and the protocol they hold under.

`study_table` computes everything once and `cells` puts it in words: points (hundredths) with two decimals for UAR, WA
and macro-F1, three decimals for CCC. render.py writes the words as rich, Markdown and LaTeX, and the raw fractions as
CSV. What has no column here is in details.py.
"""

import dataclasses
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ablations.outcomes import Outcome, variants_of, whole_metrics
from ablations.statistics.compare import Comparison, Interval, compare_each, probability
from ablations.statistics.pooled_scores import Pooled, pooled_scores
from ser_core.evaluation.baselines import BASELINES
from ser_core.evaluation.metrics import AMBIGUOUS, TERMS, term

COLUMNS = ("uar", "wa", "macro_f1")
"""The metrics that have a column beside CCC."""
LETTERS = {"ccc.valence": "V", "ccc.arousal": "A", "ccc.dominance": "D"}
OPTIONAL_FACTS = {
    "content": "content",
    "classes": "classes",
    "merged": "merged",
    "tested model": "tested_model",
    "metrics": "metrics",
    "flags": "flags",
}
"""Protocol facts by the entry of the card that holds them; left out where no card has it."""
ABSENT = "—"
"""A cell that has no value: the task is off, or the row is not tested."""


@dataclasses.dataclass(frozen=True)
class Row:
    """A variant of the study."""

    name: str
    scores: Mapping[str, Interval]
    comparison: Comparison
    """On the primary metric."""
    pooled: Pooled


@dataclasses.dataclass(frozen=True)
class StudyTable:
    """Everything a study's table says."""

    title: str
    question: str
    baseline: str
    primary: str
    """The metric that verdicts are about."""
    across: tuple[str, ...]
    """Entries of the protocol card that the variants differ in on purpose."""
    metrics: tuple[str, ...]
    """The columns."""
    rows: tuple[Row, ...]
    references: Mapping[str, Mapping[str, float]]
    """Mean scores of the models that come with every fold, such as majority and linear; they are not tested."""
    protocol: Mapping[str, str]
    """Corpus, protocol, split, development rule, size, text source, audio policy."""
    notes: tuple[str, ...]
    command: str
    """What the user types to run the study."""
    overrides: Mapping[str, Sequence[str]]
    """What each variant changes."""

    @property
    def protocol_line(self) -> str:
        return " · ".join(f"{name} {value}" for name, value in self.protocol.items())

    @property
    def verdicts(self) -> dict[str, str]:
        """One sentence per variant, the baseline left out."""
        return {row.name: row.comparison.verdict for row in self.rows if row.name != self.baseline}


def study_table(
    outcomes: Sequence[Outcome],
    title: str,
    question: str,
    *,
    baseline: str = "",
    primary: str = "uar",
    across: Sequence[str] = (),
    command: str = "",
    overrides: Mapping[str, Sequence[str]] | None = None,
    notes: Sequence[str] = (),
    redraws: int = 2000,
    seed: int = 0,
) -> StudyTable:
    """The table of a study; the first variant is the baseline unless `baseline` names another.

    `notes` end the table's own; `redraws` and `seed` are the bootstrap's over speakers. Raises ComparisonError as `compare`.
    """
    baseline = baseline or next(iter(variants_of(outcomes)), "")
    shown = _shown(outcomes, primary)
    scores = compare_each(outcomes, baseline, [primary, *shown], across)
    first = scores[primary]
    together = pooled_scores(outcomes, baseline, primary, across, redraws=redraws, seed=seed)
    found = {name: {metric: scores[metric][name].score for metric in shown} for name in first}
    rows = [Row(name, found[name], comparison, together[name]) for name, comparison in first.items()]
    references = mean_references([one for one in outcomes if one.variant == baseline], shown)
    return StudyTable(
        title=title,
        question=question,
        baseline=baseline,
        primary=primary,
        across=tuple(across),
        metrics=tuple(shown),
        rows=tuple(rows),
        references=references,
        protocol=protocol_facts(outcomes),
        notes=(*_notes(outcomes, baseline, primary, shown, rows, references), *notes),
        command=command,
        overrides={name: tuple(changes) for name, changes in (overrides or {}).items()},
    )


def protocol_facts(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """What the scores hold under, in words; "varies" where variants differ, "not recorded" where the card is silent."""
    records = [one.record for one in outcomes]

    def fact(values: list[Any]) -> str:
        words = {plain(value) for value in values}
        return (words.pop() or "not recorded") if len(words) == 1 else "varies between variants"

    folds, seeds = {one.key.fold for one in records}, {one.seed for one in records}
    planned = max((card for one in records if isinstance(card := one.card.get("folds"), int)), default=len(folds))
    part = f"{len(folds)} of {planned}" if planned > len(folds) else str(len(folds))
    facts = {
        "corpus": fact([one.card.get("corpus", "") for one in records]),
        "protocol": fact([one.card.get("protocol", "") for one in records]),
        "split": fact([one.key.split for one in records]),
        "development": fact([one.card.get("dev_rule", "") for one in records]),
        "size": f"{part} folds x {len(seeds)} seed{'s' * (len(seeds) != 1)}",
        "text": fact([one.card.get("text_source", "") for one in records]),
        "audio": fact([one.config.get("audio", "") for one in records]),
    }
    for name, entry in OPTIONAL_FACTS.items():
        if any(entry in one.card for one in records):
            facts[name] = fact([one.card.get(entry) or "none" for one in records])
    if "tested model" in facts:
        facts["tested model"] = fact([one.taught_by for one in outcomes])
    return facts


def plain(value: Any) -> str:
    """Any value of a card or configuration as words.

    >>> plain({"max_seconds": 15.0, "longer": "start"})
    'max_seconds=15.0, longer=start'
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={plain(one)}" for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(plain, value))
    return " ".join(str(value).split())


def heading(metric: str) -> str:
    """The metric as a column is headed.

    >>> [heading(metric) for metric in ("uar", "ccc.valence", "ccc.tension", "gender.wa", "recall.anger", "uar.gap")]
    ['UAR', 'V', 'CCC tension', 'gender WA', 'recall anger', 'UAR gap']
    """
    return LETTERS.get(metric) or long_name(metric)


def long_name(metric: str) -> str:
    """The metric as it is headed where there is room: V is CCC valence.

    >>> long_name("ccc.valence"), long_name("uar@noise:10")
    ('CCC valence', 'UAR, noise:10')
    """
    metric, sign, condition = metric.partition("@")
    if sign:
        return f"{long_name(metric)}, {condition}"
    first, _, rest = metric.partition(".")
    if first in TERMS:
        return f"{term(metric).heading} {rest}".strip()
    return f"{metric.rpartition('.')[0]} {term(metric).heading}".strip()


def number(value: float, metric: str, sign: str = "") -> str:
    """A score as it is printed: points with two decimals, or as it is with three and no leading zero.

    >>> number(.67416, "uar"), number(-.0412, "ccc.valence"), number(.031, "uar", "+")
    ('67.42', '-.041', '+3.10')
    """
    if not math.isfinite(value):
        return ABSENT
    if term(metric).percent:
        return format(100 * value, f"{sign}.2f")
    return re.sub(r"^([+-]?)0\.", r"\1.", format(value, f"{sign}.3f"))


def half_width(one: Interval, metric: str, sign: str = "") -> str:
    """A symmetric interval, such as 67.42 ± 2.31; the mean alone where it has no ends."""
    spread = f" ± {number((one.high - one.low) / 2, metric)}" if math.isfinite(one.low) else ""
    return number(one.value, metric, sign) + spread


def ends(one: Interval, metric: str, sign: str = "") -> str:
    """An interval by its ends, such as 67.42 [65.10, 69.01]."""
    limits = f" [{number(one.low, metric, sign)}, {number(one.high, metric, sign)}]" if math.isfinite(one.low) else ""
    return number(one.value, metric, sign) + limits


def columns(table: StudyTable) -> list[str]:
    """Headings of the printed table."""
    primary = heading(table.primary)
    return ["Variant", *map(heading, table.metrics), f"Δ {primary}", "Holm p", f"pooled {primary}", "Δ pooled"]


def cells(table: StudyTable) -> list[list[str]]:
    """The printed table, row by row: the variants, then the references."""
    rows = []
    for row in table.rows:
        found, metric = row.comparison, table.primary
        scores = [half_width(row.scores[name], name) for name in table.metrics]
        p = probability(found.p_holm).removeprefix("= ") if math.isfinite(found.p_holm) else ABSENT
        difference, together = half_width(found.difference, metric, "+"), row.pooled
        rows.append([row.name, *scores, difference, p, ends(together.score, metric), ends(together.difference, metric, "+")])
    for name, scores in table.references.items():
        rows.append([name, *(number(scores[metric], metric) for metric in table.metrics), *[ABSENT] * 4])
    return rows


def _shown(outcomes: Sequence[Outcome], primary: str) -> list[str]:
    """The metrics that get a column: COLUMNS, CCC and the primary one, where any fold has them."""
    wanted = [name for name in whole_metrics(outcomes) if name in COLUMNS or name.startswith("ccc.") or name == primary]
    return [name for name in wanted if any(math.isfinite(one.test.metrics.get(name, math.nan)) for one in outcomes)]


def mean_references(outcomes: Sequence[Outcome], metrics: Sequence[str]) -> dict[str, dict[str, float]]:
    """Mean over the folds that have one, per reference model and metric, in the order of BASELINES; NaN where none has.

    A reference without any of these metrics is left out.
    """
    names = dict.fromkeys([*BASELINES, *(name for one in outcomes for name in one.test.baselines)])
    found = {name: {metric: _mean(outcomes, name, metric) for metric in metrics} for name in names}
    return {name: scores for name, scores in found.items() if any(map(math.isfinite, scores.values()))}


def _mean(outcomes: Sequence[Outcome], reference: str, metric: str) -> float:
    values = [one.test.baselines.get(reference, {}).get(metric, math.nan) for one in outcomes]
    values = [value for value in values if math.isfinite(value)]
    return math.fsum(values) / len(values) if values else math.nan


def explanations(metric: str) -> str:
    """A metric's name, what it stands for, and its other names, as the notes say it.

    >>> explanations("uar")
    'UAR = unweighted average recall (also UA, balanced accuracy)'
    """
    also = f" (also {', '.join(term(metric).aliases)})" if term(metric).aliases else ""
    return f"{term(metric).heading} = {term(metric).meaning}{also}"


def _notes(
    outcomes: Sequence[Outcome],
    baseline: str,
    primary: str,
    metrics: Sequence[str],
    rows: Sequence[Row],
    references: Mapping[str, Any],
) -> list[str]:
    """What a reader has to know to read the columns, in the order of the columns."""
    terms = [explanations(metric) for metric in COLUMNS]
    if letters := [name for name in metrics if name in LETTERS]:
        terms.append(f"{', '.join(f'{LETTERS[name]} = {name[4:]}' for name in letters)}: concordance correlation (CCC)")
    notes = [f"{'; '.join(terms)}. All but CCC in percent, on the test parts. {AMBIGUOUS}."]
    speakers = max(row.pooled.speakers for row in rows)
    tested = len(rows) - 1
    notes.append(
        "± is half the 95 % interval over folds, seeds averaged within a fold (corrected resampled t, Nadeau & Bengio "
        f"2003). Δ is the difference to {baseline}, paired by seed and fold; p is two-sided, after Holm over "
        f"{tested} variant{'s' * (tested != 1)}."
    )
    notes.append(
        f"Pooled {heading(primary)}: all test utterances together; in brackets the 95 % interval over "
        f"{speakers} speaker{'s' * (speakers != 1)} (Student's t, standard error by bootstrap). "
        "It takes the trained models as they are; verdicts rest on the folds."
    )
    if references:
        said = "; ".join(f"{name}: {BASELINES[name].sentence}" if name in BASELINES else name for name in references)
        notes.append(
            f"References, averaged over the folds of {baseline} and not tested; they learn from what the tested model may "
            f"learn from. {said}."
        )
    if skipped := dict(pair for one in outcomes for pair in one.record.skipped.items()):
        first = "; ".join(f"{name}: {reason}" for name, reason in itertools.islice(skipped.items(), 3))
        more = f"; and {len(skipped) - 3} more" if len(skipped) > 3 else ""
        notes.append(f"Left out because of their audio: {len(skipped)} utterance{'s' * (len(skipped) != 1)} ({first}{more}).")
    return notes
