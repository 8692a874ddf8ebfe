"""The REFORMS checklist: all 32 items in order, filled in from the records, and what no record knows is left to the authors."""

import dataclasses
import re

import pytest

from ablations.pairing import pair
from ablations.report.reforms import AUTHORS, ITEMS, reforms_checklist
from ablations.report.tables import study_table
from ablations.statistics.compare import compare_all

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
    "7c": "bridge, UAR: different: better by",
    "2b": "version 0.1.0",
}


@pytest.mark.parametrize("number", ANSWERED)
def test_items_are_answered_from_the_records(page, number):
    line = next(line for line in page.splitlines() if line.startswith(f"- **{number} "))
    assert ANSWERED[number] in line and AUTHORS not in line


def answers(study, command="ser ablate x"):
    lines = reforms_checklist(study_table(study, "t", "q?", command=command, redraws=50)).splitlines()
    return {line[4:6]: line.partition("** ")[2] for line in lines if line.startswith("- **")}


def test_every_metric_with_a_verdict_is_named_with_its_verdicts(spoken):
    study = dataclasses.replace(pair(spoken({"a": 0.5, "b": 0.9})), further_metrics=("ccc.valence", "wa"))
    found, compared = answers(study), compare_all(study)
    assert found["7a"].startswith("Verdicts: UAR, V, WA. ")
    for metric, name in (("uar", "UAR"), ("ccc.valence", "V"), ("wa", "WA")):
        assert f"b, {name}: {compared[metric]['b'].verdict}" in found["7c"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("ser select search-weights --top 5 --seeds 3", "By a search"),
        ("ser ablate fusion --seeds 2 --mode retuned --space optimiser", "Each variant had its own search"),
        ("ser ablate fusion --seeds 2", "nothing was searched"),
        ("ser run corpus=demo", "nothing was searched"),
    ],
)
def test_hyperparameters_come_from_where_the_command_says(spoken, command, said):
    assert said in answers(pair(spoken({"a": 0.5})), command)["5e"]


@pytest.mark.parametrize(
    ("speech", "text", "said"),
    [
        ("logmel", "none", "Inputs are audio; labels are no input."),
        ("none", "words", "Inputs are text (spoken words); labels are no input."),
        ("logmel", "words", "Inputs are audio and text (spoken words); labels are no input."),
    ],
)
def test_inputs_are_the_channels_that_the_models_read(scored, speech, text, said):
    config = {"model": {"speech": {"name": speech}, "text": {"name": text}}, "audio": {}}
    assert answers(pair(scored({"a": [0.5, 0.6], "b": [0.4, 0.7]}, config=config)))["6c"] == said


def test_one_split_is_no_cross_validation_and_scales_are_no_counts(spoken, scored):
    assert answers(pair(spoken({"a": 0.5, "b": 0.9}, folds=1)))["5c"].startswith("One split into training and test part")
    card = {"corpus": "demo", "protocol": "lospo", "emotions": {"joy": 7, "anger": 5}, "dimensions": {"valence": [1, 5]}}
    found = answers(pair(scored({"a": [0.5, 0.6]}, card=card)))
    assert found["5c"].startswith("Cross-validation. ")
    assert found["3d"] == "Utterances per class: joy 7, anger 5. Ratings: valence from 1 to 5"


def test_motives_are_left_to_the_authors(page):
    left = [line[4:6] for line in page.splitlines() if line.endswith(AUTHORS)]
    assert left == ["1b", "1c", "3b", "3c", "3d", "3g", "5b", "6c", "8b"], "these records name neither classes nor channels"


def test_no_sentence_ends_twice(page):
    assert not re.search(r"\.\.| \. |\(\)", page)
