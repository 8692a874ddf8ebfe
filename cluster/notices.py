"""Prints to stderr what you should know before a study trains: licence, corpus notices, settings without effect."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from rich.console import Console

from cluster.trial import plan_once
from ser_core.config.compose import compose
from ser_core.config.published_system import named_systems
from ser_core.config.tree import GROUPS, Config
from ser_core.corpus.licences import first_use
from ser_core.cross_validation.plan import Plan


def plan_with_notices(overrides: Sequence[str]) -> tuple[Plan, list[str]]:
    """Runs `plan_once` with a progress line, and returns the plan with its notices for the record.

    Prints every notice, and the licence of the corpus on first use, before anything trains.
    """
    config = compose(overrides)
    planned = plan_once(config, progress=True)
    notices = planned.notices_for(overrides)
    print_licence(config)
    print_notices(notices)
    return planned, notices


def print_variant_notices(found: Mapping[str, Sequence[str]], known: Collection[str]) -> list[str]:
    """Prints notices that concern only some variants, each once with the variants' names. Returns them for the record."""
    variants: dict[str, list[str]] = {}
    for name, sentences in found.items():
        for sentence in sentences:
            variants.setdefault(sentence, []).append(name)
    new = {sentence: names for sentence, names in variants.items() if sentence not in known}
    notices = [sentence if len(names) == len(found) else f"{' and '.join(names)}: {sentence}" for sentence, names in new.items()]
    print_notices(notices)
    return notices


def print_notices(sentences: Iterable[str]) -> None:
    """Prints each sentence on a separate line to stderr."""
    console = Console(stderr=True, emoji=False)
    for sentence in sentences:
        console.print(f"note: {sentence}", highlight=False, soft_wrap=True, markup=False)


def print_licence(config: Config) -> None:
    """Prints the terms of the corpus on its first use with this cache."""
    terms = first_use(config.corpus.name, config.corpus.terms(), config.cache)
    if terms:
        head = f"This store uses corpus {config.corpus.name} for the first time; only the licence agreement itself is binding:"
        Console(stderr=True, emoji=False).print(f"{head}\n{terms}", highlight=False, soft_wrap=True, markup=False)


def print_deviations(lists: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Prints where the systems named in these overrides deviate from their papers. Returns their notes for the record."""
    found = named_systems(lists, GROUPS)
    for sentence in (sentence for made in found for sentence in made.not_followed()):
        Console(stderr=True, emoji=False).print(sentence, highlight=False, soft_wrap=True, markup=False)
    return tuple(note for made in found for note in made.notes())
