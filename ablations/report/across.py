"""Ranks the variants of one ablation over several corpora, after checking that the studies match and are complete.

studies --reject mismatches--> fold means of one metric [corpora variants] --ranks.py--> table, conclusion
Protocol cards and classes may differ between corpora. The notes describe each corpus, and only ranks are compared.
"""

import csv
import dataclasses
import functools
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ablations.check_variants import ABSENT, leaves
from ablations.outcomes import Outcome, with_mean
from ablations.paired_study import PairedStudy, Pairs
from ablations.pairing import ComparisonError, pair
from ablations.report.cells import ABSENT as NO_VALUE
from ablations.report.cells import half_width, long_name, number
from ablations.report.notes import GLOSSARY
from ablations.report.tables import protocol_facts
from ablations.section import Section
from ablations.statistics.compare import compare
from ablations.statistics.corrected_t import holm, over_seeds
from ablations.statistics.mixed import Effect, random_effect
from ablations.statistics.ranks import Ranks, after_holm, conclusion, procedure, rank_variants
from ablations.statistics.words import probability
from ser_core.metrics import less_is_better

FACTS = ("protocol", "split", "development", "size", "text", "metrics")
"""Protocol facts shown in the line of each corpus."""
OF_THE_CORPUS = ("corpus", "folds")
"""Branches of the configuration that always differ between corpora."""


@dataclasses.dataclass(frozen=True)
class CorpusStudy:
    """A finished ablation over one corpus."""

    id: str
    outcomes: Sequence[Outcome]
    mode: str = "fixed"
    across: tuple[str, ...] = ()
    """Entries of the protocol card in which its variants differ on purpose."""

    @property
    def card(self) -> Mapping[str, Any]:
        return self.outcomes[0].record.card

    @property
    def corpus(self) -> str:
        return str(self.card["corpus"])

    @property
    def named(self) -> str:
        """Name of the study in messages."""
        return f"{self.id} ({self.corpus})"

    @functools.cached_property
    def paired(self) -> PairedStudy:
        """Its outcomes in pairs. Raises ComparisonError, with the name of the study, if they cannot be compared."""
        try:
            return pair(self.outcomes, across=self.across)
        except ComparisonError as error:
            raise ComparisonError(f"{self.named}: {error}") from error


@dataclasses.dataclass(frozen=True, eq=False)
class Across:
    """Result of one ablation over several corpora."""

    metric: str
    scores: pd.DataFrame
    """Scores averaged over seeds, then over folds [corpora variants]."""
    ranks: Ranks
    effects: Mapping[str, Effect]
    """Mean difference of each variant from the baseline, with corpora as a random effect."""
    notes: tuple[str, ...]
    """One line per corpus, then the differences between corpora."""


def across_corpora(studies: Sequence[CorpusStudy], metric: str) -> Across:
    """Ranks the variants over the corpora. Raises ComparisonError, with what is missing where, if the studies do not match."""
    if len(studies) < 2:
        raise ComparisonError("ranks across corpora need at least two studies, each over a different corpus")
    _check_corpora(studies)
    _check_variants(studies)
    _check_changes(studies)
    _check_seeds(studies)
    means, dropped = {}, []
    for study in studies:
        means[study.corpus], left_out = _fold_means(study, metric)
        dropped += [left_out] if left_out else []
    scores = pd.DataFrame.from_dict(means, orient="index", columns=list(studies[0].paired.pairs))
    lines = [_line(study) for study in studies]
    observations = filter(None, [_classes(studies), _settings(studies)])
    ranks = rank_variants(scores, less_is_better(metric))
    return Across(metric, scores, ranks, over_corpora(studies, metric), (*lines, *dropped, *observations))


def over_corpora(studies: Sequence[CorpusStudy], metric: str) -> dict[str, Effect]:
    """Returns each variant's mean difference over corpora, from the corrected t test in each; p after Holm over variants."""
    compared = [compare(study.paired.on(metric)) for study in studies]
    names = [name for name in studies[0].paired.pairs if name != studies[0].paired.baseline]
    found = {}
    for name in names:
        found[name] = random_effect([one[name].difference.value for one in compared], [one[name].error for one in compared])
    adjusted = holm([one.p for one in found.values()])
    return {name: dataclasses.replace(one, p=float(p)) for (name, one), p in zip(found.items(), adjusted, strict=True)}


def across_metrics(studies: Sequence[CorpusStudy], metrics: Sequence[str]) -> list[Across]:
    """Ranks the variants on each metric. The p of the rank tests are after Holm over the metrics."""
    metrics = list(dict.fromkeys(metrics))
    for metric in metrics:
        studies = [dataclasses.replace(one, outcomes=[with_mean(each, metric) for each in one.outcomes]) for one in studies]
    found = [across_corpora(studies, metric) for metric in metrics]
    if len(found) == 1:
        return found
    adjusted = holm([one.ranks.p for one in found])
    return [
        dataclasses.replace(one, ranks=after_holm(one.ranks, float(p), len(metrics)))
        for one, p in zip(found, adjusted, strict=True)
    ]


def across_section(found: Across) -> Section:
    """Returns the printed section: one row per variant, best rank first."""
    rows = tuple(
        (name, *(number(found.scores.at[corpus, name], found.metric) for corpus in found.scores.index), f"{mean:.2f}")
        for name, mean in found.ranks.means.items()
    )
    return Section(
        title=f"{long_name(found.metric)} over {len(found.scores)} corpora, mean over folds",
        columns=("variant", *map(str, found.scores.index), "mean rank"),
        rows=rows,
        notes=(conclusion(found.ranks), procedure(found.ranks), *found.notes, GLOSSARY),
    )


def effects_section(found: Across) -> Section:
    """Returns the mean differences with corpora as a random effect: one row per variant except the baseline."""
    rows = tuple(
        (
            name,
            half_width(one.mean, found.metric, "+"),
            number(one.between, found.metric),
            probability(one.p).removeprefix("= ") if one.p == one.p else NO_VALUE,
        )
        for name, one in found.effects.items()
    )
    few = (
        "" if len(found.scores) > 4 else " With so few corpora the interval is wide, and the variance between them hardly known."
    )
    return Section(
        title=f"{long_name(found.metric)}: mean difference over {len(found.scores)} corpora, with corpora as a random effect",
        columns=("variant", "difference", "sd between corpora", "Holm p"),
        rows=rows,
        notes=(
            f"± is half the width of the 95 % interval for corpora like these (Hartung & Knapp 2001; {len(found.scores) - 1} "
            "degrees of freedom; variance between corpora after Paule & Mandel 1982). The error within a corpus is that of the "
            f"corrected t test over its folds.{few}",
        ),
    )


def across_to_csv(found: Across) -> str:
    """Returns CSV with one row per variant, best rank first: raw scores by corpus, and the mean rank."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["variant", *found.scores.index, "mean_rank"])
    for name, mean in found.ranks.means.items():
        writer.writerow([name, *found.scores[name].tolist(), mean])
    return text.getvalue()


def _check_corpora(studies: Sequence[CorpusStudy]) -> None:
    for place, study in enumerate(studies):
        for other in studies[:place]:
            same = study.corpus == other.corpus
            if not same and (not study.card.get("content") or study.card.get("content") != other.card.get("content")):
                continue
            what = f"the corpus {study.corpus}" if same else f"the same utterances ({study.corpus} and {other.corpus})"
            raise ComparisonError(
                f"{other.id} and {study.id} are both over {what}: these are not independent, and each corpus counts once. Give "
                "one study per corpus; set corpus.title to distinguish corpora with the same name"
            )


def _check_variants(studies: Sequence[CorpusStudy]) -> None:
    """Checks that all studies have the same variants, baseline and mode."""
    every = dict.fromkeys(name for study in studies for name in study.paired.pairs)
    lacking = {study.named: [name for name in every if name not in study.paired.pairs] for study in studies}
    if missing := [f"{named} lacks {', '.join(map(repr, names))}" for named, names in lacking.items() if names]:
        raise ComparisonError(f"the studies have different variants: {'; '.join(missing)}. Run the same ablation on every corpus")
    if len(every) < 2:
        raise ComparisonError(f"there is nothing to rank: every study has only the variant {next(iter(every))!r}")
    for what, of in (("baselines", lambda study: study.paired.baseline), ("modes", lambda study: study.mode)):
        if len({of(study) for study in studies}) > 1:
            said = "; ".join(f"{study.named} has {of(study)}" for study in studies)
            raise ComparisonError(f"the studies have different {what}: {said}. Run the same ablation on every corpus")


def _check_changes(studies: Sequence[CorpusStudy]) -> None:
    """Checks that each variant changes the same settings to the same values in every study."""
    first, *others = studies
    for name in list(first.paired.pairs)[1:]:
        expected = _changes(first.paired, name)
        for study in others:
            found = _changes(study.paired, name)
            differ = [key for key in {**expected, **found} if expected.get(key, ABSENT) != found.get(key, ABSENT)]
            if differ:
                said = "; ".join(f"{key}={expected.get(key, ABSENT)} against {found.get(key, ABSENT)}" for key in differ[:3])
                raise ComparisonError(
                    f"{name!r} changes different settings in {first.named} and {study.named}: {said}. "
                    "Run the same ablation on every corpus"
                )


def _changes(study: PairedStudy, variant: str) -> dict[str, Any]:
    """Returns the settings in which a variant differs from the baseline, with the variant's values."""
    base, own = (_settled(study.pairs[name]) for name in (study.baseline, variant))
    return {key: own.get(key, ABSENT) for key in {**base, **own} if own.get(key, ABSENT) != base.get(key, ABSENT)}


def _settled(pairs: Pairs) -> dict[str, Any]:
    """Returns the settings of a variant, without the seed and the place where it ran."""
    found = leaves(next(iter(pairs.values())).record.config)
    return {key: value for key, value in found.items() if key != "seed" and not key.startswith("run.")}


def _check_seeds(studies: Sequence[CorpusStudy]) -> None:
    seeds = {study.named: {one.record.seed for one in study.outcomes} for study in studies}
    every = sorted(set().union(*seeds.values()))
    lacking = {named: [str(seed) for seed in every if seed not in own] for named, own in seeds.items()}
    if missing := [f"{named} lacks seed {', '.join(few)}" for named, few in lacking.items() if few]:
        raise ComparisonError(
            f"the studies have different seeds: {'; '.join(missing)}. Run each with the same --seeds; existing folds are kept"
        )


def _fold_means(study: CorpusStudy, metric: str) -> tuple[list[float], str]:
    """Returns each variant's mean over the (seed, fold) pairs where all variants have the metric, and a note on the others."""
    by_variant = study.paired.on(metric).scores()
    scores = np.stack(list(by_variant.values()))
    defined = np.isfinite(scores)
    for name, one in zip(by_variant, defined, strict=True):
        if not one.any():
            raise ComparisonError(f"{study.named}: {name!r} has no {metric}; choose a --metric that all variants have")
    whole = defined.all(axis=0)
    if not whole.any():
        raise ComparisonError(f"{study.named}: no fold has {metric} in all variants; choose another --metric")
    means = [float(over_seeds(np.where(whole, values, np.nan)).mean()) for values in scores]
    count = f"{(~whole).sum()} of {whole.size} (seed, fold) pairs"
    left = f"{study.corpus}: {count} lack {metric} in some variant and are left out for all."
    return means, "" if whole.all() else left


def _line(study: CorpusStudy) -> str:
    """Returns the line that describes the classes and protocol of a corpus."""
    facts = protocol_facts(study.outcomes)
    classes = [str(name) for name in study.card.get("classes", ())]
    labels = f"{len(classes)} classes ({', '.join(classes)})" if classes else "no classes"
    return f"{study.corpus}: " + " · ".join([labels, *(f"{name} {facts[name]}" for name in FACTS if name in facts)])


def _classes(studies: Sequence[CorpusStudy]) -> str:
    counts = sorted({len(study.card.get("classes", ())) for study in studies})
    if len(counts) < 2:
        return ""
    return f"Corpora have {' or '.join(map(str, counts))} classes: compare scores within a column, not between columns."


def _settings(studies: Sequence[CorpusStudy]) -> str:
    """Returns a note on baseline settings, other than corpus and folds, that differ between the studies."""
    baselines = [_settled(study.paired.pairs[study.paired.baseline]) for study in studies]
    keys = dict.fromkeys(key for one in baselines for key in one if key.partition(".")[0] not in OF_THE_CORPUS)
    differ = [key for key in keys if any(one.get(key, ABSENT) != baselines[0].get(key, ABSENT) for one in baselines)]
    return f"Besides corpus and folds the studies differ in {', '.join(differ)}." if differ else ""
