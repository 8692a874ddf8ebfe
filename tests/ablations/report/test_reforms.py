"""The REFORMS checklist: all 32 items in order, filled in from the records, and what no record knows is left to the authors."""

import re

import pytest

from ablations.pairing import pair
from ablations.report.reforms import AUTHORS, ITEMS, reforms_checklist
from ablations.report.tables import study_table

NUMBERS = [f"{module}{letter}" for module, count in enumerate((3, 5, 7, 3, 6, 3, 3, 2), start=1) for letter in "abcdefg"[:count]]


@pytest.fixture(scope="module")
def page(spoken):
    study = pair(spoken({"concat": 0.5, "bridge": 0.9}), metric="uar")
    table = study_table(study, "fusion", "Does fusion matter?", command="ser ablate fusion", redraws=50)
    return reforms_checklist(table, ["Looks: none before."])


def test_all_items_of_the_checklist_stand_in_order(page):
    assert len(NUMBERS) == 32
    assert [item.number for items in ITEMS.values() for item in items] == NUMBERS
    assert re.findall(r"^- \*\*(\d\w) ", page, re.M) == NUMBERS


ANSWERED = {
    "1a": "Does fusion matter?",
    "2a": "spoken by a synthesiser",
    "2e": "`ser ablate fusion`",
    "3e": "train 80 to 80, dev 10 to 10, test 20 to 20",
    "5a": "concat (1,000 parameters); bridge (1,000 parameters)",
    "5c": "6 folds x 2 seeds",
    "5d": "Looks: none before.",
    "7a": "Verdicts: UAR.",
    "7c": "bridge: different: better by",
}


@pytest.mark.parametrize("number", ANSWERED)
def test_items_are_answered_from_the_records(page, number):
    line = next(line for line in page.splitlines() if line.startswith(f"- **{number} "))
    assert ANSWERED[number] in line and AUTHORS not in line


def test_motives_are_left_to_the_authors(page):
    left = [line[4:6] for line in page.splitlines() if line.endswith(AUTHORS)]
    assert left == ["1b", "1c", "3b", "3c", "3d", "3g", "5b", "8b"], "the card of these records names no classes"


def test_no_sentence_ends_twice(page):
    assert not re.search(r"\.\.| \. |\(\)", page)
