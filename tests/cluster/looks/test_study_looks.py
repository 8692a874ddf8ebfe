"""What a report says about looks at its test speakers, and at which level a table is judged that was seen before."""

import json

import pytest

from cluster.looks.ledger import looks
from cluster.looks.study_looks import Judgement, look_at, look_partly
from cluster.looks.tested_set import digest_of, hash_tested, shortened
from tests.ablations.conftest import outcome
from tests.cluster.looks.conftest import FIRST, look, predictions_of, study


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
    extended = [any("These variants were compared before" in sentence for sentence in each.sentences) for each in found]
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
    after = look(store, seeds=1)
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


DEFAULT = Judgement(("uar", "ccc.valence", "ccc.arousal", "ccc.dominance"), 0.02)
OTHERWISE = {
    "fewer metrics": Judgement(("uar",), 0.02),
    "another margin": Judgement(DEFAULT.metrics, 0.9),
    "another metric": Judgement(("wa",), 0.02),
}


@pytest.mark.parametrize("how", OTHERWISE)
def test_a_table_that_is_judged_differently_says_so_and_counts_all_tests_so_far(store, how):
    three = ("concat", "bridge", "film")
    first = look(store, variants=three, judged=DEFAULT)
    assert (first.tests, first.sentences) == (8, (FIRST,))
    second = look(store, variants=three, judged=OTHERWISE[how])
    assert second.tests == (10 if how == "another metric" else 8)
    assert "Judged differently from the first table (UAR, V, A, D; margin 2): read this as exploratory." in second.sentences
    assert any(sentence.startswith(f"Holm counts {second.tests} tests") for sentence in second.sentences) == (
        how != "another margin"
    )
    assert (second.number, second.level) == (1, 0.05)
    assert [(each.metrics, each.margin) for _, each in looks(store)] == [
        (list(each.metrics), each.margin) for each in (DEFAULT, OTHERWISE[how])
    ]
    assert look(store, variants=three, judged=OTHERWISE[how]) == second and len(looks(store)) == 2
    assert look(store, variants=three, judged=DEFAULT) == first and len(looks(store)) == 2


def test_a_table_that_is_judged_differently_is_one_table_for_others(store):
    for judged in (DEFAULT, *OTHERWISE.values()):
        look(store, judged=judged)
    assert look(store, variants=("mbt", "film"), name="other", judged=DEFAULT).sentences[0].startswith("Looks: 1 earlier table ")


def test_dropping_variants_drops_no_tests(store):
    look(store, variants=("concat", "bridge", "film", "mbt"), judged=Judgement(("uar",)))
    second = look(store, judged=Judgement(("uar",)), name="other")
    assert (second.number, second.tests) == (1, 3)
    assert look(store, variants=("xnorm", "mult"), judged=Judgement(("uar",)), name="third").tests == 1


@pytest.mark.parametrize("change", [None, '{"x": ["0123456789abcdef"]}'])
def test_a_tested_set_that_is_missing_or_changed_counts_as_the_same_speakers(store, change):
    look(store, speakers=("s8", "s9"), name="other")
    (file,) = (store.folder / "looks").glob("*.json")
    file.unlink() if change is None else file.write_text(change)
    found = look(store)
    assert found.sentences[0].startswith("Looks: 1 earlier table in this store shows test scores of these test speakers")
    assert f"1 tested set of earlier looks is missing or changed (looks/{file.name})" in found.sentences[-1]
    look(store, speakers=("s8", "s9"), name="other")
    assert look(store).sentences == (FIRST,)


def test_a_study_that_lost_its_line_is_told_there_and_elsewhere(store):
    record, _ = study()
    look(store)
    (record.folder(store) / "report.html").write_text("")
    (record.folder(store) / "looks.json").unlink()
    (store.folder / "looks.jsonl").unlink()
    for asked in ({"variants": ("mbt", "film"), "name": "other"}, {}, {}, {"variants": ("x", "y"), "name": "third"}):
        assert "1 study showed test scores without a line in the ledger of looks (fusion-1)" in look(store, **asked).sentences[-1]


def test_sets_of_earlier_versions_match_by_the_beginning_of_their_hashes(store):
    tested = hash_tested(study()[1])
    assert {len(each) for group in tested.values() for each in group} == {16}
    look(store)
    file = store.folder / "looks.jsonl"
    short = shortened(tested)
    assert {len(each) for group in short.values() for each in group} == {8}
    (store.folder / "looks" / f"{digest_of(short)}.json").write_text(json.dumps(short))
    file.write_text(file.read_text().replace(digest_of(tested), digest_of(short)))
    assert look(store).number == 1 and len(looks(store)) == 1
    assert look(store, seeds=3).number == 2
    assert "of 1 of these 2 test speakers" in look(store, variants=("x", "y"), speakers=("s2", "s5"), name="d").sentences[0]


def test_one_command_that_shows_a_choice_and_what_it_was_chosen_from_is_one_table(store):
    record, found = study(("as given", "chosen"), name="selected")
    look_at(record, store, found)
    for variants in (("as given",), ("away",)):
        part, outcomes = study(variants, name="selected")
        look_partly(part, store, outcomes)
    assert [each.kind for _, each in looks(store)] == ["table", "partial"]
    said = look(store, variants=("mbt", "film"), name="other").sentences[0]
    assert said.startswith("Looks: 1 earlier table in this store shows") and "in 6 trained configurations" in said
