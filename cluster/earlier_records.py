"""Finds studies that an earlier version of the program trained, to explain why their folds train again."""

from collections.abc import Sequence

import ser_core
from cluster.study_record import StudyRecord, studies
from ser_core.cross_validation.records import RunStore


def earlier_versions(record: StudyRecord, store: RunStore) -> list[str]:
    """Returns a sentence when the store holds this study only as an earlier version trained it, and [] otherwise."""
    known = [each for each in studies(store) if _question(each) == _question(record)]
    if not known or record.id in {each.id for each in known}:
        return []
    program = next((store.load(key).environment.get("program") for key in known[0].keys if key in store), None)
    if program in (None, str(ser_core.EDITION)):
        return []
    return [
        f"{known[0].id} in {store.folder} was trained by an earlier version of Bridgework. This version does not reuse its "
        f"folds and trains them again. The earlier table stays available: ser report {known[0].id}"
    ]


def _question(record: StudyRecord) -> tuple[str, str, Sequence[str], str]:
    return record.kind, record.name, record.base, record.mode
