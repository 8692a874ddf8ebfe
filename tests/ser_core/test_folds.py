"""Laws of every protocol, over corpora that hypothesis makes: who is where, how often, and what the hash stands for."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_core.corpus.corpus import Corpus, complete
from ser_core.errors import CorpusError, SettingError
from ser_core.folds import FOLDS, FoldsOption, GroupedKFold, LeaveOneSessionOut, LeaveOneSpeakerOut, make_folds

PROTOCOLS = st.sampled_from(sorted(FOLDS))
CORPORA = st.lists(st.integers(1, 5), min_size=6, max_size=12)
"""Utterances of each speaker."""


def corpus(utterances: list[int], place: str = "/here", **columns: str) -> Corpus:
    """Two speakers to a session, as in acted dialogues."""
    rows = [
        {"utterance": f"{speaker}-{number}", "speaker": str(speaker), "session": f"s{speaker // 2}", "emotion": "joy", **columns}
        for speaker, count in enumerate(utterances)
        for number in range(count)
    ]
    table = complete(pd.DataFrame(rows).assign(file=[f"{place}/{row['utterance']}" for row in rows]))
    return Corpus("made", table, ("joy",), (), "none", "made here")


def option(protocol: str, **knobs: int) -> FoldsOption:
    return FOLDS[protocol](**knobs)  # type: ignore[arg-type]


def split(made: Corpus, protocol: FoldsOption, audio_hash: str = "0"):
    return make_folds(made, protocol, made.card(audio_hash))


@given(PROTOCOLS, CORPORA, st.integers(0, 20), st.integers(1, 3))
def test_nobody_is_in_two_parts_and_every_utterance_is_tested_once(name: str, utterances: list[int], seed: int, dev: int) -> None:
    made = corpus(utterances)
    speakers = made.column("speaker")
    folds = split(made, option(name, seed=seed, dev_speakers=dev)).folds
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


@pytest.mark.parametrize("name", FOLDS)
def test_the_hash_follows_content_and_assignment_and_not_the_place(name: str) -> None:
    made, protocol = corpus([3] * 8), option(name)
    same = split(made, protocol).hash
    assert split(corpus([3] * 8, place="/moved"), protocol).hash == same
    others = [
        split(corpus([3] * 8, text="other words"), protocol).hash,
        split(corpus([4] + [3] * 7), protocol).hash,
        split(made, protocol, audio_hash="1").hash,
        split(made, option(name, seed=1)).hash,
        split(made, option(name, dev_speakers=2)).hash,
    ]
    assert len({same, *others}) == 1 + len(others)


def test_every_speaker_takes_a_turn_at_development() -> None:
    made = corpus([2] * 8)
    folds = split(made, LeaveOneSpeakerOut()).folds
    turns = [made.column("speaker")[fold.dev[0]] for fold in folds]
    assert len(set(turns)) >= 7


def test_lospo_and_loso_hold_out_what_they_say() -> None:
    made = corpus([2] * 6)
    by_speaker, by_session = split(made, LeaveOneSpeakerOut()), split(made, LeaveOneSessionOut())
    assert [fold.held_out for fold in by_speaker.folds] == [f"speaker {speaker}" for speaker in range(6)]
    assert [fold.held_out for fold in by_session.folds] == ["session s0", "session s1", "session s2"]
    for fold in by_session.folds:
        assert {f"session {name}" for name in made.column("session")[fold.test]} == {fold.held_out}
    assert by_session.protocol["protocol"] == "loso" and by_session.protocol["folds"] == len(by_session) == 3


@given(CORPORA, st.integers(2, 6), st.integers(0, 5))
def test_kfold_deals_whole_speakers_into_so_many_folds(utterances: list[int], count: int, seed: int) -> None:
    assert len(split(corpus(utterances), GroupedKFold(count=count, seed=seed))) == count


@pytest.mark.parametrize(
    ("made", "protocol", "message"),
    [
        (corpus([2] * 3), LeaveOneSpeakerOut(dev_speakers=2), "leaves 2 speakers to train and develop on"),
        (corpus([2] * 2), LeaveOneSpeakerOut(), "a corpus needs more speakers"),
        (corpus([2] * 4, session=""), LeaveOneSessionOut(), "needs a session for every utterance; .* use lospo"),
        (corpus([2] * 4), GroupedKFold(count=5), "folds.count=5 exceeds the 4 speakers"),
    ],
)
def test_what_cannot_be_split_is_refused(made: Corpus, protocol: FoldsOption, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        split(made, protocol)


@pytest.mark.parametrize("knobs", [{"dev_speakers": 0}, {"seed": -1}, {"count": 1}])
def test_impossible_knobs_are_refused(knobs: dict[str, int]) -> None:
    with pytest.raises(SettingError, match=f"folds.{next(iter(knobs))} must be at least"):
        GroupedKFold(**knobs)
