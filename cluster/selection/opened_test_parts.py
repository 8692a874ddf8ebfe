"""Records each time a selection opens test parts. The record is permanent, since only the first look is unbiased.

<store>/openings.jsonl      one line per opening: time, command, study, split, choice
"""

import dataclasses
import datetime
import json
from collections.abc import Sequence

from filelock import FileLock

from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError


@dataclasses.dataclass(frozen=True)
class Opening:
    """One look at the test parts of a choice."""

    when: str
    """Time in UTC, to the second."""
    command: str
    study: str
    split: str
    chosen: tuple[str, ...]
    """Fingerprints of the chosen configurations."""


def openings(store: RunStore) -> list[Opening]:
    """Returns all openings, oldest first. Raises RecordError when the file is damaged."""
    file = store.folder / "openings.jsonl"
    if not file.exists():
        return []
    try:
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        return [Opening(**{**line, "chosen": tuple(line["chosen"])}) for line in lines]
    except (ValueError, TypeError, KeyError) as error:
        raise RecordError(
            f"{file} is damaged ({error}): it records how often test parts were opened; repair it by hand"
        ) from error


def record_opening(store: RunStore, command: str, study: str, split: str, chosen: Sequence[str]) -> list[Opening]:
    """Records an opening before it happens, and returns all openings."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    own = Opening(now, command, study, split, tuple(chosen))
    with FileLock(store.folder / ".openings.lock"):
        known = openings(store)
        with (store.folder / "openings.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(dataclasses.asdict(own)) + "\n")
    return [*known, own]


def opening_sentence(known: Sequence[Opening]) -> str:
    """Returns a sentence on how often this choice and others over the same folds have been opened."""
    own = known[-1]
    same = [each for each in known if each.chosen == own.chosen and each.split == own.split]
    others = {each.chosen for each in known if each.split == own.split} - {own.chosen}
    first = f"The test parts of this choice were first opened on {same[0].when} by `{same[0].command}`"
    times = ", just now." if len(same) == 1 else f", and {len(same)} times in all."
    if not others:
        return first + times
    return (
        f"{first}{times} Before or since, {len(others)} other choice{'s' * (len(others) != 1)} over the same folds "
        f"{'was' if len(others) == 1 else 'were'} opened too: choosing among them by test score is selection on the test part."
    )
