"""What a report says about looks at its test speakers, and at which level a table is judged that was seen before."""

import dataclasses

import pandas as pd
import pytest

from cluster.looks.ledger import looks
from cluster.looks.plan_file import PlanAsked, StudyPlan, plan_sentence, planned_as, write_plan
from cluster.looks.study_looks import look_at, look_partly
from cluster.looks.tested_set import digest_of, hash_tested
from cluster.study_record import StudyRecord
from cluster.trial import Trial
from ser_core.cross_validation.records import RunStore
from ser_core.errors import SettingError
from tests.ablations.conftest import outcome


def predictions_of(speakers, label="anger", text="", **more):
    rows = [(f"{speaker}-{number}", speaker) for speaker in speakers for number in range(3)]
    table = pd.DataFrame(rows, columns=["utterance", "speaker"])
    return table.assign(**{"emotion.target": label, "transcript.target": text, **more})


def study(variants=("concat", "bridge"), seeds=2, split="one", speakers=("s1", "s2"), name="fusion", **tables):
    """The outcomes of a study with one fold per speaker, and its record."""
    found = [
        outcome(variant, seed, fold, {"uar": 0.5}, predictions_of([speaker], **tables), split)
        for variant in variants
        for seed in range(seeds)
        for fold, speaker in enumerate(speakers, start=1)
    ]
    trials = [
        Trial(variant, seed, (), tuple(one.record.key for one in found if (one.variant, one.record.seed) == (variant, seed)))
        for variant in variants
        for seed in range(seeds)
    ]
    record = StudyRecord(f"{name}-1", "ablation", name, "?", "uar", [], trials, f"ser ablate {name} --seeds {seeds}")
    return record, found


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path)


def look(store, *, planned=0, **asked):
    record, found = study(**asked)
    return look_at(record, store, found, planned)


FIRST = "Looks: no earlier table in this store shows test scores of these speakers."


def test_the_first_look_says_so_and_the_same_table_again_is_no_further_look(store):
    for _ in range(3):
        assert look(store).sentences == (FIRST,)
    assert len(looks(store)) == 1


AGAIN = {
    "another split of the same speakers": {"split": "two", "variants": ("mbt", "film")},
    "a letter in a transcript": {"text": "x", "split": "two", "variants": ("mbt", "film")},
    "other variants": {"variants": ("mbt", "film")},
}


@pytest.mark.parametrize("how", AGAIN)
def test_looks_at_the_same_utterances_count_whatever_the_split_is(store, how):
    look(store)
    found = look(store, name="other", **AGAIN[how])
    assert found.number == 1
    assert found.sentences[0].startswith(
        "Looks: 1 earlier table in this store shows test scores of these test speakers, in 4 trained configurations that are not "
        "in this table: `ser ablate fusion --seeds 2` ("
    )


def test_other_labels_or_other_speakers_are_no_look_at_these(store):
    look(store)
    assert look(store, label="joy", name="b").sentences == (FIRST,)
    assert look(store, speakers=("s3", "s4"), name="c").sentences == (FIRST,)
    assert "of 1 of these 2 test speakers" in look(store, speakers=("s2", "s5"), name="d").sentences[0]


def test_looks_after_a_table_was_first_shown_do_not_change_its_report(store):
    first = look(store).sentences
    look(store, variants=("mbt", "film"), name="other")
    assert look(store).sentences == first


@pytest.mark.parametrize(("seeds", "levels"), [((1, 2, 4), (0.05, 0.0125, 0.05 / 9)), ((2, 2), (0.05, 0.05))])
def test_a_study_that_is_extended_spends_error(store, seeds, levels):
    found = [look(store, seeds=count) for count in seeds]
    assert [each.level for each in found] == pytest.approx(levels)
    extended = [any("extended after its table was seen" in sentence for sentence in each.sentences) for each in found]
    assert extended == [level < 0.05 for level in levels]


def test_extending_one_variant_alone_compares_nothing_again(store):
    look(store, variants=("concat", "bridge"))
    assert look(store, variants=("concat", "mbt"), seeds=4, name="other").number == 1


def test_scores_that_a_dashboard_showed_count_for_other_studies_and_are_no_further_table_of_this_one(store):
    record, found = study(seeds=1)
    look_partly(record, store, found)
    look_partly(record, store, found)
    assert [each.kind for _, each in looks(store)] == ["partial"]
    other = look(store, variants=("mbt", "film"), name="other")
    assert "1 earlier table" in other.sentences[0]
    (store.folder / "looks.jsonl").write_text((store.folder / "looks.jsonl").read_text().splitlines()[0] + "\n")
    after = look(store, seeds=2)
    assert after.number == 1 and after.sentences[0] == FIRST


def test_a_cut_ledger_is_told(store):
    look(store)
    look(store, variants=("mbt", "film"), name="other")
    lines = (store.folder / "looks.jsonl").read_text().splitlines()
    (store.folder / "looks.jsonl").write_text(f"{lines[1]}\n")
    said = look(store, variants=("mbt", "film"), name="other").sentences
    assert "lacks 1 line that it once had" in said[-1]


def test_the_tested_set_does_not_depend_on_folds_variants_or_their_order():
    _, found = study()
    _, joined = study(variants=("x",), seeds=1, speakers=("s2", "s1"), split="two")
    assert hash_tested(found) == hash_tested(joined)
    assert digest_of(hash_tested(found)) == digest_of(hash_tested(joined))
    ratings = predictions_of(["s1"]).drop(columns="emotion.target").assign(**{"dimensions.arousal.target": 1.5})
    other = ratings.assign(**{"dimensions.arousal.target": 2.5})
    one, two = (hash_tested([outcome("a", 0, 1, {}, table)]) for table in (ratings, other))
    assert one.keys() == two.keys() and digest_of(one) != digest_of(two)


PLANNED = (PlanAsked("bridge beats concat"),)


def test_a_plan_that_was_kept_says_so_with_its_hash(store):
    record, found = study()
    digest = write_plan(record, store, planned_as(record, *PLANNED))
    assert write_plan(record, store, planned_as(record, *PLANNED)) == digest
    assert [each.kind for _, each in looks(store)] == ["plan"]
    assert look_at(record, store, found, 1).sentences == (FIRST,)
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
    look_at(record, store, found, 2)
    record, found = study(seeds=3)
    assert write_plan(record, store, planned_as(record, asked)) == digest
    second = look_at(record, store, found, 2)
    assert second.level == pytest.approx(0.05 / 2**0.5)
    assert "look 2 of 2 that the plan allows" in second.sentences[1]
    assert "Kept: " in plan_sentence(record, store) and "1 seed at first, 2 looks at p < 0.0354 each" in plan_sentence(
        record, store
    )


def test_planned_looks_share_the_error_rate(store):
    assert [look(store, seeds=count, planned=2).level for count in (1, 2, 3)] == pytest.approx(
        [0.05 / 2**0.5, 0.05 / 2**0.5, 0.05 / 9]
    )


@pytest.mark.parametrize(("hypothesis", "count"), [(" ", 1), ("x", 0)])
def test_a_plan_without_hypothesis_or_looks_is_refused(hypothesis, count):
    with pytest.raises(SettingError, match=r"--plan needs a hypothesis|--looks must be at least 1"):
        StudyPlan(hypothesis, ("a",), "a", ("uar",), "", 1, 1, count)
