"""Scores stand side by side only under one protocol card, or under cards that differ in what the study says it varies."""

import dataclasses

import pandas as pd
import pytest

from ablations.pairing import ComparisonError, pair
from ablations.report.tables import protocol_facts, study_table

ENTRIES = {
    "corpus": "other corpus",
    "content": "0badc0de",
    "merged": "exc is hap",
    "dev_rule": "20 % of the training side's utterances at random",
    "metrics": "metrics-0",
    "text_source": "column text of recognised.csv",
    "audio": "at most 3 s, longer: start",
    "flags": ["speakers are in both training and test in 1 of 5 folds"],
}


def under(outcomes, **entries):
    """The outcomes with these entries on their cards."""
    return [dataclasses.replace(one, record=dataclasses.replace(one.record, card=one.record.card | entries)) for one in outcomes]


def answered(outcomes, names):
    """The outcomes as tested on these utterances."""
    table = pd.DataFrame({"utterance": names})
    return [dataclasses.replace(one, test=dataclasses.replace(one.test, predictions=table)) for one in outcomes]


@pytest.fixture
def base(scored):
    return answered(scored({"base": [[0.5, 0.6, 0.7]]}), ["a", "b"])


@pytest.fixture
def more(scored):
    return answered(scored({"more": [[0.6, 0.6, 0.8]]}), ["b", "a"])


@pytest.mark.parametrize("entry", ENTRIES)
def test_another_card_is_refused_and_the_entry_named(base, more, entry):
    pair([*base, *more], "base")
    with pytest.raises(ComparisonError, match=f"and the baseline 'base' have different protocol cards: {entry} .* against"):
        pair([*base, *under(more, **{entry: ENTRIES[entry]})], "base")


def test_a_seed_under_another_card_is_refused_too(base, more):
    late = under(more, metrics="metrics-0")
    with pytest.raises(ComparisonError, match="'more' and the baseline 'base' have different protocol cards"):
        pair([*base, *more[:1], *late[1:]], "base")


def test_what_a_study_varies_by_name_may_differ_with_the_content_that_follows_from_it(base, scored):
    other = answered(scored({"more": [[0.6, 0.6, 0.8]]}, split="ffffffffffff"), ["a", "b"])
    read = under(other, text_source="column text of recognised.csv", content="0badc0de")
    assert list(pair([*base, *read], "base", across=("text_source",)).pairs) == ["base", "more"]
    with pytest.raises(ComparisonError, match="dev_rule random against"):
        pair([*base, *under(read, dev_rule="random")], "base", across=("text_source",))
    with pytest.raises(ComparisonError, match="split ffffffffffff against 0123456789ab"):
        pair([*base, *other], "base", across=("text_source",))


def test_whoever_is_tested_stays_the_same_whatever_a_study_varies(base, more):
    read = under(answered(more, ["a", "c"]), text_source="column text of recognised.csv")
    with pytest.raises(ComparisonError, match="tested on other utterances than the baseline 'base' in fold 1 of seed 0"):
        pair([*base, *read], "base", across=("text_source",))


def test_the_table_prints_what_the_card_says(base, more):
    flagged = ["speakers are in both training and development in 3 of 3 folds"]
    shown = under([*base, *more], flags=flagged, metrics="metrics-1", content="feed", classes=["joy", "anger"])
    facts = protocol_facts(shown)
    assert facts["flags"] == flagged[0]
    assert facts["classes"] == "joy, anger"
    assert (facts["content"], facts["metrics"]) == ("feed", "metrics-1") and "merged" not in protocol_facts(
        under(base, merged="")
    )
    assert flagged[0] in study_table(pair(shown), "t", "q").protocol_line
    assert "flags" not in protocol_facts(under(base, flags=[]))
    assert "flags" not in protocol_facts(base)


def test_the_ratio_counts_what_the_tested_model_saw(scored):
    """A model that was trained again on the development part saw it too."""
    card = {"corpus": "demo", "protocol": "lospo", "tested_model": "training and development part"}
    outcomes = scored({"base": [0.5, 0.6]}, card=card)
    assert outcomes[0].taught == 90 and pair(outcomes).test_to_train == pytest.approx(10 / 90)
    alone = scored({"base": [0.5, 0.6]}, card=card, config={"optim": {"refit": False}})
    assert alone[0].taught == 80 and pair(alone).test_to_train == pytest.approx(10 / 80)
