"""`corpus.text` means the same in every reader, and a text file is matched by name or refused with what is missing."""

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ser_core.config.compose import compose
from ser_core.config.identity import fingerprint
from ser_core.corpus import CORPORA, Corpus
from ser_core.corpus.corpus import complete
from ser_core.corpus.demo import DemoCorpus
from ser_core.corpus.emodb import EmoDB
from ser_core.corpus.iemocap import Iemocap
from ser_core.corpus.table import Table
from ser_core.corpus.text_file import TEXTS, with_text
from ser_core.errors import CorpusError, SettingError
from ser_core.options import field_sentences
from tests.ser_core.corpus import test_iemocap, test_meld, test_msp_podcast, test_release

NAMES = ("a1", "a2", "b1")
CHOOSING = [name for name, option in CORPORA.items() if getattr(option(), "text", "unsaid")]
"""Readers whose `corpus.text` chooses a source; where it is empty by default it names a column of the corpus's own tables."""


def table(**columns: Any) -> pd.DataFrame:
    rows = [{"utterance": name, "file": f"/far/{name}.flac", "speaker": "x", "text": f"[NOISE] {name}"} for name in NAMES]
    return complete(pd.DataFrame(rows).assign(**columns))


def texts_in(folder: Path, columns: dict[str, list[Any]], suffix: str = ".csv") -> str:
    file = folder / f"heard{suffix}"
    written = pd.DataFrame(columns)
    written.to_parquet(file) if suffix == ".parquet" else written.to_csv(file, index=False)
    return str(file)


def heard(file: str, made: pd.DataFrame | None = None) -> tuple[list[str], str]:
    found, source, _ = with_text("made", table() if made is None else made, "column", file, "transcripts")
    return found["text"].tolist(), source


def test_gold_keeps_tags_plain_has_none_and_none_has_nothing() -> None:
    said = {text: with_text("made", table(), text, "", "transcripts") for text in ("gold", "plain", "none")}
    assert {text: (found["text"].tolist()[0], source) for text, (found, source, _) in said.items()} == {
        "gold": ("[NOISE] a1", "gold transcripts, 0 empty"),
        "plain": ("a1", "plain transcripts, 0 empty"),
        "none": ("", "none"),
    }
    assert with_text("made", table(text="[LAUGHTER]"), "plain", "", "transcripts")[1] == "plain transcripts, 3 empty"


@pytest.mark.parametrize("given", ["m3.s_no_5", "wav/m3.s_no_5.wav", "m3.s_no_5.TXT", "/far/m3.s_no_5.flac", "m3.s_no_5.mp4"])
def test_a_dot_in_a_name_is_part_of_it(tmp_path: Path, given: str) -> None:
    made = table().iloc[:2].assign(file=["/here/m3.s_no_5.wav", "/here/m3.s_yes_5.wav"])
    file = texts_in(tmp_path, {"file": [given, "m3.s_yes_5"], "text": ["no", "yes"]})
    assert heard(file, made)[0] == ["no", "yes"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("key", ["utterance", "file"])
def test_a_text_file_is_matched_by_name_in_any_order(tmp_path: Path, key: str, suffix: str) -> None:
    names = [f"wav/{name}.wav" if key == "file" else name for name in ("b1", "zz", "a1", "a2")]
    file = texts_in(tmp_path, {key: names, "text": ["two", "elsewhere", "one", ""]}, suffix)
    assert heard(file) == (["one", "", "two"], f"column text of heard{suffix}, 1 empty, 1 rows of other utterances passed over")


def test_an_absent_cell_is_an_empty_text(tmp_path: Path) -> None:
    file = texts_in(tmp_path, {"utterance": list(NAMES), "text": ["one", None, "two"]}, ".parquet")
    assert heard(file) == (["one", "", "two"], "column text of heard.parquet, 1 empty")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"utterance": ["a1"], "text": ["x"]}, r"no row for 2 of 3 utterances, first a2; add them, with an empty text"),
        (
            {"utterance": ["A2", "A1"], "text": ["x", "y"]},
            "no row for 3 of 3 utterances, first a1; 2 of its rows name no utterance of this corpus, first A1; add",
        ),
        ({"utterance": ["a1", "a1"], "text": ["x", "y"]}, "has 1 names more than once, first a1"),
        ({"file": ["x/a1.wav", "y/a1.flac"], "text": ["x", "y"]}, "has 1 names more than once, first a1"),
        ({"name": ["a1"], "text": ["x"]}, r"needs the columns utterance \(or file\) and text; it has name, text"),
        (
            {"utterance": ["a1"], "words": ["x"]},
            r"column 'text' is missing \(did you mean words\? then rename it to text\); it has utterance, words",
        ),
    ],
)
def test_a_text_file_that_does_not_fit_is_refused(tmp_path: Path, columns: dict[str, list[str]], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        heard(texts_in(tmp_path, columns))


def test_names_that_say_nothing_are_refused(tmp_path: Path) -> None:
    file = texts_in(tmp_path, {"file": ["a1.wav"], "text": ["x"]})
    with pytest.raises(CorpusError, match=r"several utterances share a file name, so .*heard\.csv needs a column utterance"):
        heard(file, table(file="/far/long.wav"))
    with pytest.raises(CorpusError, match=r"corpus\.text=column needs its file: add corpus\.text_file=FILE\.csv"):
        heard("")
    with pytest.raises(CorpusError, match=r"no file .*nowhere\.csv; correct corpus\.text_file"):
        heard(str(tmp_path / "nowhere.csv"))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", r"heard\.csv: is empty \(0 bytes\)"), (b"PAR1 and no more", "begins like Parquet, but cannot be")],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "heard.csv").write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        heard(str(tmp_path / "heard.csv"))


def test_faults_of_a_text_file_come_at_once_and_what_it_says_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError, match=r"(?s)has 2 kinds of fault.*1 names more than once, first a1 \(line 3 'a1'\).*no row for 1"
    ):
        heard(texts_in(tmp_path, {"utterance": ["a1", "a1", "b1"], "text": ["x", "y", "z"]}))
    (tmp_path / "heard.txt").write_bytes("utterance;text\na1;caf\xe9; oh\n".encode("cp1252"))
    with pytest.raises(CorpusError, match=r"rows have more cells than the 2 of the header \(utterance, text\).*line 2 has 3"):
        heard(str(tmp_path / "heard.txt"))
    (tmp_path / "heard.txt").write_bytes("utterance;text\na1;caf\xe9\na2;NA\nb1;none\n".encode("cp1252"))
    found, _, notices = with_text("made", table(), "column", str(tmp_path / "heard.txt"), "")
    assert found["text"].tolist() == ["caf\xe9", "", "none"]
    assert len(notices) == 2 and "read as Windows-1252" in notices[0] and "contains NA (1) and counts as absent" in notices[1]


@pytest.mark.parametrize("name", CHOOSING)
def test_every_reader_offers_a_column_and_none_and_refuses_a_file_that_nobody_reads(name: str) -> None:
    option = CORPORA[name]
    assert {"text", "text_file"} <= set(field_sentences(option))
    made = option()
    for text in ("column", "none"):
        dataclasses.replace(made, text=text)  # type: ignore[call-arg]
    with pytest.raises(SettingError, match=r"corpus\.text_file needs corpus\.text=column, got 'none'"):
        dataclasses.replace(made, text="none", text_file="heard.csv")  # type: ignore[call-arg]
    with pytest.raises(SettingError, match=r"corpus\.text must be one of .*column.*none"):
        dataclasses.replace(made, text="asr")  # type: ignore[call-arg]


@pytest.mark.parametrize("name", ["iemocap", "meld", "msp_podcast", "demo"])
def test_corpora_with_transcripts_share_one_vocabulary(name: str) -> None:
    for text in TEXTS:
        compose([f"corpus={name}", f"corpus.text={text}"])


def columns_of(name: str, folder: Path, **knobs: Any) -> Corpus:
    """A made release of this corpus."""
    folder.mkdir()
    if name == "emodb":
        return EmoDB(root=test_release.tree(folder, test_release.EMODB), counts="any", **knobs).read(folder)
    made = {"iemocap": test_iemocap, "meld": test_meld, "msp_podcast": test_msp_podcast}[name]
    made.tree(folder)
    return made.read(folder, **knobs)


@pytest.mark.parametrize("name", ["emodb", "iemocap", "meld", "msp_podcast"])
def test_readers_take_their_text_from_the_file(tmp_path: Path, name: str) -> None:
    plain = columns_of(name, tmp_path / "one")
    utterances = plain.column("utterance").tolist()
    file = texts_in(tmp_path, {"utterance": utterances, "text": [f"heard {each}" for each in utterances]})
    corpus = columns_of(name, tmp_path / "two", text="column", text_file=file)
    assert corpus.column("text").tolist() == [f"heard {each}" for each in utterances]
    assert corpus.text_source == "column text of heard.csv, 0 empty"
    assert corpus.card("")["content"] != plain.card("")["content"]


def test_the_place_of_a_text_file_is_no_part_of_the_experiment() -> None:
    one, other = (
        compose(["corpus=iemocap", "corpus.text=column", f"corpus.text_file={place}"]) for place in ("/a.csv", "/b.csv")
    )
    assert fingerprint(one) == fingerprint(other) != fingerprint(compose(["corpus=iemocap"]))
    assert Iemocap().text == "plain"


def test_the_demo_corpus_can_be_heard_by_a_recogniser(tmp_path: Path, spoken_store: Path) -> None:
    """Its text is content alone: the fingerprint of the defaults stays, the split is another."""
    cache = spoken_store / "cache"
    said = DemoCorpus(speakers=4, sentences=6).read(cache)
    utterances = said.column("utterance").tolist()
    file = texts_in(tmp_path, {"utterance": utterances, "text": ["so they say"] * len(utterances)})
    misheard = DemoCorpus(speakers=4, sentences=6, text="column", text_file=file).read(cache)
    assert set(misheard.column("text")) == {"so they say"}
    assert misheard.card("")["content"] != said.card("")["content"]
    assert DemoCorpus(speakers=4, sentences=6, text="plain").read(cache).card("") == said.card("")
    assert set(DemoCorpus(speakers=4, sentences=6, text="none").read(cache).column("text")) == {""}
    assert fingerprint(compose(["corpus.text=column", f"corpus.text_file={file}"])) == fingerprint(compose())


def test_a_table_has_its_own_column_or_another_file(tmp_path: Path) -> None:
    pd.DataFrame({"file": ["a1.wav", "b1.wav"], "speaker": ["1", "2"], "text": ["[NOISE] a", "b"]}).to_csv(tmp_path / "t.csv")
    path = str(tmp_path / "t.csv")
    file = texts_in(tmp_path, {"file": ["b1", "a1"], "text": ["heard b", "heard a"]})
    made = {
        "own": Table(path=path),
        "plain": Table(path=path, text="plain"),
        "heard": Table(path=path, text_file=file),
        "none": Table(path=path, text="none"),
    }
    assert {name: [*(c := option.read(tmp_path)).column("text"), c.text_source] for name, option in made.items()} == {
        "own": ["[NOISE] a", "b", "column text"],
        "plain": ["a", "b", "plain column text, 0 empty"],
        "heard": ["heard a", "heard b", "column text of heard.csv, 0 empty"],
        "none": ["", "", "none"],
    }
