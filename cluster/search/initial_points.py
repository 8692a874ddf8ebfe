"""Where a search starts: points given by hand and the best of another study, as answers that lead to them.

    "model.fusion=bridge model.fusion.tokens=8"  --parameters-->  {"model.fusion": "bridge", "model.fusion.bridge.tokens": 8}
What a point leaves open is chosen by the sampler.
"""

import shlex
from collections.abc import Sequence
from typing import Any

from cluster.search.scores import Scores
from cluster.study_record import load_study
from search_spaces.space import Space
from ser_core.config.override_keys import expand
from ser_core.config.tree import GROUPS
from ser_core.errors import SettingError


def starting_points(space: Space, lines: Sequence[str], start_from: str, scores: Scores) -> list[dict[str, Any]]:
    """Answers for each line of overrides and for the best trial of a study. Raises SettingError for what the space lacks."""
    starts = [by_hand(space, line) for line in lines]
    return [*starts, best_of(space, start_from, scores)] if start_from else starts


def by_hand(space: Space, line: str) -> dict[str, Any]:
    """The answers that lead to a line of overrides, each of which must be one that the space varies."""
    try:
        given = overrides_by_key(shlex.split(line))
    except ValueError as error:
        raise error if isinstance(error, SettingError) else SettingError(f"--start {line!r}: {error}; close the quotes") from None
    answers = space.parameters(given)
    foreign = sorted(set(given) - set(overrides_by_key(space.overrides(Given(answers)))))
    if foreign or not answers:
        raise SettingError(f"--start {line!r}: {', '.join(foreign) or 'nothing'} does not vary in the space {space.name}")
    return answers


def best_of(space: Space, study: str, scores: Scores) -> dict[str, Any]:
    """The answers that lead to the study's best trial by the first objective, as far as the space varies what it sets."""
    known = [(means[0], trial) for trial in load_study(scores.store, study).trials if (means := scores.means(trial))]
    if not known:
        raise SettingError(f"--start-from {study}: none of its trials has all folds with this objective")
    best = max(known, key=lambda pair: pair[0])[1]
    answers = space.parameters(overrides_by_key(best.overrides))
    if not answers:
        raise SettingError(f"--start-from {study}: its best trial sets nothing that varies in the space {space.name}")
    return answers


def overrides_by_key(overrides: Sequence[str]) -> dict[str, str]:
    """Overrides as a mapping, keys with dots as a space writes them."""
    pairs = [each.partition("=") for each in expand(overrides, GROUPS)]
    return {key.replace("/", "."): value for key, _, value in pairs}


class Given:
    """Gives these answers and, for what they leave open, any."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return self.answers.get(name, high)

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        return self.answers.get(name, high)

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self.answers.get(name, choices[0])
