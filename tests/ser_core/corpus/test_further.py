"""Columns beyond the schema: a table's own or a file's beside any corpus, matched by name, no part of the content."""

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

from ser_core.corpus import Corpus
from ser_core.corpus.further import further_column, further_columns
from ser_core.corpus.table import Table
from ser_core.errors import CorpusError
from tests.ser_core.corpus.test_table import ROWS, read, written

FURTHER = {
    "augmented_file": ["x.wav", "", "y.wav; /far/z.wav", ""],
    "augmented_text": ["one | two", "", "", "three"],
    "asr": ["so", "is", "it", ""],
}


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return read(written(tmp_path, {**ROWS, **FURTHER}), root="/near")


def test_a_table_keeps_its_other_columns_beside_the_schema(corpus: Corpus, tmp_path: Path) -> None:
    assert corpus.further is not None and list(corpus.further) == ["valence", *FURTHER]
    found, _ = further_columns(corpus, Table(), ["augmented_file", "augmented_text", "nothing"])
    assert found["augmented_file"] == ["/near/x.wav", "", "/near/y.wav;/far/z.wav", ""]
    assert found["augmented_text"] == FURTHER["augmented_text"] and set(found) == {"augmented_file", "augmented_text"}
    assert further_column(corpus, Table(), "asr").cells == {"asr": FURTHER["asr"]}
    plain = read(written(tmp_path, ROWS), root="/near")
    assert plain.card("") == corpus.card("")


def test_who_is_left_out_is_left_out_there_too(corpus: Corpus) -> None:
    fewer = corpus.without([str(corpus.column("utterance")[1])])
    assert fewer.further is not None and fewer.further["asr"].tolist() == ["so", "it", ""]


def test_a_file_of_columns_comes_first_and_starts_from_its_own_folder(corpus: Corpus, tmp_path: Path) -> None:
    names = corpus.column("utterance").tolist()
    file = tmp_path / "more.csv"
    pd.DataFrame({"utterance": names[::-1], "augmented_file": ["a.wav", "", "", ""]}).to_csv(file, index=False)
    option = Table(columns_file=str(file))
    found = further_columns(corpus, option, ["augmented_file", "asr"])
    assert found == ({"augmented_file": ["", "", "", str(tmp_path / "a.wav")], "asr": FURTHER["asr"]}, ())


def test_a_file_of_columns_gives_notice_as_a_table_does(corpus: Corpus, tmp_path: Path) -> None:
    file = tmp_path / "more.csv"
    file.write_text("utterance,asr\n" + ",\n" + "".join(f"{name},so\n" for name in corpus.column("utterance")))
    assert further_columns(corpus, Table(columns_file=str(file)), ["asr"]).notices == ("more.csv: 1 empty row is left out",)


def test_what_is_not_there_is_said(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no column 'heard' \(further columns: valence, augmented_file, augmented_text, asr\)"):
        further_column(corpus, Table(), "heard")
    bare, option = dataclasses.replace(corpus, further=None), Table(columns_file=str(tmp_path / "more.csv"))
    with pytest.raises(CorpusError, match="further columns: none"):
        further_column(bare, Table(), "asr")
    with pytest.raises(CorpusError, match=r"no file .*more\.csv; correct corpus\.columns_file"):
        further_column(bare, option, "asr")
    (tmp_path / "more.csv").write_text("name,asr\na,b\n")
    with pytest.raises(CorpusError, match=r"more\.csv: needs a column utterance or file; it has name, asr"):
        further_column(bare, option, "asr")
