"""A corpus whose utterances each name a different speaker knows none: every verb says so, and folds by speaker are refused."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ser_core.corpus.corpus import Corpus, complete
from ser_core.corpus.emodb import EmoDB
from ser_core.corpus.unknown_speakers import named_after_files
from ser_core.errors import CorpusError
from ser_core.folds import Folds
from ser_core.folds.flags import flags
from tests.ser_core.folds.made import option, split

UNKNOWN = "speakers are not known: every utterance names another speaker"


def corpus(speakers: list[str], files: list[str] | None = None, **more: Any) -> Corpus:
    """One utterance of each of these speakers; a third of them tested by the corpus's own parts."""
    count = len(speakers)
    rows = {
        "utterance": [f"u{number:03}" for number in range(count)],
        "file": files or [f"/x/u{number:03}.wav" for number in range(count)],
        "speaker": speakers,
        "session": [f"s{number % 5}" for number in range(count)],
        "split": ["test" if number % 3 == 0 else "train" for number in range(count)],
        "text": "a",
        "emotion": "joy",
    }
    return Corpus(
        "made", complete(pd.DataFrame(rows)), ("joy",), (), "none", "made here", **{"unknown_speakers": "refuse", **more}
    )


def each(count: int, **more: Any) -> Corpus:
    return corpus([f"v{number}x" for number in range(count)], **more)


@pytest.mark.parametrize(
    ("speakers", "every"),
    [
        ([f"u{number:03}" for number in range(20)], "every utterance"),
        ([f"u{number:03}.wav" for number in range(20)], "every utterance"),
        ([f"/x/u{number:03}.wav" for number in range(20)], "every utterance"),
        (["a", "b", "c"], "every utterance"),
        (["same", "same", *(f"v{number}x" for number in range(30))], "almost every utterance"),
        (["Unknown " + str(number) for number in range(1, 100)], "every utterance"),
    ],
)
def test_names_of_utterances_are_no_speakers(speakers: list[str], every: str) -> None:
    made = corpus(speakers)
    assert made.why_unknown == f"speakers are not known: {every} names another speaker"
    assert made.notices == (f"{made.why_unknown}, so folds by speaker are folds by utterance",)


@pytest.mark.parametrize(
    "speakers",
    [
        ["a"],
        ["a", "b"],
        ["a", "a", "b", "b"],
        ["a", "b", "c", "c"],
        [str(number // 2) for number in range(40)],
        ["main"] * 50 + [f"guest{number}x" for number in range(50)],
    ],
)
def test_speakers_with_several_utterances_are_known(speakers: list[str]) -> None:
    assert corpus(speakers).why_unknown == "" and corpus(speakers).notices == ()


@pytest.mark.parametrize(
    ("protocol", "knobs"),
    [("lospo", {}), ("kfold", {"count": 3}), ("loso", {}), ("script_disjoint", {}), ("text_disjoint", {})],
)
def test_protocols_that_keep_speakers_apart_are_refused(protocol: str, knobs: dict[str, Any]) -> None:
    message = rf"{UNKNOWN}, so folds={protocol} would be folds by utterance; .*corpus\.unknown_speakers=each"
    with pytest.raises(CorpusError, match=message):
        split(each(30), option(protocol, **knobs))


def flagged(made: Corpus, folds: Folds) -> bool:
    return UNKNOWN in flags(made, folds, refit=True)


def test_folds_by_utterance_can_be_accepted_and_are_flagged() -> None:
    made = each(30, unknown_speakers="each")
    folds = split(made, option("kfold", "auto", count=3))
    assert folds.protocol["dev_rule"] == "20 % of the training side's utterances at random" and flagged(made, folds)
    assert all(len(fold.dev) == 4 for fold in folds.folds)


def test_the_corpus_s_own_parts_stay_and_auto_asks_who_develops() -> None:
    made = each(30)
    assert flagged(made, split(made, option("official", "utterances")))
    with pytest.raises(CorpusError, match=r"folds\.dev=auto finds no development speakers.*folds\.dev=utterances"):
        split(made, option("official", "auto"))


def test_a_release_that_documents_its_speakers_is_believed(tmp_path: Path) -> None:
    for name in ("03a01Fa.wav", "08a02Wb.wav", "16b10Lc.wav", "14a05Nd.wav"):
        (tmp_path / name).touch()
    made = EmoDB(root=str(tmp_path), counts="any").read(tmp_path)
    assert made.notices == () and len(split(made, option("lospo"))) == 4


def test_speakers_called_like_their_files_are_told() -> None:
    files = [f"/x/talk{number // 4}.wav" for number in range(12)]
    made = corpus([f"talk{number // 4}" for number in range(12)], files)
    assert made.why_unknown == "" and made.notices[0].startswith("speakers have the names of their files")
    assert named_after_files(["a", "a"], ["/x/a.wav", "/x/a.wav"]) == []
