"""MSP-Podcast from trees of its exact layout, with made-up rows: cells by name, votes of all three generations."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ser_core.corpus import msp_podcast
from ser_core.corpus.corpus import Corpus
from ser_core.corpus.msp_podcast import MspPodcast
from ser_core.errors import CorpusError, SettingError

CONSENSUS = """\
FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set
MSP-PODCAST_0001_0008.wav,N,2.2,4.0,2.6,30,Male,Test1
MSP-PODCAST_0001_0010.wav,H,5.5,6.25,4.0,7,Female,Train
MSP-PODCAST_0002_0001.wav,U,6.0,5.0,4.5,Unknown,Unknown,Train
MSP-PODCAST_0002_0002.wav,A,6.0,1.5,6.5,Unknown,Female,Train
MSP-PODCAST_0003_0001.wav,O,4.0,4.0,4.0,9,Male,Development
MSP-PODCAST_0003_0002.wav,X,4.0,4.0,4.0,9,Male,Test2
MSP-PODCAST_0004_0001.wav,,,,,,,Test3
"""
DETAILED = {
    "1.6": """\
FileName,Workers,EmoClass_Major,EmoClass_Second,EmoAct,EmoVal,EmoDom
MSP-PODCAST_0001_0008.wav,WORKER0001,Neutral,"Concerned,Other",4,4,4
MSP-PODCAST_0001_0008.wav,WORKER0002,Neutral,Neutral,2,4,3
MSP-PODCAST_0001_0008.wav,WORKER0003,Sad,Sad,2,4,3
MSP-PODCAST_0001_0008.wav,WORKER0004,Other-bored; a little,,2,4,3
MSP-PODCAST_0001_0010.wav,WORKER0001,Happy,"Happy,Excited",4,4,4
""",
    "1.7": """\
FileName,EmoDetail
MSP-PODCAST_0001_0008.wav,"WORKER0001; Neutral; Concerned,Other; A:4; V:4; D:4;"
MSP-PODCAST_0001_0008.wav,"WORKER0002; Neutral; Neutral; A:2; V:4; D:3;"
MSP-PODCAST_0001_0008.wav,"WORKER0003; Sad; Sad; A:2; V:4; D:3;"
MSP-PODCAST_0001_0008.wav,"WORKER0004; Other-bored; a little; ; A:2; V:4; D:3;"
MSP-PODCAST_0001_0010.wav,"WORKER0001; Happy; Happy,Excited; A:4; V:4; D:4;"
""",
}
DETAILED["2.0"] = DETAILED["1.6"].replace("Workers", "WorkerID")


def tree(folder: Path, detailed: str = DETAILED["2.0"]) -> Path:
    for part in ("Audios", "Labels", "Transcripts"):
        (folder / part).mkdir()
    (folder / "Labels/labels_consensus.csv").write_text(CONSENSUS)
    (folder / "Labels/labels_detailed.csv").write_text(detailed)
    for line in CONSENSUS.splitlines()[1:]:
        (folder / "Audios" / line.partition(",")[0]).touch()
        (folder / "Audios" / f"._{line.partition(',')[0]}").touch()
    (folder / "Transcripts/MSP-PODCAST_0001_0008.txt").write_text("Here is a plain \n sentence.\n")
    return folder


def read(root: Path, **knobs: Any) -> Corpus:
    return MspPodcast(root=str(root), **{"counts": "any", **knobs}).read(Path("unused"))


def test_every_cell_comes_through_by_name(tmp_path: Path) -> None:
    root = tree(tmp_path)
    columns = ["utterance", "speaker", "gender", "emotion", "split", "text", "arousal", "valence", "dominance"]
    expected = [
        ["MSP-PODCAST_0001_0008", "30", "male", "neutral", "Test1", "Here is a plain sentence.", 2.2, 4.0, 2.6],
        ["MSP-PODCAST_0001_0010", "7", "female", "happiness", "Train", "", 5.5, 6.25, 4.0],
    ]
    corpus = read(root)
    assert corpus.table[columns].to_numpy().tolist() == expected
    assert corpus.merged == "dropped 1 O, 1 X; left out 1 of Test3 (labels withheld); dropped 2 of unknown speakers"
    assert corpus.text_source == "plain human transcripts, 1 empty"
    assert corpus.scheme["dimensions"] == {"arousal": [1, 7], "valence": [1, 7], "dominance": [1, 7]}
    challenge = [line.split(",") for line in CONSENSUS.splitlines()]
    swapped = [",".join([*row[:3], row[4], row[3], *row[5:]]) for row in challenge]
    (root / "Labels/labels_consensus.csv").unlink()
    (root / "Labels/labels_concensus.csv").write_text("\n".join(swapped))
    assert read(root).table[columns].to_numpy().tolist() == expected


@pytest.mark.parametrize("generation", DETAILED)
def test_votes_of_every_generation(tmp_path: Path, generation: str) -> None:
    corpus = read(tree(tmp_path, DETAILED[generation]), unknown_speakers="each")
    assert corpus.votes is not None
    votes = [dict(zip(corpus.classes, row, strict=True)) for row in corpus.votes.tolist()]
    assert {name: share for name, share in votes[0].items() if share} == {"neutral": 2 / 3, "sadness": 1 / 3}
    assert votes[1]["happiness"] == 1
    assert np.isnan(corpus.votes[2:]).all()


@pytest.mark.parametrize("listed", [False, True])
def test_labels_are_read_from_json_where_there_is_no_csv(tmp_path: Path, listed: bool) -> None:
    root = tree(tmp_path)
    whole = read(root, unknown_speakers="each")
    consensus = pd.read_csv(root / "Labels/labels_consensus.csv").astype(object)
    rows = {row.pop("FileName"): row for row in consensus.where(consensus.notna(), None).to_dict("records")}
    entries = {name: [row] if listed else row for name, row in rows.items()}
    (root / f"Labels/labels_{'concensus' if listed else 'consensus'}.json").write_text(json.dumps(entries))
    workers: dict[str, dict[str, dict[str, str]]] = {}
    for number, row in enumerate(pd.read_csv(root / "Labels/labels_detailed.csv").to_dict("records")):
        workers.setdefault(row["FileName"], {})[f"W{number}"] = {"EmoClass_Major": row["EmoClass_Major"]}
    (root / "Labels/labels_detailed.json").write_text(json.dumps(workers))
    for name in ("consensus", "detailed"):
        (root / f"Labels/labels_{name}.csv").unlink()
    corpus = read(root, unknown_speakers="each")
    assert corpus.table.equals(whole.table) and corpus.merged == whole.merged
    np.testing.assert_array_equal(corpus.votes, whole.votes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "holds no labels by file name"),
        ("[1]", "holds no labels by file"),
        ('{"a.wav": {"EmoClass": "N"}}', "lacks 'EmoAct'"),
    ],
)
def test_json_that_holds_no_labels_is_named(tmp_path: Path, text: str, message: str) -> None:
    root = tree(tmp_path)
    (root / "Labels/labels_consensus.csv").unlink()
    (root / "Labels/labels_consensus.json").write_text(text)
    with pytest.raises(CorpusError, match=message):
        read(root)


def test_labels_of_test3_are_never_used(tmp_path: Path) -> None:
    root = tree(tmp_path)
    rows = CONSENSUS.replace("0004_0001.wav,,,,,,,Test3", "0004_0001.wav,H,4,4,4,9,Male,Test3")
    (root / "Labels/labels_consensus.csv").write_text(rows)
    assert "Test3" not in set(read(root).column("split")) and len(read(root)) == 2


def test_votes_are_absent_without_their_table_and_refused_when_unreadable(tmp_path: Path) -> None:
    root = tree(tmp_path, "FileName,Label\nMSP-PODCAST_0001_0008.wav,Neutral\n")
    with pytest.raises(CorpusError, match="neither EmoClass_Major nor EmoDetail"):
        read(root)
    (root / "Labels/labels_detailed.csv").unlink()
    assert read(root).votes is None


def test_unknown_speakers_are_never_merged_unasked(tmp_path: Path) -> None:
    root = tree(tmp_path)
    assert "Unknown" not in set(read(root).column("speaker"))
    each = read(root, unknown_speakers="each")
    assert len(set(each.column("speaker"))) == 4 and "2 of unknown speakers are a speaker each" in each.merged
    one = read(root, unknown_speakers="one")
    assert one.column("speaker").tolist() == ["30", "7", "Unknown", "Unknown"] and "are one speaker" in one.merged


def test_four_classes(tmp_path: Path) -> None:
    corpus = read(tree(tmp_path), scheme="msp4", unknown_speakers="one", text="none")
    assert corpus.column("emotion").tolist() == ["neutral", "happiness", "anger"]
    assert "1 U" in corpus.merged and corpus.text_source == "none"


def test_the_number_of_files_is_that_of_the_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree(tmp_path)
    with pytest.raises(CorpusError, match=r"utterances 264705 expected, 7 found.*corpus\.counts=any"):
        read(root, counts="release")
    assert read(root, release="1.6").counts.startswith("not checked")
    with pytest.raises(SettingError, match=r"corpus\.release must be one of 1\.11, 1\.12, 2\.0"):
        MspPodcast(release="1.6")
    monkeypatch.setitem(msp_podcast.RELEASES, "1.12", 7)
    assert read(root, release="1.12", counts="release").counts == "as released"


def test_what_is_absent_or_broken_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no Labels/labels_consensus\.csv"):
        read(tmp_path)
    root = tree(tmp_path)
    (root / "Audios/MSP-PODCAST_0001_0010.wav").unlink()
    with pytest.raises(CorpusError, match="1 of 2 utterances have no audio file, first MSP-PODCAST_0001_0010"):
        read(root)
    (root / "Labels/labels_consensus.csv").write_text(CONSENSUS.replace("2.2", "calm"))
    with pytest.raises(CorpusError, match="a rating that is not a number"):
        read(root)
    (root / "Labels/labels_consensus.csv").write_text(CONSENSUS.replace("SpkrID", "Speaker"))
    with pytest.raises(CorpusError, match="column 'SpkrID' is missing; it has FileName"):
        read(root)


@pytest.mark.parametrize("knobs", [{"scheme": "msp5"}, {"unknown_speakers": "keep"}, {"text": "asr"}, {"counts": "some"}])
def test_a_knob_lists_its_values(knobs: dict[str, str]) -> None:
    with pytest.raises(SettingError, match=f"corpus.{next(iter(knobs))} must be one of"):
        MspPodcast(**knobs)  # type: ignore[arg-type]
