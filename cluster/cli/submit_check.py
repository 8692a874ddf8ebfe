"""Checks the words of `ser submit` before they are sent, so that a mistake shows now and not after an hour in a queue.

words --ser's own parser--> options and overrides --> study, space, storage and every override: all that needs no corpus
"""

from collections.abc import Mapping, Sequence
from typing import Any

from typer.core import TyperGroup

from ablations.modes import Mode
from ablations.study import combine
from ablations.study_from_command import study_from_words
from ablations.variant import Variant
from cluster.search.objectives import Goal
from cluster.search.pruners import chosen_pruner
from cluster.search.samplers import chosen_sampler
from cluster.search.shared_study import check_storage
from cluster.tune.resources import listed_overrides, split_overrides
from search_spaces.space import chosen_space
from search_spaces.spaces import SPACES
from ser_core.config.compose import compose
from ser_core.errors import SettingError, nearest


def check_command(group: Any, words: Sequence[str]) -> None:
    """Raises a usage error or SettingError for words that `ser` itself would refuse before it reads the corpus.

    `group` is the command line of `ser`.
    """
    assert isinstance(group, TyperGroup)
    if words[0] not in group.commands:
        raise SettingError(f"ser has no command {words[0]!r}{nearest(words[0], group.commands)}; `ser --help` lists them")
    with group.make_context("ser", list(words[:1]), resilient_parsing=True) as context:
        name, command, rest = group.resolve_command(context, list(words))
        while isinstance(command, TyperGroup) and rest:
            name, command, rest = command.resolve_command(context, rest)
        if command and not isinstance(command, TyperGroup):
            _check_options(str(name), command.make_context(name, rest, parent=context).params)


def _check_options(name: str, options: Mapping[str, Any]) -> None:
    """Raises SettingError for options of a command that cannot work, whatever the corpus is."""
    given, fixed = list(options.get("overrides") or []), Variant(name, ())
    if name == "ablate":
        study, factors = options["study"], options["factor"] or []
        first = [study] if study.startswith("submit.") else []  # with --factor, an override stands in the place of a study
        chosen, given = study_from_words("" if first else study, given, factors, options["design"], options["resolution"])
        fixed = Variant(chosen.name, chosen.fixed)
        mode = Mode(options["mode"], options["space"], options["trials"])
        if mode.name == "retuned":
            chosen_space(mode.space, SPACES)
    if name == "search":
        space = chosen_space(options["space"], SPACES)
        fixed = Variant(space.name, space.fixed)
        chosen_sampler(options["sampler"])
        Goal.read(options["objective"] or [], options["constraint"] or [])
        if options["pruning"]:
            chosen_pruner(options["pruning"])
        if options["storage"]:
            check_storage(options["storage"])
    if options.get("seeds", 1) < 1:
        raise SettingError(f"--seeds must be at least 1, got {options['seeds']}")
    listed = [each for word in given for each in (listed_overrides(word[1:]) if word.startswith("@") else [word])]
    base = split_overrides([override for override in listed if not override.startswith("submit.")])[0]
    # A study or space may set the system to which your overrides belong.
    compose(combine(base, fixed))
