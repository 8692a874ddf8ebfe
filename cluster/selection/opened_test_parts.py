"""When a selection broke the seal of test parts: noted for good, since only the first look is at speakers nobody looked at.

<store>/openings.jsonl      a line each: when, by which command, which study, which split, what was chosen
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
    """UTC, to the second."""
    command: str
    study: str
    split: str
    chosen: tuple[str, ...]
    """Fingerprints."""


def openings(store: RunStore) -> list[Opening]:
    """All of them, the first first. Raises RecordError when the file is damaged."""
    file = store.folder / "openings.jsonl"
    if not file.exists():
        return []
    try:
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        return [Opening(**{**line, "chosen": tuple(line["chosen"])}) for line in lines]
    except (ValueError, TypeError, KeyError) as error:
        raise RecordError(
            f"{file} is damaged ({error}): it says how often test parts were opened; put it right by hand"
        ) from error


def record_opening(store: RunStore, command: str, study: str, split: str, chosen: Sequence[str]) -> list[Opening]:
    """Notes a look before it is taken, and returns all looks."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    own = Opening(now, command, study, split, tuple(chosen))
    with FileLock(store.folder / ".openings.lock"):
        known = openings(store)
        with (store.folder / "openings.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(dataclasses.asdict(own)) + "\n")
    return [*known, own]


def opening_sentence(known: Sequence[Opening]) -> str:
    """What the last opening is worth, as a sentence."""
    own = known[-1]
    same = [each for each in known if each.chosen == own.chosen and each.split == own.split]
    others = {each.chosen for each in known if each.split == own.split} - {own.chosen}
    first = f"The test parts of this choice were first opened on {same[0].when} by `{same[0].command}`"
    times = "; this is that time." if len(same) == 1 else f", and {len(same)} times in all."
    if not others:
        return first + times
    return (
        f"{first}{times} Before or since, {len(others)} other choice{'s' * (len(others) != 1)} over the same folds "
        f"{'was' if len(others) == 1 else 'were'} opened too: whoever picks among them by test score selects on the test part."
    )
