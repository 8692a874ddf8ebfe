"""Looks at test parts are noted for good, in order, by several processes, and told as they are."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from cluster.selection.opened_test_parts import opening_sentence, openings, record_opening
from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError


def test_looks_are_counted_and_the_first_is_told_apart(tmp_path):
    store = RunStore(tmp_path)
    assert openings(store) == []
    first = record_opening(store, "ser select a", "selected-a", "split", ["f1"])
    assert (
        opening_sentence(first)
        == f"The test parts of this choice were first opened on {first[0].when} by `ser select a`, just now."
    )
    again = record_opening(store, "ser select a", "selected-a", "split", ["f1"])
    assert opening_sentence(again).endswith("and 2 times in all.")
    elsewhere = record_opening(store, "ser select a", "selected-a", "other split", ["f3"])
    assert "other choice" not in opening_sentence(elsewhere)
    other = record_opening(store, "ser select b", "selected-b", "split", ["f2"])
    assert "just now. Before or since, 1 other choice over the same folds was opened too" in opening_sentence(other)
    assert openings(store) == other
    assert [json.loads(line)["study"] for line in (tmp_path / "openings.jsonl").read_text().splitlines()][-1] == "selected-b"


def test_no_look_is_lost_when_several_are_noted_at_once(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: record_opening(RunStore(tmp_path), f"{number}", "s", "split", ["f"]), range(40)))
    assert sorted(int(each.command) for each in openings(RunStore(tmp_path))) == list(range(40))


def test_a_damaged_note_is_named(tmp_path):
    (tmp_path / "openings.jsonl").write_text("{}\n")
    with pytest.raises(RecordError, match=r"openings\.jsonl is damaged"):
        openings(RunStore(tmp_path))
