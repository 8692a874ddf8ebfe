"""The REFORMS checklist (32 items), filled in from the records: a draft that authors complete and attach to a paper.

Kapoor et al., REFORMS: Consensus-based recommendations for machine-learning-based science, Science Advances 10, eadk3452 (2024).
The items stand here in our words. An item that no record can answer says so.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ablations.paired_study import PairedStudy
from ablations.report.cells import heading
from ablations.report.tables import StudyTable, plain
from ser_core.tasks import CHANNELS

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
    how = "One split into training and test part, without cross-validation" if facts.study.single_split else "Cross-validation"
    return f"{how}. {told}."


def _code(facts: Facts) -> str:
    known = facts.record.environment
    version, edition = (plain(known.get(name, "not recorded")) for name in ("bridgework", "program"))
    return (
        f"Bridgework, version {version}; edition {edition} of its training code (it rises when the same settings give other "
        "numbers). Records hold no commit: add yours."
    )


def _outcome(facts: Facts) -> str:
    counts, scales = facts.card.get("emotions") or {}, facts.card.get("dimensions") or {}
    told = [f"Utterances per class: {', '.join(f'{name} {count}' for name, count in counts.items())}"] if counts else []
    rated = ", ".join(f"{name} from {low:g} to {high:g}" for name, (low, high) in scales.items())
    told += [f"Ratings: {rated}"] if rated else []
    return ". ".join([*told, *filter(None, [facts.of_card("merged")])])


def _hyperparameters(facts: Facts) -> str:
    command = facts.table.command
    if command.startswith("ser select"):
        return (
            "By a search, whose best configurations were trained again with new seeds; one of them was chosen by development "
            "score (`ser select`, see the notes and sections of the table)."
        )
    if "--mode retuned" in command:
        return "Each variant had its own search with the same budget, decided by development score (`--mode retuned`, under 2e)."
    return "As given by the configuration and the overrides of the command under 2e; nothing was searched in this study."


def _inputs(facts: Facts) -> str:
    models = [one.record.config.get("model", {}) for one in facts.study.outcomes]
    read = [name for name in CHANNELS if any((model.get(name) or {}).get("name", "none") != "none" for model in models)]
    words = {"speech": "audio", "text": f"text ({plain(facts.card.get('text_source') or 'source not recorded')})"}
    told = " and ".join(words[name] for name in read)
    return f"Inputs are {told}; labels are no input." if told else ""


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
    every = [one for by_variant in facts.table.comparisons.values() for one in by_variant.values()]
    others = [one for one in every if one.variant != facts.study.baseline]
    verdicts = "; ".join(f"{one.variant}, {heading(one.metric)}: {one.verdict}" for one in others) or "Nothing was compared"
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
            _code,
        ),
        Item("2c", "Computing infrastructure", _infrastructure),
        Item("2d", "Instructions", lambda facts: "README.md of Bridgework; the command is under 2e."),
        Item("2e", "Script that reproduces the results", lambda facts: f"`{facts.table.command}`"),
    ),
    "Data quality": (
        Item("3a", "Sources, time, process of annotation", lambda facts: facts.of_card("source")),
        Item("3b", "Sampling frame"),
        Item("3c", "Why the data suit the task"),
        Item("3d", "Outcome variable, with counts", _outcome),
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
            _hyperparameters,
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
            _inputs,
        ),
    ),
    "Metrics and uncertainty": (
        Item(
            "7a",
            "Metrics, and why",
            lambda facts: (
                f"Verdicts: {', '.join(map(heading, facts.study.verdict_metrics))}. "
                f"Shown: {', '.join(heading(name) for name in facts.table.metrics)}."
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
