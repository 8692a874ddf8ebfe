"""The first points of a search: points you give by hand and the best trial of another study, as answers to the space.

    "model.fusion=bridge model.fusion.tokens=8"  --parameters-->  {"model.fusion": "bridge", "model.fusion.bridge.tokens": 8}
The sampler chooses the parameters that a point leaves open.
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
    """Returns answers for each line of overrides and for the best trial of a study.

    Raises SettingError when the space does not vary a setting.
    """
    starts = [by_hand(space, line) for line in lines]
    return [*starts, best_of(space, start_from, scores)] if start_from else starts


def by_hand(space: Space, line: str) -> dict[str, Any]:
    """Returns the answers that lead to a line of overrides. The space must vary each of them."""
    try:
        given = overrides_by_key(shlex.split(line))
    except ValueError as error:
        raise error if isinstance(error, SettingError) else SettingError(f"--start {line!r}: {error}; close the quotes") from None
    answers = space.parameters(given)
    foreign = sorted(set(given) - set(overrides_by_key(space.overrides(Given(answers)))))
    if foreign or not answers:
        raise SettingError(f"--start {line!r}: the space {space.name} does not vary {', '.join(foreign) or 'any of it'}")
    return answers


def best_of(space: Space, study: str, scores: Scores) -> dict[str, Any]:
    """Returns the answers that lead to the study's best trial by the first objective, for the settings that the space varies."""
    known = [(means[0], trial) for trial in load_study(scores.store, study).trials if (means := scores.means(trial))]
    if not known:
        raise SettingError(f"--start-from {study}: no trial has this objective in all folds; choose another study")
    best = max(known, key=lambda pair: pair[0])[1]
    answers = space.parameters(overrides_by_key(best.overrides))
    if not answers:
        raise SettingError(f"--start-from {study}: its best trial sets nothing that varies in the space {space.name}")
    return answers


def overrides_by_key(overrides: Sequence[str]) -> dict[str, str]:
    """Returns overrides as a mapping, with dotted keys as in a space."""
    pairs = [each.partition("=") for each in expand(overrides, GROUPS)]
    return {key.replace("/", "."): value for key, _, value in pairs}


class Given:
    """Returns the given answers, and an arbitrary answer where none is given."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return self.answers.get(name, high)

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        return self.answers.get(name, high)

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self.answers.get(name, choices[0])
