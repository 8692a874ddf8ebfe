"""IEMOCAP from trees of its exact layout, with made-up sentences: every cell, and the counts of the release."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ser_core.corpus.corpus import Corpus
from ser_core.corpus.iemocap import SESSIONS, Iemocap
from ser_core.errors import CorpusError, SettingError

HEAD = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
IMPROVISED = """\
[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 3.0000, 2.0000]
C-E2:\tNeutral;\t()
C-E3:\tNeutral; Anger;\t()
C-E4:\tFrustration;\t(sulking, caf\xe9)
C-F1:\tSadness;\t(curious)
A-E3:\tval 3; act 3; dom  2;\t()
A-E4:\tval 2; act 3; dom  ;\t(mildly put out)
A-F1:\tval 5; act 5; dom  5;\t()

[10.0100 - 11.3925]\tSes01F_impro01_M000\texc\t[4.5000, 4.0000, 3.3333]
C-E2:\tExcited;\t()
C-E3:\tHappiness;\t()
C-E4:\tAnger;\t()
C-M1:\tNeutral;\t()
A-E3:\tval 5; act 4; dom  3;\t()

[12.0000 - 13.0000]\tSes01F_impro01_M001\txxx\t[2.5000, 2.5000, 2.5000]
C-E2:\tFear;\t()
C-E3:\tOther;\t()
"""
SCRIPTED = """\
[1.0000 - 2.5000]\tSes01M_script01_1b_F003\tang\t[1.0000, 4.5000, 5.5000]
C-E2:\tOther; Disgust;\t()
"""
WORDS = {
    "Ses01F_impro01": """\
Ses01F_impro01_F000 [006.2901-008.2357]: [LAUGHTER] The kettle \xe9 is  on. [BREATHING]
Ses01F_impro01_M000 [010.0100-011.3925]: What a fine kite!
Ses01F_impro01_M001 [012.0000-013.0000]: Hm.
""",
    "Ses01M_script01_1b": """\
M: Nobody spoke this line.
Ses01M_script01_1b_F003 [001.0000-002.5000]: Give me the ladder.
Ses01M_script01_1b_FXX0 [002.5000-003.0000]: No audio here.
Ses01M_script01_1b_M004: A line without times.
""",
}


def tree(folder: Path) -> Path:
    """Two dialogues of session 1, with the files macOS leaves behind and the per-annotator folders beside them."""
    session = folder / "Session1"
    for dialogue, turns in (("Ses01F_impro01", IMPROVISED), ("Ses01M_script01_1b", SCRIPTED)):
        write(session / "dialog/EmoEvaluation" / f"{dialogue}.txt", HEAD + turns)
        write(session / "dialog/EmoEvaluation" / f"._{dialogue}.txt", "\x00\x05\x16\x07" + turns)
        write(session / "dialog/transcriptions" / f"{dialogue}.txt", WORDS[dialogue])
        write(session / "dialog/transcriptions" / f"._{dialogue}.txt", "\x00junk")
    write(session / "dialog/EmoEvaluation/Categorical/Ses01F_impro01_e2_cat.txt", "Ses01F_impro01_F000 :Neutral state; ()\n")
    for name in ("Ses01F_impro01_F000", "Ses01F_impro01_M000", "Ses01F_impro01_M001", "Ses01M_script01_1b_F003"):
        write(session / "sentences/wav" / name[:-5] / f"{name}.wav", "")
        write(session / "sentences/wav" / name[:-5] / f"._{name}.wav", "")
    write(session / "dialog/wav/Ses01F_impro01.wav", "")
    return folder


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "latin-1")


def read(root: Path, **knobs: Any) -> Corpus:
    return Iemocap(root=str(root), **{"counts": "any", **knobs}).read(Path("unused"))


def test_every_cell_comes_through(tmp_path: Path) -> None:
    corpus = read(tree(tmp_path))
    columns = ["utterance", "speaker", "gender", "session", "emotion", "text", "valence", "arousal", "dominance"]
    rows = corpus.table[columns].astype(object).where(corpus.table[columns].notna(), "absent").to_numpy().tolist()
    assert rows == [
        ["Ses01F_impro01_F000", "Ses01F", "female", "Ses01", "neutral", "The kettle é is on.", 2.5, 3.0, 2.0],
        ["Ses01F_impro01_M000", "Ses01M", "male", "Ses01", "happiness", "What a fine kite!", 4.5, 4.0, 3.3333],
        ["Ses01M_script01_1b_F003", "Ses01F", "female", "Ses01", "anger", "Give me the ladder.", 1.0, 4.5, "absent"],
    ]
    files = [Path(file).relative_to(tmp_path).as_posix() for file in corpus.column("file")]
    assert files[0] == "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav"
    assert corpus.classes == ("anger", "happiness", "neutral", "sadness")
    assert corpus.merged == "exc and hap are happiness; dropped 1 xxx; 1 ratings outside 1 to 5 are absent"


def test_utterances_outside_the_scheme_can_stay_without_emotion(tmp_path: Path) -> None:
    corpus = read(tree(tmp_path), keep="all")
    assert corpus.column("emotion").tolist() == ["neutral", "happiness", "", "anger"]
    assert corpus.column("valence").tolist() == [2.5, 4.5, 2.5, 1.0] and corpus.card("")["unlabelled"] == 1
    assert "1 xxx have no emotion" in corpus.merged and "dropped" not in corpus.merged
    assert corpus.votes is not None and np.isnan(corpus.votes[2]).all()


def test_votes_are_the_evaluators_shared_where_one_vote_has_several_labels(tmp_path: Path) -> None:
    corpus = read(tree(tmp_path))
    assert corpus.votes is not None
    expected = [[0.25, 0, 0.75, 0], [1 / 3, 2 / 3, 0, 0], [np.nan] * 4]
    np.testing.assert_allclose(corpus.votes, expected)
    six = read(tree(tmp_path), scheme="iemocap6")
    assert six.classes == ("anger", "excitement", "frustration", "happiness", "neutral", "sadness") and six.votes is not None
    np.testing.assert_allclose(six.votes[0], [1 / 6, 0, 1 / 3, 0, 1 / 2, 0])


def test_text_with_tags_without_and_none(tmp_path: Path) -> None:
    root = tree(tmp_path)
    assert read(root, text="gold").column("text")[0] == "[LAUGHTER] The kettle é is on. [BREATHING]"
    assert set(read(root, text="none").column("text")) == {""} and read(root, text="none").text_source == "none"
    (root / "Session1/dialog/transcriptions/Ses01M_script01_1b.txt").unlink()
    assert read(root).text_source == "plain human transcripts, 1 empty"


def test_a_part_of_the_dialogues(tmp_path: Path) -> None:
    root = tree(tmp_path)
    assert read(root, part="scripted").column("utterance").tolist() == ["Ses01M_script01_1b_F003"]
    improvised = read(root, part="improvised")
    assert len(improvised) == 2 and improvised.merged.startswith("improvised dialogues only; ")


def test_absent_audio_is_counted_and_the_first_named(tmp_path: Path) -> None:
    root = tree(tmp_path)
    for name in ("Ses01F_impro01_M000", "Ses01F_impro01_F000", "Ses01F_impro01_M001"):
        (root / "Session1/sentences/wav/Ses01F_impro01" / f"{name}.wav").unlink()
    with pytest.raises(CorpusError, match=r"2 of 3 utterances have no audio file, first Ses01F_impro01_F000"):
        read(root)


def test_what_is_no_release_is_refused(tmp_path: Path) -> None:
    for root, message in (("", "add corpus.root=PATH"), (str(tmp_path / "no"), "no folder"), (str(tmp_path), "no Session")):
        with pytest.raises(CorpusError, match=message):
            Iemocap(root=root).read(tmp_path)
    with pytest.raises(CorpusError, match=r"utterances 10039 expected, 4 found.*corpus\.counts=any"):
        read(tree(tmp_path), counts="release")
    write(tmp_path / "Session1/dialog/EmoEvaluation/Ses01F_impro02.txt", HEAD + "[1.0 - 2.0] Ses01F_impro02_F000 neu\n")
    with pytest.raises(CorpusError, match=r"Ses01F_impro02\.txt has a turn that cannot be read"):
        read(tmp_path)


@pytest.mark.parametrize(
    "knobs", [{"scheme": "iemocap5"}, {"keep": "most"}, {"part": "both"}, {"text": "asr"}, {"counts": "some"}]
)
def test_a_knob_lists_its_values(knobs: dict[str, str]) -> None:
    with pytest.raises(
        SettingError, match=f"corpus.{next(iter(knobs))} must be one of .*{'iemocap4, iemocap6' * ('scheme' in knobs)}"
    ):
        Iemocap(**knobs)  # type: ignore[arg-type]


def release(folder: Path) -> Path:
    """All 10,039 utterances, one improvised and one scripted dialogue per session, with empty audio."""
    codes = [
        (session, "exc" if name == "happiness" else name[:3])
        for session, own in SESSIONS.items()
        for name in own
        for _ in range(own[name])
    ]
    happy = [row for row, (_, code) in enumerate(codes) if code == "exc"][:595]
    codes = [(session, "hap" if row in set(happy) else code) for row, (session, code) in enumerate(codes)]
    rest = [(f"Ses0{1 + row % 5}", ("fru", "xxx", "sur")[row % 3]) for row in range(10_039 - len(codes))]
    turns: dict[str, list[tuple[str, str]]] = {}
    for row, (session, code) in enumerate([*codes, *rest]):
        dialogue = f"{session}F_impro01" if row < 2943 else f"{session}F_script01_1"
        own = turns.setdefault(dialogue, [])
        number = len(own)
        own.append((f"{dialogue}{'ABCDE'[number // 1000]}_{'FM'[row % 2]}{number % 1000:03d}", code))
    for dialogue, own in turns.items():
        session = folder / f"Session{dialogue[4]}"
        lines = [f"[1.0000 - 2.0000]\t{name}\t{code}\t[2.5000, 2.5000, 2.5000]\nC-E2:\tNeutral;\t()\n\n" for name, code in own]
        write(session / "dialog/EmoEvaluation" / f"{dialogue}.txt", HEAD + "".join(lines))
        (session / "sentences/wav" / dialogue).mkdir(parents=True)
        for name, _ in own:
            (session / "sentences/wav" / dialogue / f"{name}.wav").touch()
    return folder


def test_the_counts_of_the_release(tmp_path: Path) -> None:
    root = release(tmp_path)
    corpus = Iemocap(root=str(root)).read(tmp_path)
    card = corpus.card("")
    assert (card["utterances"], card["speakers"], card["counts"]) == (5531, 10, "as released")
    assert card["emotions"] == {"anger": 1103, "happiness": 1636, "neutral": 1708, "sadness": 1084}
    improvised = dataclasses.replace(Iemocap(root=str(root)), part="improvised").read(tmp_path)
    assert len(improvised) == 2943 and improvised.counts == "as released"
    whole = Iemocap(root=str(root), keep="all").read(tmp_path).card("")
    assert (whole["utterances"], whole["unlabelled"], whole["emotions"]) == (10_039, 10_039 - 5531, card["emotions"])
    file = root / "Session3/dialog/EmoEvaluation/Ses03F_script01_1.txt"
    text = file.read_text()
    file.write_text(text[: text.rindex("[1.0000")])
    with pytest.raises(CorpusError, match="utterances 10039 expected, 10038 found"):
        Iemocap(root=str(root)).read(tmp_path)
