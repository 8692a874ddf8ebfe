"""The notes below a study's table: what the columns mean, what the references are, what was left out."""

import itertools
from collections.abc import Iterable, Sequence

from ablations.paired_study import PairedStudy
from ablations.report.cells import heading
from ablations.statistics.words import amount, counted
from ser_core.evaluation.baselines import BASELINES
from ser_core.metrics import AMBIGUOUS, METRICS, find_metric

POOLED_CCC = (
    "Read the mean over folds first: pooled CCC also rewards a model that only knows which speakers are rated higher than others "
    "and follows nothing within a speaker."
)
"""What pooling over speakers does to CCC."""

GLOSSARY = (
    "Split and content are hashes of the folds and of the corpus: tables with the same hashes tested the same. metrics-1 and "
    "words-1 are versions, of the definitions of the metrics and of the normalisation of texts."
)
"""What the hashes and versions of the protocol mean."""


def explanations(metric: str) -> str:
    """Returns a metric's name, its meaning and its other names, for the notes.

    >>> explanations("uar")
    'UAR = unweighted average recall (also UA, balanced accuracy)'
    """
    found = find_metric(metric)
    also = f" (also {', '.join(found.aliases)})" if found.aliases else ""
    return f"{found.heading} = {found.meaning}{also}"


def _on_intervals(study: PairedStudy) -> str:
    """Explains ±, Δ, p and the three verdicts."""
    tests, metrics = (len(study.pairs) - 1) * len(study.verdict_metrics), len(study.verdict_metrics)
    family = f"{counted(len(study.pairs) - 1, 'variant')}" + (f" x {metrics} metrics = {tests} tests" if metrics > 1 else "")
    if study.least_tests > tests:
        family += f", counted as {study.least_tests} tests"
    how = (
        "There is a single fold, so intervals of differences and tests are over its test speakers (jackknife) and, with several "
        "seeds, over seeds"
        if study.single_split
        else "It is over folds, seeds averaged within a fold (corrected resampled t, Nadeau & Bengio 2003)"
    )
    margins = " and ".join(dict.fromkeys(amount(study.margin, metric) for metric in study.verdict_metrics))
    if not tests:
        return f"± is half the width of the 95 % confidence interval. {how}."
    return (
        "± is half the width of the 95 % confidence interval; brackets show its ends where it reaches an end of the scale. "
        f"{how}. Δ is the difference from {study.baseline}, paired by seed and fold; p is two-sided, with Holm correction over "
        f"{family}. Different: p below {study.level:.3g}. Equivalent: two one-sided tests rule out, after the same correction, a "
        f"true difference of {margins} or more. Undecided: neither."
    )


def _on_pooling(study: PairedStudy, speakers: int) -> str:
    """Explains the pooled score; empty for a metric that cannot be pooled."""
    if not speakers:
        return ""
    uses = "test speakers, too" if study.single_split else "folds"
    said = (
        f"Pooled {heading(study.metric)}: all test utterances together; in brackets the 95 % interval over "
        f"{counted(speakers, 'speaker')} (Student's t, standard error by bootstrap). "
        f"It treats the trained models as fixed; verdicts use the {uses}."
    )
    return f"{said} {POOLED_CCC}" if find_metric(study.metric).reads == "ratings" else said


def _legend(shown: Sequence[str]) -> list[str]:
    """Explains every metric that has a column; a metric with letters for its parts explains those that are shown."""
    lines = []
    for metric in METRICS.values():
        letters = [name for name in shown if name.partition(".")[0] == metric.name and heading(name) in metric.headings.values()]
        if letters:
            named = ", ".join(f"{heading(name)} = {name.partition('.')[2]}" for name in letters)
            lines.append(f"{named}: {metric.meaning} ({metric.heading})")
        elif metric.column and not metric.headings:
            lines.append(explanations(metric.name))
    return lines


def table_notes(study: PairedStudy, metrics: Sequence[str], speakers: int, references: Iterable[str]) -> list[str]:
    """Returns the notes that explain the columns, in column order. `speakers` is the number of speakers that were tested."""
    notes = [f"{'; '.join(_legend(metrics))}. All but CCC in percent, on the test parts. {AMBIGUOUS}."]
    notes += filter(None, [_on_intervals(study), _on_pooling(study, speakers)])
    if references:
        said = "; ".join(f"{name}: {BASELINES[name].sentence}" if name in BASELINES else name for name in references)
        notes.append(
            f"References are averaged over the folds of {study.baseline} and not tested. They learn from the same data as the "
            f"tested model. {said}."
        )
    notes.append(GLOSSARY)
    if skipped := dict(pair for one in study.outcomes for pair in one.record.skipped.items()):
        first = "; ".join(f"{name}: {reason}" for name, reason in itertools.islice(skipped.items(), 3))
        more = f"; and {len(skipped) - 3} more" if len(skipped) > 3 else ""
        notes.append(f"Left out because of their audio: {counted(len(skipped), 'utterance')} ({first}{more}).")
    return notes
