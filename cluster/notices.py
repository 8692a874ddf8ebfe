"""Prints, on stderr, what a user should know before a study trains: licence, notices of the corpus, settings without effect."""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console

from cluster.trial import plan_once
from ser_core.config import GROUPS, Config
from ser_core.corpus.licences import first_use
from ser_core.plan import Plan
from ser_core.systems.applied import systems_named


def plan_with_notices(config: Config) -> Plan:
    """`plan_once` in the foreground; prints the corpus's licence on first use, and every notice, before anything is trained."""
    planned = plan_once(config, progress=True)
    print_licence(config)
    print_notices([*planned.notices, *_small_batches(planned.config)])
    return planned


def print_notices(sentences: Iterable[str]) -> None:
    """Prints each sentence on a line of its own, on stderr."""
    console = Console(stderr=True)
    for sentence in sentences:
        console.print(f"note: {sentence}", highlight=False, soft_wrap=True, markup=False)


def _small_batches(config: Config) -> Iterator[str]:
    """Which losses over a batch do not see the larger one that accumulation makes."""
    over_batches = [name for name, task in config.tasks.active().items() if task.over_batch]
    if config.optim.accumulate > 1 and over_batches:
        yield (
            f"optim.accumulate={config.optim.accumulate} averages gradients, but the loss of {' and '.join(over_batches)} is "
            f"one over a batch, of {config.optim.batch} utterances as before; a memory of earlier batches (tasks.*.memory) helps"
        )


def print_licence(config: Config) -> None:
    """Prints the terms of the corpus, unless this store has been told them."""
    told = first_use(config.corpus.name, config.corpus.terms(), config.cache)
    if told:
        head = f"corpus {config.corpus.name}, used with this store for the first time; its own agreement is what binds:"
        Console(stderr=True).print(f"{head}\n{told}", highlight=False, soft_wrap=True, markup=False)


def print_deviations(lists: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Prints what is not followed of the systems that these lists of overrides name; returns their notes for the record."""
    found = systems_named(lists, GROUPS)
    for sentence in (sentence for made in found for sentence in made.not_followed()):
        Console(stderr=True).print(sentence, highlight=False, soft_wrap=True, markup=False)
    return tuple(note for made in found for note in made.notes())
