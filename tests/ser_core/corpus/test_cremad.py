"""CREMA-D from trees of its exact layout: names, actors' gender, listeners' votes on the voice alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ser_core.corpus.corpus import Corpus
from ser_core.corpus.cremad import COUNTS_OF_THE_RELEASE, SENTENCES, CremaD
from ser_core.errors import CorpusError, SettingError

NAMES = ("1001_IEO_ANG_HI", "1002_TIE_NEU_XX", "1076_MTI_SAD_XX")
DEMOGRAPHICS = '"ActorID","Age","Sex","Race","Ethnicity"\n1001,51,"Male","x","y"\n1002,21,"Female","x","y"\n'
VOTES = """\
"","A","D","F","H","N","S","fileName","numResponses","agreement","emoVote"
"100001",6,2,0,0,2,0,"1001_IEO_ANG_HI",10,0.6,"A"
"100002",0,0,0,0,8,0,"1002_TIE_NEU_XX",8,1,"N"
"200001",0,0,0,9,0,0,"1001_IEO_ANG_HI",9,1,"H"
"300001",0,0,0,0,0,9,"1001_IEO_ANG_HI",9,1,"S"
"""


def tree(folder: Path) -> Path:
    for part, suffix in (("AudioWAV", ".wav"), ("AudioMP3", ".mp3"), ("VideoFlash", ".flv")):
        (folder / part).mkdir()
        for name in NAMES:
            (folder / part / f"{name}{suffix}").touch()
            (folder / part / f"._{name}{suffix}").touch()
    (folder / "AudioWAV/notes.wav").touch()
    (folder / "VideoDemographics.csv").write_text(DEMOGRAPHICS)
    (folder / "processedResults").mkdir()
    (folder / "processedResults/tabulatedVotes.csv").write_text(VOTES)
    return folder


def read(root: Path, **knobs: Any) -> Corpus:
    return CremaD(root=str(root), **{"counts": "any", **knobs}).read(Path("unused"))


def test_every_cell_comes_through(tmp_path: Path) -> None:
    corpus = read(tree(tmp_path))
    assert corpus.table[["utterance", "file", "speaker", "gender", "text", "emotion"]].to_numpy().tolist() == [
        [NAMES[0], str(tmp_path / f"AudioWAV/{NAMES[0]}.wav"), "1001", "male", "It's eleven o'clock.", "anger"],
        [NAMES[1], str(tmp_path / f"AudioWAV/{NAMES[1]}.wav"), "1002", "female", "That is exactly what happened.", "neutral"],
    ]
    assert corpus.merged == "dropped 1076_MTI_SAD_XX (silent)"
    assert set(read(tmp_path, text="none").column("text")) == {""}


def test_votes_are_those_on_the_voice(tmp_path: Path) -> None:
    corpus = read(tree(tmp_path), known_bad="keep")
    assert corpus.classes == ("anger", "disgust", "fear", "happiness", "neutral", "sadness") and corpus.votes is not None
    np.testing.assert_allclose(corpus.votes, [[0.6, 0.2, 0, 0, 0.2, 0], [0, 0, 0, 0, 1, 0], [np.nan] * 6])
    assert len(corpus) == 3 and corpus.merged == "none"


def test_votes_and_genders_are_absent_without_their_tables(tmp_path: Path) -> None:
    (tmp_path / "1001_IEO_ANG_HI.wav").touch()
    corpus = read(tmp_path)
    assert corpus.votes is None and corpus.column("gender").tolist() == [""]


def test_the_counts_of_the_release(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no audio file named like 1001_IEO_ANG_HI"):
        read(tmp_path)
    for emotion, count in COUNTS_OF_THE_RELEASE.items():
        for number in range(count):
            sentence = list(SENTENCES)[number % 12]
            (tmp_path / f"{1001 + number // 12 % 91}_{sentence}_{emotion}_{('XX', 'LO')[number // 1092]}.wav").touch()
    assert sum(COUNTS_OF_THE_RELEASE.values()) == 7442
    corpus = read(tmp_path, counts="release", known_bad="keep")
    assert (len(corpus), corpus.counts, len(set(corpus.column("speaker")))) == (7442, "as released", 91)
    (tmp_path / "1001_IEO_ANG_XX.wav").unlink()
    with pytest.raises(CorpusError, match=r"ANG 1271 expected, 1270 found; .*corpus\.counts=any"):
        read(tmp_path, counts="release")


@pytest.mark.parametrize("knobs", [{"scheme": "cremad4"}, {"known_bad": "mend"}, {"text": "asr"}, {"counts": "some"}])
def test_a_knob_lists_its_values(knobs: dict[str, str]) -> None:
    with pytest.raises(SettingError, match=f"corpus.{next(iter(knobs))} must be one of"):
        CremaD(**knobs)  # type: ignore[arg-type]
