"""Tells what a corpus asks of those who use it: on stderr, the first time that a store uses it."""

from rich.console import Console

from cluster.trial import plan_once
from ser_core.config import Config
from ser_core.corpus.licences import first_use
from ser_core.cross_validate import Plan


def plan_and_tell(config: Config) -> Plan:
    """`plan_once` in the foreground, then the terms: before anything is trained, and not for a corpus that is not there."""
    planned = plan_once(config, progress=True)
    tell_terms(config)
    return planned


def tell_terms(config: Config) -> None:
    """Prints the terms of the corpus, unless this store has been told them."""
    told = first_use(config.corpus.name, config.corpus.terms(), config.cache)
    if told:
        head = f"corpus {config.corpus.name}, used with this store for the first time; its own agreement is what binds:"
        Console(stderr=True).print(f"{head}\n{told}", highlight=False, soft_wrap=True, markup=False)
