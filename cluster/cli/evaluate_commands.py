"""What `ser evaluate` and `ser cross` do and print: trained models on corpora that they have not seen."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from ablations.report.cells import ends, long_name
from ablations.report.render import section_to_rich
from ablations.verdict_metrics import check_metric
from cluster.cli.commands import conclude_study, cross_validate_one, watching
from cluster.cli.model_commands import Loading
from cluster.models.cross import Cross, CrossAsked, corpus_words, cross_section, renamed, write_cross
from cluster.models.evaluation_store import EvaluationAsked, StoredEvaluation, evaluate_once
from cluster.models.model_store import find_model, place_of
from cluster.models.train_model import TrainAsked, train_model
from cluster.tune.resources import split_overrides, store_of
from ser_core.config.compose import compose
from ser_core.corpus.corpus import Corpus
from ser_core.cross_validation.records import RunStore
from ser_core.errors import SettingError
from ser_core.trained import load
from ser_core.trained.description import read_description


def evaluate_on(console: Console, loading: Loading, overrides: Sequence[str], asked: EvaluationAsked, target: Path | None) -> int:
    """Implements `ser evaluate`. Returns 1 when no utterance could be used."""
    words, _ = split_overrides(overrides)
    if not any(word.startswith("corpus=") for word in words):
        raise SettingError("ser evaluate needs a corpus, for instance corpus=ravdess corpus.root=FOLDER")
    model, config = loading.load(), compose(words)
    corpus = config.corpus.read(config.cache)
    store = RunStore(store_of(words) if any(word.startswith("run.store=") for word in words) else loading.store)
    folder = find_model(loading.model, loading.store)
    stored, looks = evaluate_once(model, folder, corpus, asked, store, config.cache)
    print_evaluation(console, stored, looks)
    if target:
        stored.result.predictions.to_csv(target, index=False)
    return 0 if stored.result.tested else 1


def print_evaluation(console: Console, stored: StoredEvaluation, looks: Sequence[str]) -> None:
    """Prints the scores of an evaluation, then what limits them."""
    result = stored.result
    console.print(f"{stored.model}, tested on {stored.tested_on}: {result.tested} utterances", highlight=False, markup=False)
    for metric, found in result.scores.items():
        console.print(f"  {long_name(metric):<24} {ends(found, metric)}", highlight=False, markup=False)
    console.print("in brackets the 95 % interval over speakers", highlight=False)
    left = (f"left out: {count} ({reason})" for reason, count in result.left_out.items())
    bad = (f"left out {utterance}: {reason}" for utterance, reason in result.refused.items())
    for sentence in [*result.notes, *left, *bad, *looks, f"kept as {stored.id}; `ser across` compares evaluations"]:
        console.print(sentence, highlight=False, soft_wrap=True, markup=False)


def label_map(entries: Sequence[str]) -> dict[str, str]:
    """Reads LABEL=CLASS entries. Raises SettingError for one without `=`."""
    found: dict[str, str] = {}
    for entry in entries:
        label, sign, name = entry.partition("=")
        if not (sign and label and name):
            raise SettingError(f"--map {entry}: write LABEL=CLASS")
        found[label] = name
    return found


def cross_corpora(console: Console, overrides: Sequence[str], asked: CrossAsked, members: int) -> int:
    """Implements `ser cross`: trains on each corpus, tests on each other one. Returns 1 when folds failed."""
    check_metric(asked.metric)
    words, _ = split_overrides(overrides)
    corpora = corpus_words(words, asked.corpora)
    configs = [compose([*words, *given]) for given in corpora]
    targets = [(config.corpus.read(config.cache), config.cache) for config in configs]
    if len({corpus.name for corpus, _ in targets}) < len(corpora):
        raise SettingError("two corpora have the same name; set corpus.title to distinguish them")
    store, models = RunStore(store_of(words)), dict[str, Path]()
    for given in corpora:
        console.print(f"training on {given[0]}", highlight=False, markup=False)
        finished, planned = cross_validate_one(console, [*words, *given], "train")
        if code := conclude_study(console, finished):
            return code
        with watching(console) as watch:
            key, _ = train_model(
                finished,
                planned,
                TrainAsked(members),
                lambda event, most: watch(event.end.epoch, most, f"member {event.number + 1}"),
            )
        models[planned.dataset.corpus.name] = place_of(store, key)
    command = ["ser", "cross", *words, *(f"--on={each}" for each in asked.corpora), f"--members={members}"]
    command += [f"--metric={asked.metric}", *(f"--map={one}={other}" for one, other in asked.same.items())]
    found = _tested(console, models, targets, asked, store, shlex.join(command))
    for part in section_to_rich(cross_section(found)):
        console.print(part)
    console.print(f"written    {write_cross(found, store)}", highlight=False, soft_wrap=True, markup=False)
    return 0


def _tested(
    console: Console,
    models: Mapping[str, Path],
    targets: Sequence[tuple[Corpus, Path]],
    asked: CrossAsked,
    store: RunStore,
    command: str,
) -> Cross:
    """Tests every model on every corpus except its own. `targets` are corpora with the folder of their cache."""
    cells, looks = dict[tuple[str, str], StoredEvaluation](), list[str]()
    for source, folder in models.items():
        model = load(folder)
        for target, cache in targets:
            if target.name == source:
                continue
            console.print(f"testing {source} on {target.name}", highlight=False, markup=False)
            mapping = renamed(asked.same, target.classes, model.description.classes)
            stored, said = evaluate_once(model, folder, target, EvaluationAsked(mapping), store, cache)
            cells[source, target.name] = stored
            looks += said
    expected = {name: read_description(folder) for name, folder in models.items()}
    return Cross(asked.metric, expected, cells, tuple(dict.fromkeys(looks)), command)
