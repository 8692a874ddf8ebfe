"""Who develops under each rule, what is flagged, and what each protocol's development part may never touch."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from ser_core.corpus.corpus import Corpus
from ser_core.errors import CorpusError, SettingError
from ser_core.folds import FOLDS, Fold, Folds
from ser_core.folds.dev import DEVELOPMENT
from ser_core.folds.dev.utterances import Utterances
from ser_core.folds.flags import flags
from tests.ser_core.folds.made import corpus, option, split

DIALOGUES = corpus([4, 3, 5, 2, 4, 4, 3, 3])
"""Eight speakers in four sessions."""


def names(made: Corpus, rows: np.ndarray, column: str = "speaker") -> set[str]:
    return set(made.column(column)[rows].tolist())


def test_the_partner_develops_and_the_held_out_session_is_never_trained_on() -> None:
    folds = split(DIALOGUES, option("lospo", "partner"))
    for fold in folds.folds:
        (tested,), (developing,) = names(DIALOGUES, fold.test), names(DIALOGUES, fold.dev)
        assert int(tested) // 2 == int(developing) // 2 and tested != developing
        assert len(names(DIALOGUES, fold.train)) == 6
        assert not names(DIALOGUES, fold.known, "session") & names(DIALOGUES, fold.test, "session")
    assert folds.protocol["tested_model"] == "training part alone"
    assert flags(DIALOGUES, folds, refit=True) == []


def test_another_session_develops_and_each_does_once() -> None:
    folds = split(DIALOGUES, option("loso", "session"))
    developing = [names(DIALOGUES, fold.dev, "session") for fold in folds.folds]
    assert all(len(each) == 1 for each in developing) and len(set.union(*developing)) == len(folds) == 4
    assert flags(DIALOGUES, folds, refit=True) == []


def test_random_utterances_develop_seeded_and_flagged() -> None:
    folds, again = (split(DIALOGUES, option("loso", "utterances", {"share": 0.25})) for _ in range(2))
    other = split(DIALOGUES, option("loso", "utterances", {"share": 0.25}, seed=1))
    assert folds.hash == again.hash != other.hash
    for fold in folds.folds:
        assert len(fold.dev) == round(0.25 * (len(fold.dev) + len(fold.train)))
    assert "speakers are in both training and development in 4 of 4 folds" in flags(DIALOGUES, folds, refit=True)


def test_without_development_everything_else_trains_and_it_is_flagged() -> None:
    folds = split(DIALOGUES, option("loso", "none"))
    assert not folds.develops
    assert all(len(fold.train) + len(fold.test) == len(DIALOGUES) and not len(fold.dev) for fold in folds.folds)
    assert flags(DIALOGUES, folds, refit=True) == ["no development part: nothing was chosen, epochs were fixed"]


@pytest.mark.parametrize(
    ("made", "protocol", "rule"),
    [
        (DIALOGUES, "lospo", "partner"),
        (DIALOGUES, "loso", "session"),
        (corpus([2] * 8, session=""), "lospo", "speakers"),
        (corpus([2] * 8, session="one room"), "lospo", "speakers"),
        (corpus([2] * 8, split=["train", "dev", "test", "train"] * 4), "official", "given"),
    ],
)
def test_auto_is_the_strictest_rule_there_is(made: Corpus, protocol: str, rule: str) -> None:
    knobs = {"test": "test"} if protocol == "official" else {}
    assert split(made, option(protocol, "auto", None, **knobs)).hash == split(made, option(protocol, rule, None, **knobs)).hash


@pytest.mark.parametrize(
    ("made", "protocol", "rule", "message"),
    [
        (DIALOGUES, "loso", "partner", "no speaker outside the test part"),
        (corpus([2] * 8, session=""), "lospo", "session", "needs a session for every utterance"),
        (corpus([2] * 4), "loso", "session", "two sessions outside the test part; corpus made has 1 there"),
        (DIALOGUES, "lospo", "given", "names no development part"),
    ],
)
def test_rules_that_cannot_be_followed_are_refused_with_a_remedy(made: Corpus, protocol: str, rule: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        split(made, option(protocol, rule))


def test_the_share_has_bounds() -> None:
    with pytest.raises(SettingError, match=r"folds\.dev\.share must be from 0\.01 to 0\.5"):
        Utterances(share=0.6)


@pytest.mark.parametrize("rule", DEVELOPMENT)
def test_every_rule_is_on_the_card_in_words_of_its_own(rule: str) -> None:
    words = {name: chosen().words() for name, chosen in DEVELOPMENT.items() if name != "auto"}
    assert len(set(words.values())) == len(words)
    assert DEVELOPMENT[rule]().name == rule


def test_moving_one_speaker_between_parts_is_flagged() -> None:
    folds = split(DIALOGUES, option("loso", "session"))
    first = folds.folds[0]
    moved = dataclasses.replace(first, train=np.append(first.train, first.test[0]), test=first.test[1:])
    found = flags(DIALOGUES, Folds((moved, *folds.folds[1:]), folds.hash, folds.protocol), refit=True)
    assert "speakers are in both training and test in 1 of 4 folds" in found


def scripted() -> Corpus:
    made = corpus([6] * 6)
    scripts = [f"script{number % 3}" for number in range(len(made))]
    texts = [f"{script} says the following words" for script in scripts]
    return dataclasses.replace(made, table=made.table.assign(script=scripts, text=texts))


def test_script_disjoint_folds_share_neither_voice_nor_script_and_test_everything_once() -> None:
    made = scripted()
    folds = split(made, option("script_disjoint"))
    assert sorted(np.concatenate([fold.test for fold in folds.folds]).tolist()) == list(range(len(made)))
    for fold in folds.folds:
        beside = np.concatenate([fold.train, fold.dev])
        for column in ("speaker", "script"):
            assert not names(made, beside, column) & names(made, fold.test, column)
    assert len(folds) == 12


def test_a_corpus_without_scripts_is_sent_to_text_disjoint() -> None:
    with pytest.raises(CorpusError, match="no script for some utterances: use folds=text_disjoint"):
        split(DIALOGUES, option("script_disjoint"))


def test_text_disjoint_folds_train_on_no_text_of_the_test_part() -> None:
    made = corpus([4] * 6)
    texts = [f"a{row} b{row} c{row} d{row} e{row}" for row in range(len(made))]
    texts[0], texts[9] = "Shared by two people, word for word!", "shared by two people word for word"
    texts[1], texts[14] = "we all like the old green house", "we all like the old green garden house"
    made = dataclasses.replace(made, table=made.table.assign(text=texts))
    folds = split(made, option("text_disjoint"))
    assert sorted(np.concatenate([fold.test for fold in folds.folds]).tolist()) == list(range(len(made)))
    first = folds.folds[0]
    assert {0, 1} <= set(first.test.tolist())
    assert not {9, 14} & set(np.concatenate([first.train, first.dev]).tolist())
    assert len(first.train) + len(first.dev) + len(first.test) == len(made) - 2


def test_text_disjoint_needs_text_and_something_left_to_train_on() -> None:
    with pytest.raises(CorpusError, match="has no text as configured"):
        split(DIALOGUES, option("text_disjoint"))
    with pytest.raises(CorpusError, match=r"has no (train|dev) utterances left"):
        split(corpus([4] * 6, text="the same sentence for everybody"), option("text_disjoint"))


PARTS = ["Train", "Development", "Test1", "Test2"] * 4


def test_official_parts_are_taken_as_they_are() -> None:
    made = corpus([4] * 4, split=PARTS)
    folds = split(made, option("official", "auto", None, test="Test1"))
    (fold,) = folds.folds
    parts = {part: names(made, getattr(fold, part), "split") for part in ("train", "dev", "test")}
    assert parts == {"train": {"Train"}, "dev": {"Development"}, "test": {"Test1"}}
    assert folds.protocol["tested_model"] == "training part alone"
    assert folds.protocol["unused"] == 4
    assert "speakers are in both training and test in 1 of 1 folds" in flags(made, folds, refit=True)


@pytest.mark.parametrize(
    ("made", "test", "message"),
    [
        (corpus([4] * 4, split=PARTS), "", "has the parts Development, Test1, Test2, Train; say which is tested"),
        (corpus([4] * 4, split=PARTS), "test1", "say which is tested"),
        (DIALOGUES, "", "names no parts"),
    ],
)
def test_official_parts_that_are_not_there_are_refused(made: Corpus, test: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        split(made, option("official", "auto", None, test=test))


def test_the_folds_of_a_manifest_are_taken_as_they_are() -> None:
    made = corpus([2] * 4)
    parts = pd.DataFrame({"fold_1": ["train"] * 4 + ["dev", "test", "test", ""], "fold_2": ["test", "dev"] + ["train"] * 6})
    made = dataclasses.replace(made, parts=parts)
    folds = split(made, option("emobox", "auto"))
    assert [fold.held_out for fold in folds.folds] == ["fold_1", "fold_2"]
    assert [fold.test.tolist() for fold in folds.folds] == [[5, 6], [0]]
    assert [fold.dev.tolist() for fold in folds.folds] == [[4], [1]]
    assert folds.folds[0].train.tolist() == [0, 1, 2, 3]
    with pytest.raises(CorpusError, match="comes without folds"):
        split(DIALOGUES, option("emobox", "auto"))


@pytest.mark.parametrize("name", FOLDS)
def test_a_fold_knows_what_it_may_be_trained_on(name: str) -> None:
    assert FOLDS[name]().name == name
    fold = Fold(1, "x", np.array([3, 4]), np.array([1]), np.array([0]))
    assert fold.known.tolist() == [1, 3, 4]
    assert dataclasses.replace(fold, joins=False).known.tolist() == [3, 4]
