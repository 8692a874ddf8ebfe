"""Laws of every protocol, over corpora that hypothesis makes: who is where, how often, and what the hash stands for."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_core.corpus.corpus import Corpus
from ser_core.errors import CorpusError, SettingError
from ser_core.folds import FoldsOption, GroupedKFold, unused_notice
from ser_core.folds.dev.development import rotate
from ser_core.folds.dev.speakers import Speakers
from tests.ser_core.folds.made import ROTATING, corpus, option, split

PROTOCOLS = st.sampled_from(ROTATING)
CORPORA = st.lists(st.integers(1, 5), min_size=6, max_size=12)
"""Utterances of each speaker."""


@given(PROTOCOLS, CORPORA, st.integers(0, 20), st.integers(1, 3))
def test_nobody_is_in_two_parts_and_every_utterance_is_tested_once(name: str, utterances: list[int], seed: int, dev: int) -> None:
    made = corpus(utterances)
    speakers = made.column("speaker")
    folds = split(made, option(name, dev_knobs={"count": dev}, seed=seed)).folds
    assert sorted(np.concatenate([fold.test for fold in folds]).tolist()) == list(range(len(made)))
    for number, fold in enumerate(folds, start=1):
        parts = [set(speakers[rows]) for rows in (fold.train, fold.dev, fold.test)]
        assert fold.number == number
        assert all(parts) and sum(map(len, parts)) == len(set(speakers)) == len(set.union(*parts))
        assert sorted([*fold.train, *fold.dev, *fold.test]) == list(range(len(made)))
        assert len(parts[1]) == dev


@given(PROTOCOLS, CORPORA, st.integers(0, 20))
def test_a_split_is_pure_and_seeded(name: str, utterances: list[int], seed: int) -> None:
    one, other = (split(corpus(utterances), option(name, seed=seed)) for _ in range(2))
    assert one.hash == other.hash
    for mine, theirs in zip(one.folds, other.folds, strict=True):
        assert mine.held_out == theirs.held_out
        assert all(np.array_equal(getattr(mine, part), getattr(theirs, part)) for part in ("train", "dev", "test"))


@pytest.mark.parametrize("name", ROTATING)
def test_the_hash_follows_content_and_assignment_and_not_the_place(name: str) -> None:
    made, protocol = corpus([3] * 8), option(name)
    same = split(made, protocol).hash
    assert split(corpus([3] * 8, place="/moved"), protocol).hash == same
    others = [
        split(corpus([3] * 8, text="other words"), protocol).hash,
        split(corpus([4] + [3] * 7), protocol).hash,
        split(made, protocol, audio_hash="1").hash,
        split(made, option(name, seed=1)).hash,
        split(made, option(name, dev_knobs={"count": 2})).hash,
    ]
    assert len({same, *others}) == 1 + len(others)


@given(st.integers(3, 12), st.integers(0, 5), st.integers(1, 2))
def test_each_speaker_develops_equally_often_when_speakers_are_left_out(speakers: int, seed: int, count: int) -> None:
    made = corpus([2] * speakers)
    folds = split(made, option("lospo", dev_knobs={"count": count}, seed=seed)).folds if speakers > 3 else ()
    turns = Counter(name for fold in folds for name in set(made.column("speaker")[fold.dev].tolist()))
    assert set(turns.values()) == ({count} if folds else set())


@given(st.lists(st.sets(st.sampled_from("abcdefg"), min_size=3), min_size=1, max_size=12), st.integers(0, 9), st.integers(1, 3))
def test_nobody_develops_twice_while_another_could_develop_first(allowed: list[set[str]], seed: int, count: int) -> None:
    """Checked against the best possible: no exchange along folds gives a name to one that has two fewer."""
    given = rotate("abcdefg", allowed, seed, count)
    assert given == rotate("gfedcba", allowed, seed, count)
    loads = Counter(dict.fromkeys("abcdefg", 0))
    for names, may in zip(given, allowed, strict=True):
        assert len(set(names)) == len(names) == count and set(names) <= may
        loads.update(names)
    # From each name, follow "its fold could take that name instead": whatever is reached may not be two below.
    taken = list(zip(given, allowed, strict=True))
    swaps = {name: {new for names, may in taken if name in names for new in may - set(names)} for name in loads}
    for name in loads:
        reached, waiting = {name}, [name]
        while waiting:
            more = swaps[waiting.pop()] - reached
            reached |= more
            waiting += more
        assert all(loads[name] - loads[other] <= 1 for other in reached)


def test_lospo_and_loso_hold_out_what_they_say() -> None:
    made = corpus([2] * 6)
    by_speaker, by_session = split(made, option("lospo")), split(made, option("loso"))
    assert [fold.held_out for fold in by_speaker.folds] == [f"speaker {speaker}" for speaker in range(6)]
    assert [fold.held_out for fold in by_session.folds] == ["session s0", "session s1", "session s2"]
    for fold in by_session.folds:
        assert {f"session {name}" for name in made.column("session")[fold.test]} == {fold.held_out}
    assert by_session.protocol["protocol"] == "loso" and by_session.protocol["folds"] == len(by_session) == 3


@given(CORPORA, st.integers(2, 6), st.integers(0, 5))
def test_kfold_deals_whole_speakers_into_so_many_folds(utterances: list[int], count: int, seed: int) -> None:
    assert len(split(corpus(utterances), option("kfold", count=count, seed=seed))) == count


@pytest.mark.parametrize(
    ("made", "protocol", "message"),
    [
        (
            corpus([2] * 3),
            option("lospo", dev_knobs={"count": 2}),
            "has no training speakers: .* 2 of 2 speakers",
        ),
        (corpus([2] * 2), option("lospo"), "use a corpus with more speakers"),
        (corpus([2] * 4, session=""), option("loso"), "needs a session for every utterance; .* use lospo"),
        (corpus([2] * 4), option("kfold", count=5), "folds.count=5 exceeds the 4 speakers"),
    ],
)
def test_what_cannot_be_split_is_refused(made: Corpus, protocol: FoldsOption, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        split(made, protocol)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [({"seed": -1}, "folds.seed must be from 0 to 4294967295, got -1"), ({"count": 1}, "folds.count must be at least 2")],
)
def test_impossible_knobs_are_refused(knobs: dict[str, int], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        GroupedKFold(**knobs)


def test_nobody_to_develop_is_refused() -> None:
    with pytest.raises(SettingError, match=r"folds\.dev\.count must be at least 1"):
        Speakers(count=0)


def test_utterances_without_a_part_are_told() -> None:
    parts = ["train"] * 3 + ["dev"] * 2 + ["test"] * 2 + ["tain", "", ""]
    made, official = corpus([5, 5], split=parts), option("official", "given")
    (sentence,) = unused_notice(made, official, split(made, official))
    assert (
        sentence == "folds=official leaves out 3 of 10 utterances: their part is not train, dev or test but no part (2), tain (1)"
    )
    whole = corpus([5, 5])
    assert unused_notice(whole, option("lospo", "none"), split(whole, option("lospo", "none"))) == []
