"""The REFORMS checklist (32 items), filled in from the records: a draft that authors complete and attach to a paper.

Kapoor et al., REFORMS: Consensus-based recommendations for machine-learning-based science, Science Advances 10, eadk3452 (2024).
The items stand here in our words. An item that no record can answer says so.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ablations.paired_study import PairedStudy
from ablations.report.tables import StudyTable, heading, plain

AUTHORS = "_For the authors to write._"


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the records say about a study."""

    table: StudyTable
    looked: Sequence[str]
    """Sentences on looks at the test speakers, and on the plan."""

    @property
    def study(self) -> PairedStudy:
        return self.table.study

    @property
    def record(self) -> Any:
        """The first fold of the baseline."""
        return next(iter(self.study.pairs[self.study.baseline].values())).record

    @property
    def card(self) -> Mapping[str, Any]:
        return self.record.card

    def of_card(self, *names: str) -> str:
        """Returns entries of the protocol card in words, those that are recorded."""
        return "; ".join(f"{name.replace('_', ' ')}: {plain(self.card[name])}" for name in names if self.card.get(name))


@dataclasses.dataclass(frozen=True)
class Item:
    """One item of the checklist: what it asks, and what the records answer ("": nothing)."""

    number: str
    asks: str
    answer: Callable[[Facts], str] = lambda facts: ""


def _infrastructure(facts: Facts) -> str:
    records = [one.record for one in facts.study.outcomes]
    hours = sum(record.seconds for record in records) / 3600
    memory = max((record.spent.get("memory_gb", 0.0) for record in records), default=0.0)
    versions = ", ".join(f"{name} {plain(value)}" for name, value in sorted(facts.record.environment.items()))
    return f"{versions}. Training took {hours:.3g} hours in all{f', at most {memory:.1f} GB of memory' if memory else ''}."


def _counts(facts: Facts) -> str:
    sizes = [one.record.sizes for one in facts.study.pairs[facts.study.baseline].values()]
    parts = {part: sorted({size[part] for size in sizes if part in size}) for part in ("train", "dev", "test")}
    told = ", ".join(f"{part} {counts[0]} to {counts[-1]}" for part, counts in parts.items() if counts)
    return f"{facts.of_card('utterances', 'speakers')}. Utterances per fold: {told}."


def _left_out(facts: Facts) -> str:
    skipped = {name for one in facts.study.outcomes for name in one.record.skipped}
    unused = facts.of_card("unlabelled", "unused")
    return f"{len(skipped)} utterances were skipped because of their audio{'; ' * bool(unused)}{unused}."


def _models(facts: Facts) -> str:
    parameters = {name: next(iter(pairs.values())).record.sizes.get("parameters", 0) for name, pairs in facts.study.pairs.items()}
    rows = [f"{name} ({count:,} parameters)" for name, count in parameters.items()]
    return f"{'; '.join(rows)}. All settings are in the records and in report.html."


def _evaluation(facts: Facts) -> str:
    told = "; ".join(f"{name}: {value}" for name, value in facts.table.protocol.items())
    return f"Cross-validation. {told}."


def _selection(facts: Facts) -> str:
    first = (
        "The epoch of each fold is chosen on its development part. Test parts are kept in separate files, which no choice reads."
    )
    return " ".join([first, *facts.looked])


def _uncertainty(facts: Facts) -> str:
    how = (
        "of differences over the test speakers (jackknife)"
        if facts.study.single_split
        else "over folds, seeds averaged within a fold, by the corrected resampled t test (Nadeau & Bengio 2003)"
    )
    return f"95 % intervals {how}; pooled scores by a bootstrap over speakers. {facts.table.protocol.get('size', '')}."


def _tests(facts: Facts) -> str:
    verdicts = "; ".join(f"{row.name}: {row.comparison.verdict}" for row in facts.table.rows if row.name != facts.study.baseline)
    test, units = "Two-sided corrected resampled t test, paired by fold", "folds"
    if facts.study.single_split:
        test, units = "Two-sided t test over test speakers (jackknife)", "test speakers"
    return (
        f"{test}; Holm correction over all comparisons, at level {facts.study.level:.3g}. It assumes that the mean difference "
        f"over {units} is about normal. {verdicts}."
    )


ITEMS: Mapping[str, Sequence[Item]] = {
    "Study goals": (
        Item("1a", "Population about which the claim is made", lambda facts: f"Question: {facts.table.question}"),
        Item("1b", "Why this population"),
        Item("1c", "Why machine learning"),
    ),
    "Computational reproducibility": (
        Item("2a", "Data set, identified", lambda facts: facts.of_card("corpus", "source", "licence", "content")),
        Item(
            "2b",
            "Code, identified",
            lambda facts: f"Bridgework; program {plain(facts.record.environment.get('program', 'not recorded'))}.",
        ),
        Item("2c", "Computing infrastructure", _infrastructure),
        Item("2d", "Instructions", lambda facts: "README.md of Bridgework; the command is under 2e."),
        Item("2e", "Script that reproduces the results", lambda facts: f"`{facts.table.command}`"),
    ),
    "Data quality": (
        Item("3a", "Sources, time, process of annotation", lambda facts: facts.of_card("source")),
        Item("3b", "Sampling frame"),
        Item("3c", "Why the data suit the task"),
        Item("3d", "Outcome variable, with counts", lambda facts: facts.of_card("emotions", "dimensions", "merged")),
        Item("3e", "Sample size", _counts),
        Item("3f", "Missing data", lambda facts: f"Counts of the corpus: {plain(facts.card.get('counts') or 'not checked')}."),
        Item("3g", "Whether the data represent the population"),
    ),
    "Data preprocessing": (
        Item("4a", "Samples left out, and why", _left_out),
        Item(
            "4b",
            "Impossible or corrupt samples",
            lambda facts: "`ser corpus check` names files that cannot be decoded; none is used silently.",
        ),
        Item("4c", "Transformations", lambda facts: facts.of_card("audio", "text_source", "text_normalisation")),
    ),
    "Modelling": (
        Item("5a", "All models, with input and output", _models),
        Item("5b", "Why these models"),
        Item("5c", "How they were evaluated", _evaluation),
        Item("5d", "How models were selected", _selection),
        Item(
            "5e",
            "How hyperparameters were selected",
            lambda facts: "As given by the configuration and the overrides of the command, unless a search is named under 2e.",
        ),
        Item(
            "5f",
            "Baselines, and why they are fair",
            lambda facts: f"References of the table: {', '.join(facts.table.references)}.",
        ),
    ),
    "Data leakage": (
        Item(
            "6a",
            "Training and test are kept apart in all steps",
            lambda facts: "Statistics for scaling, class weights and vocabularies come from the training part of each fold.",
        ),
        Item(
            "6b",
            "Dependencies and duplicates between the parts",
            lambda facts: (
                f"{facts.of_card('protocol', 'dev_rule', 'split')}. `ser corpus audit` looks for copies, near copies and "
                "shared texts; attach its output."
            ),
        ),
        Item(
            "6c",
            "Every feature is legitimate",
            lambda facts: f"Inputs are audio and {plain(facts.card.get('text_source', 'no text'))} text; labels are no input.",
        ),
    ),
    "Metrics and uncertainty": (
        Item(
            "7a",
            "Metrics, and why",
            lambda facts: (
                f"Verdicts: {heading(facts.study.metric)}. Shown: {', '.join(heading(name) for name in facts.table.metrics)}."
            ),
        ),
        Item("7b", "Uncertainty, and how it is computed", _uncertainty),
        Item("7c", "Statistical tests, and their assumptions", _tests),
    ),
    "Generalizability and limitations": (
        Item(
            "8a",
            "External validity",
            lambda facts: (
                f"One corpus ({plain(facts.card.get('corpus', ''))}), protocol {facts.table.protocol.get('protocol', '')}; "
                "`ser across` compares several corpora."
            ),
        ),
        Item("8b", "Where the findings do not hold"),
    ),
}


def reforms_checklist(table: StudyTable, looked: Sequence[str] = ()) -> str:
    """Returns the checklist as Markdown. `looked` are sentences on looks at the test speakers, and on the plan."""
    facts = Facts(table, looked)
    lines = [
        f"# REFORMS checklist: {table.title}",
        "",
        "A draft from the records of the study. Items as in Kapoor et al. (2024, Science Advances 10, eadk3452), in our words.",
    ]
    for module, items in ITEMS.items():
        lines += ["", f"## {module}", ""]
        lines += [f"- **{item.number} {item.asks}.** {item.answer(facts) or AUTHORS}" for item in items]
    return "\n".join([*lines, ""])
