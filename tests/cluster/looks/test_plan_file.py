"""A plan is written before the first table, and covers its variants whatever study shows them."""

import dataclasses
import json

import pytest

from cluster.looks.ledger import looks
from cluster.looks.plan_file import PlanAsked, StudyPlan, plan_sentence, planned_as, write_plan
from cluster.looks.study_looks import Judgement, look_at
from ser_core.errors import SettingError
from tests.cluster.looks.conftest import FIRST, look, study

PLANNED = (PlanAsked("bridge beats concat"),)


def test_a_plan_that_was_kept_says_so_with_its_hash(store):
    record, found = study()
    digest = write_plan(record, store, planned_as(record, *PLANNED))
    assert write_plan(record, store, planned_as(record, *PLANNED)) == digest
    assert [each.kind for _, each in looks(store)] == ["plan"]
    assert look_at(record, store, found).sentences == (FIRST,)
    said = plan_sentence(record, store)
    metrics = "uar and every dimension that is trained"
    assert f"(sha256 {digest[:12]}): bridge beats concat. Kept: {metrics}, margin 0.02, 2 folds, 2 seeds, one look." in said


BROKEN = {
    "metric": (dataclasses.replace(study()[0], metrics=("ccc.valence",)), "metrics ccc.valence instead of uar and every"),
    "margin": (dataclasses.replace(study()[0], margin=0.05), "margin 0.05 instead of 0.02"),
    "seeds": (study(seeds=3)[0], "seeds 3 instead of 2"),
    "variants": (study(("concat", "mbt"))[0], "variants concat, mbt instead of concat, bridge"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_plan_that_was_not_kept_says_in_what(store, what):
    record, _ = study()
    write_plan(record, store, planned_as(record, *PLANNED))
    shown, expected = BROKEN[what]
    said = plan_sentence(shown, store)
    assert "Not kept: " in said and expected in said


def test_a_plan_that_was_changed_afterwards_is_told(store):
    record, _ = study()
    write_plan(record, store, planned_as(record, *PLANNED))
    file = record.folder(store) / "plan.json"
    file.write_text(file.read_text().replace("bridge beats concat", "concat beats bridge"))
    assert plan_sentence(record, store).startswith("Plan: not the one that was written before training")


def test_a_plan_comes_before_the_first_table_and_is_not_replaced(store):
    record, found = study()
    look_at(record, store, found)
    with pytest.raises(SettingError, match="a plan must come before the first table, and `ser ablate fusion"):
        write_plan(record, store, planned_as(record, *PLANNED))
    other, _ = study(("mbt", "film"), name="other")
    write_plan(other, store, planned_as(other, *PLANNED))
    with pytest.raises(SettingError, match="has another plan already"):
        write_plan(other, store, dataclasses.replace(planned_as(other, *PLANNED), looks=2))


def test_a_plan_of_several_looks_is_kept_while_seeds_are_added(store):
    asked = PlanAsked("bridge beats concat", 2)
    record, found = study(seeds=1)
    digest = write_plan(record, store, planned_as(record, asked))
    first = look_at(record, store, found)
    assert first.level == pytest.approx(0.05 / 2**0.5)
    assert "This is look 1 of 2 that the plan allows; each is judged at p < 0.0354." in first.sentences
    record, found = study(seeds=3)
    assert write_plan(record, store, planned_as(record, asked)) == digest
    second = look_at(record, store, found)
    assert second.level == pytest.approx(0.05 / 2**0.5)
    assert "look 2 of 2 that the plan allows" in second.sentences[1]
    assert "Kept: " in plan_sentence(record, store) and "1 seed at first, 2 looks at p < 0.0354 each" in plan_sentence(
        record, store
    )


def test_planned_looks_share_the_error_rate(store):
    assert [look(store, seeds=count, plan=2 * (count == 1)).level for count in (1, 2, 3)] == pytest.approx(
        [0.05 / 2**0.5, 0.05 / 2**0.5, 0.05 / 9]
    )


@pytest.mark.parametrize(("hypothesis", "count"), [(" ", 1), ("x", 0)])
def test_a_plan_without_hypothesis_or_looks_is_refused(hypothesis, count):
    with pytest.raises(SettingError, match=r"--plan needs a hypothesis|--looks must be at least 1"):
        StudyPlan(hypothesis, ("a",), "a", ("uar",), "", 1, 1, count)


FOUR = ("concat", "bridge", "film", "mbt")
ESCAPES = {
    "dropped variants": {"variants": ("concat", "bridge"), "name": "other"},
    "a new variant": {"variants": ("concat", "bridge", "xnorm"), "name": "other"},
    "folds of another seed": {"variants": FOUR, "folds": "7", "split": "two", "name": "other"},
}


@pytest.mark.parametrize("how", ESCAPES)
def test_a_plan_covers_other_studies_of_its_variants(store, how):
    usual = Judgement(("uar", "wa"), 0.02, ("uar", "wa"))
    assert look(store, variants=FOUR, plan=2, judged=usual).tests == 6
    found = look(store, judged=usual, **ESCAPES[how])
    assert found.level == pytest.approx(0.05 / 2**0.5) and found.tests >= 6
    (said,) = [sentence for sentence in found.sentences if sentence.startswith("Plan of ")]
    covered = 4 if "folds" in how else 2
    assert "for fusion-1 (sha256 " in said and "): bridge beats concat. It covers" in said
    assert f"It covers {covered} of these variants and holds here, too: 2 looks at p < 0.0354." in said


def test_a_plan_without_its_file_still_holds(store):
    record, found = study()
    look(store, plan=2)
    (record.folder(store) / "plan.json").unlink()
    again = look_at(record, store, found)
    assert again.level == pytest.approx(0.05 / 2**0.5)
    assert "its plan.json is missing or was changed" in again.sentences[-1]


def test_a_plan_does_not_cover_the_same_settings_on_other_speakers(store):
    look(store, variants=FOUR, plan=2)
    found = look(store, variants=FOUR, folds="7", split="two", speakers=("s8", "s9"), name="other")
    assert (found.level, found.sentences) == (0.05, (FIRST,))


def test_a_table_that_is_judged_differently_from_its_plan_says_so(store):
    found = look(store, plan=1, judged=Judgement(("ccc.valence",), 0.02, ("uar", "ccc.valence")))
    assert "Judged differently from the plan (UAR, V; margin 2): read this as exploratory." in found.sentences


def test_a_plan_after_the_same_comparison_under_other_folds_says_so(store):
    look(store, folds="7", split="two", name="other")
    record, _ = study()
    assert look(store, plan=1).late_plan
    assert "written after these variants were compared on some of these speakers" in plan_sentence(record, store, late=True)


def test_a_plan_of_an_earlier_version_holds(store):
    record, found = study()
    digest = write_plan(record, store, planned_as(record, PlanAsked("bridge beats concat", 2)))
    file = store.folder / "looks.jsonl"
    line = {name: value for name, value in json.loads(file.read_text()).items() if name not in ("metrics", "margin", "planned")}
    file.write_text(json.dumps(line) + "\n")
    again = look_at(record, store, found)
    assert digest and again.level == pytest.approx(0.05 / 2**0.5)
