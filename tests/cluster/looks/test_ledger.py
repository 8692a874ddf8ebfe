"""Looks are kept for good: in order, chained by hash, so that a deleted or changed line shows."""

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from cluster.looks.ledger import TABLE, Look, add_look, looks, merge_looks, missing_lines, read_set, unrecorded_studies
from cluster.looks.tested_set import digest_of
from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError

TESTED = {"s1": ["u1", "u2"]}
SET = digest_of(TESTED)
LOOK = Look(TABLE, "2026-01-01T00:00:00+00:00", "ser ablate fusion", "fusion-1", {"a": ["f1"], "b": ["f2"]}, 20, SET)


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "store")


def add(store, number, study="one"):
    look = dataclasses.replace(LOOK, command=f"ser {number}", study=study)
    return add_look(store, look, store.folder / "studies" / study, TESTED)


def lines_of(store):
    return (store.folder / "looks.jsonl").read_text().splitlines()


def test_looks_come_back_in_order_with_their_hash_tested(store):
    assert looks(store) == []
    add(store, 1)
    known = add(store, 2)
    assert looks(store) == known
    assert [look.command for _, look in known] == ["ser 1", "ser 2"]
    assert known[1][1].previous == known[0][0]
    assert read_set(store, SET) == {"s1": {"u1", "u2"}}
    assert missing_lines(store, known) == 0


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("damage", ["deleted", "changed"])
def test_a_line_that_is_deleted_or_changed_is_missed(store, place, damage):
    for number in range(3):
        add(store, number)
    lines = lines_of(store)
    kept = lines[:place] + ([] if damage == "deleted" else [lines[place].replace("ser ablate", "x").replace('"ser ', '"SER ')])
    (store.folder / "looks.jsonl").write_text("\n".join([*kept, *lines[place + 1 :]]) + "\n")
    assert missing_lines(store, looks(store)) == 1


def test_a_ledger_that_is_deleted_is_missed(store):
    add(store, 1)
    (store.folder / "looks.jsonl").unlink()
    assert missing_lines(store, looks(store)) == 1


def test_lines_of_another_store_are_added_once_and_keep_their_chain(store, tmp_path):
    other = RunStore(tmp_path / "other")
    add(store, 1)
    for number in (2, 3):
        add(other, number)
    for _ in range(2):
        merge_looks(store, (other.folder / "looks.jsonl").read_bytes())
    assert [look.command for _, look in looks(store)] == ["ser 1", "ser 2", "ser 3"]
    assert missing_lines(store, looks(store)) == 0


def test_no_look_is_lost_when_several_are_added_at_once(store):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: add(RunStore(store.folder), number, f"s{number}"), range(40)))
    known = looks(store)
    assert sorted(int(look.command.split()[1]) for _, look in known) == list(range(40))
    assert missing_lines(store, known) == 0


@pytest.mark.parametrize("line", ["{}", "no JSON", json.dumps({"kind": "table"})])
def test_a_damaged_ledger_is_named(store, line):
    store.folder.mkdir(parents=True)
    (store.folder / "looks.jsonl").write_text(f"{line}\n")
    with pytest.raises(RecordError, match=r"looks\.jsonl is damaged"):
        looks(store)


def test_lines_of_earlier_versions_are_read(store):
    store.folder.mkdir(parents=True)
    fields = {name: value for name, value in dataclasses.asdict(LOOK).items() if name in EARLIER}
    (store.folder / "looks.jsonl").write_text(json.dumps(fields) + "\n")
    ((_, look),) = looks(store)
    assert look == LOOK and (look.metrics, look.margin, look.planned) == ((), 0, 0)


EARLIER = ("kind", "when", "command", "study", "configurations", "folds", "tested", "content", "previous")
CHANGES = {"deleted": None, "damaged": "{", "emptied": "{}", "changed": '{"s1": ["u1", "u3"]}', "no set": "[]"}


@pytest.mark.parametrize("how", CHANGES)
def test_a_set_that_is_missing_or_changed_is_not_read_and_the_next_look_writes_it_again(store, how):
    add(store, 1)
    file = store.folder / "looks" / f"{SET}.json"
    file.unlink() if CHANGES[how] is None else file.write_text(CHANGES[how])
    assert read_set(store, SET) is None
    add(store, 2)
    assert read_set(store, SET) == {"s1": {"u1", "u2"}}


FOLDERS = {
    "report": ({"report.html": ""}, True),
    "evaluation": ({"evaluation.json": ""}, True),
    "table of an ablation": ({"study.json": '{"kind": "ablation"}', "table.csv": ""}, True),
    "dashboard of an ablation": ({"study.json": '{"kind": "ablation"}', "shown.json": ""}, True),
    "dashboard of a search": ({"study.json": '{"kind": "search"}', "shown.json": ""}, False),
    "table over studies": ({"table.csv": ""}, False),
    "study that has not begun": ({"study.json": '{"kind": "ablation"}'}, False),
}


@pytest.mark.parametrize("what", FOLDERS)
def test_a_study_that_showed_test_scores_without_a_line_is_found(store, what):
    files, expected = FOLDERS[what]
    for study in ("one", "other"):
        folder = store.folder / "studies" / study
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_text(content)
    assert unrecorded_studies(store, add(store, 1)) == (["other"] if expected else [])
