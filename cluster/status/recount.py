"""Finds the summaries of a store, and counts those again that are missing or older than their study.

studies/*/summary.json  --fresh?-->  Summary          else  study.json + records  --count-->  Summary, written for the next
"""

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import Any

from cluster.status.summary import (
    DAMAGED,
    FAILED,
    FINISHED,
    INTERRUPTED,
    NAME,
    RUNNING,
    STOPPED,
    Failure,
    Summary,
    merged,
    read_summary,
    state_of,
    write_summary,
)
from ser_core.errors import RecordError


def summaries(store: Path) -> list[Summary]:
    """Returns the summary of every study in a store, the latest study first. Their `state` is what holds now.

    A damaged study hides no others: its question says what is wrong.
    """
    files = sorted((store / "studies").glob("*/study.json"), key=lambda file: -file.stat().st_mtime)
    return [_summary_or_damage(file.parent) for file in files]


def _summary_or_damage(folder: Path) -> Summary:
    try:
        return summary_of(folder)
    except RecordError as error:
        return Summary(folder.name, "", "", str(error), "", DAMAGED)


def named_summary(store: Path, wanted: str) -> Summary:
    """Returns the summary of the study with this id, or of the latest with this name. Raises RecordError that lists them."""
    if (folder := store / "studies" / wanted).joinpath("study.json").exists():
        return summary_of(folder)
    known = summaries(store)
    for each in known:
        if each.name == wanted:
            return each
    listed = ", ".join(each.study for each in known) or "none yet"
    raise RecordError(f"no study {wanted!r} in {store}; the store has: {listed}")


def summary_of(folder: Path) -> Summary:
    """Returns the summary of a study. Counts it from the records unless its driver has written a fresh one.

    Raises RecordError when study.json is damaged.
    """
    file, study = folder / NAME, folder / "study.json"
    found = read_summary(file)
    if found:
        found.state = state_of(found, folder)
        if found.state == RUNNING or (found.state != STOPPED and file.stat().st_mtime >= study.stat().st_mtime):
            return _with_others(found, folder)
    counted = recount(folder, found)
    with contextlib.suppress(OSError):  # a store may be read-only
        if counted.state != STOPPED:
            write_summary(counted, file)
    return counted


def _with_others(found: Summary, folder: Path) -> Summary:
    """Adds what further drivers of a search that live have written."""
    files = [read_summary(file) for file in folder.glob(f"{Path(NAME).stem}-*.json")]
    others = [each for each in files if each and state_of(each, folder) == RUNNING]
    return merged(found, others) if others else found


def recount(folder: Path, last: Summary | None = None) -> Summary:
    """Counts a study from study.json and the records. `last` is what a driver wrote before it died, or before the study grew.

    From there comes what only a driver knows: failures, nodes and time spent. Without it, all recorded folds count as spent.
    """
    try:
        study: dict[str, Any] = json.loads((folder / "study.json").read_bytes())
        ended, keys = study.get("ended", {}), _keys(study)
        texts = {field: study[field] for field in ("kind", "name", "question", "command")}
    except (ValueError, KeyError, TypeError) as error:
        raise RecordError(
            f"{folder / 'study.json'} is damaged ({error}); delete it and run the study again; its folds are kept"
        ) from error
    places = {key: folder.parents[1] / "folds" / key / "record.json" for key in keys}
    there = [place for place in places.values() if place.exists()]
    spared = sum(keys[key] in ended for key, place in places.items() if not place.exists())
    failures = sorted((folder / "failures").glob("*.txt"))
    found = last or _spent(there)
    found = Summary(**{**vars(found), **texts, "study": folder.name, "running": [], "estimate": None})
    found.nodes = {name: dataclasses.replace(use, running=0) for name, use in found.nodes.items()}
    found.total, found.done, found.spared = len(keys), len(there), spared
    found.pruned = sum(bool(each["pruned"]) for each in ended.values())
    if last is None:
        found.failures = [Failure(file.stem, "its traceback is in the folder failures of the study", "") for file in failures]
        found.failed = len(failures)
    unfinished = last.state if last and last.state in (INTERRUPTED, FAILED) else FAILED if failures and not last else STOPPED
    found.state = FINISHED if keys and len(there) + spared >= len(keys) else unfinished
    return found


def _keys(study: dict[str, Any]) -> dict[str, str]:
    """Returns the path of each fold of a study below the folder of all folds, with its fingerprint."""
    keys = [key for trial in study["trials"] for key in trial["keys"]]
    return {f"{key['fingerprint']}/{key['split']}/fold-{key['fold']:02d}": key["fingerprint"] for key in keys}


def _spent(records: list[Path]) -> Summary:
    """Returns an empty summary with the time of these records."""
    found = Summary("", "", "", "", "", STOPPED, counted=True)
    for record in records:
        with contextlib.suppress(OSError, ValueError, KeyError):  # the report names damaged records
            fields = json.loads(record.read_bytes())
            found.seconds += fields["seconds"]
            found.gpu_seconds += fields.get("spent", {}).get("gpu_seconds", 0.0)
            found.updated = max(found.updated, record.stat().st_mtime)
    found.cpu_seconds = found.seconds
    return found
