"""Which looks are further looks at the same comparison, whatever was changed in between."""

import json

import pytest

from cluster.looks.study_looks import look_at, look_partly
from tests.cluster.looks.conftest import look, study

AGAIN_COMPARED = {
    "an utterance dropped": {"dropped": 1},
    "folds of another seed": {"folds": "7", "split": "two"},
    "more seeds": {"seeds": 3},
    "fewer seeds": {"seeds": 1},
    "other folds of fewer variants": {"folds": "7", "split": "two", "variants": ("concat", "bridge")},
    "more of the speakers": {"speakers": ("s1", "s2", "s3"), "split": "two"},
}


@pytest.mark.parametrize("how", AGAIN_COMPARED)
def test_a_further_look_at_the_same_comparison_spends_error_whatever_was_changed(store, how):
    look(store, variants=("concat", "bridge", "film"))
    changes = dict(AGAIN_COMPARED[how])
    record, found = study(**{"variants": ("concat", "bridge", "film"), "name": "other", **changes_of(changes)})
    second = look_at(record, store, found)
    assert (second.number, second.level) == (2, pytest.approx(0.0125))
    assert "with other seeds, folds or utterances: this is look 2" in second.sentences[1]
    assert look_at(record, store, found) == second


def changes_of(changes):
    """The arguments of `study`: a dropped utterance is one with another label."""
    return {"label": ["joy", "anger", "anger"]} if changes.pop("dropped", 0) else changes


def test_a_look_at_other_speakers_or_other_variants_spends_none(store):
    look(store)
    assert look(store, speakers=("s8", "s9"), split="two", name="other").number == 1
    assert look(store, variants=("concat", "film"), folds="7", name="third").number == 1


def test_a_partial_look_spends_error_unless_the_study_is_finished_as_it_began(store):
    record, found = study(seeds=5)
    look_partly(record, store, found)
    assert look(store, seeds=5).number == 1
    assert look(store, seeds=2).number == 2


def test_each_further_look_counts_once(store):
    for variants in (("concat", "bridge", "film"), ("concat", "bridge")):
        look(store, variants=variants, seeds=1, name="-".join(variants))
    assert look(store, variants=("concat", "bridge", "film"), seeds=2).number == 2


def test_the_settings_of_old_lines_come_from_the_records(store):
    look(store)
    file = store.folder / "looks.jsonl"
    file.write_text(json.dumps({**json.loads(file.read_text()), "settings": {}}) + "\n")
    assert look(store, folds="7", split="two", name="other").number == 1
    for one in study()[1]:
        place = store.place(one.record.key)
        place.mkdir(parents=True, exist_ok=True)
        (place / "record.json").write_text(json.dumps({"config": one.record.config}))
    assert look(store, folds="8", split="three", name="third").number == 3
