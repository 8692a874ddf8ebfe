"""A table reads the same in every usual form, and what is no table or has rows that do not fit is named by file and line."""

import csv
import datetime
import decimal
import gzip
import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_core.corpus.user_tables import UserTable, read_user_table
from ser_core.errors import CorpusError

PLAIN = "file,speaker,text\na.wav,03,hi\nb.wav,4,caf\u00e9\n"
CELLS = [["a.wav", "03", "hi"], ["b.wav", "4", "caf\u00e9"]]
MANY = "x" * 200_000


def opened(folder: Path, content: bytes | str, name: str = "t.csv") -> UserTable:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    table = read_user_table(file)
    table.faults.raise_any()
    return table


def parquet(columns: Any) -> bytes:
    content = io.BytesIO()
    pyarrow.parquet.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), content)
    return content.getvalue()


def zipped(name: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr(name, "x")
    return content.getvalue()


LINES = "\n".join(json.dumps({"file": file, "speaker": speaker, "text": text}) for file, speaker, text in CELLS)
FORMS: dict[str, bytes | str] = {
    "commas": PLAIN,
    "semicolons": PLAIN.replace(",", ";"),
    "tabs": PLAIN.replace(",", "\t"),
    "bars": PLAIN.replace(",", "|"),
    "Excel's hint": "sep=;\r\n" + PLAIN.replace(",", ";"),
    "all quoted": "".join(",".join(f'"{cell}"' for cell in line.split(",")) + "\n" for line in PLAIN.splitlines()),
    "lines of a Mac": PLAIN.replace("\n", "\r"),
    "lines of Windows": PLAIN.replace("\n", "\r\n"),
    "no last line end": PLAIN[:-1],
    "empty cells behind": PLAIN.replace("\n", ",,\n"),
    "empty lines and rows": PLAIN.replace("\nb", "\n\n,,\nb"),
    "row numbers of pandas": "".join(f"{n},{line}\n" for n, line in zip(["", "0", "1"], PLAIN.splitlines(), strict=True)),
    "row numbers of R": "".join(f"{n}{line}\n" for n, line in zip(["", "1,", "2,"], PLAIN.splitlines(), strict=True)),
    "UTF-8 with a mark": PLAIN.encode("utf-8-sig"),
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "UTF-16 without a mark": PLAIN.encode("utf-16-le"),
    "UTF-16 with tabs": PLAIN.replace(",", "\t").encode("utf-16"),
    "UTF-32": PLAIN.encode("utf-32"),
    "Windows-1252": PLAIN.encode("cp1252"),
    "gzip": gzip.compress(PLAIN.encode()),
    "JSON lines": LINES,
    "Parquet": parquet(dict(zip(["file", "speaker", "text"], zip(*CELLS, strict=True), strict=True))),
}


@pytest.mark.parametrize("name", ["t.csv", "t.TSV", "t.parquet", "t"])
@pytest.mark.parametrize("form", FORMS)
def test_what_a_file_holds_decides_and_not_its_name(tmp_path: Path, form: str, name: str) -> None:
    table = opened(tmp_path, FORMS[form], name)
    assert table.cells[["file", "speaker", "text"]].to_numpy().tolist() == CELLS
    told = {"Windows-1252": "read as Windows-1252; if 'caf\u00e9' (line 3) looks wrong"}.get(form, "")
    assert told in " ".join(table.notices)
    assert any("not Parquet" in notice for notice in table.notices) == (name.endswith("parquet") and form != "Parquet")


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ('file,text\na,"x, y; z"\n', ["x, y; z"]),
        ("file;text\na;oh, well, no\nb;so, so, so\n", ["oh, well, no", "so, so, so"]),
        ('file,text\na,"two\nlines"\nb,z\n', ["two\nlines", "z"]),
        ('file,text\na,"say ""hi"""\n', ['say "hi"']),
        ('file,text\na,say "hi" now\n', ['say "hi" now']),
        ('file,text\na,"say \\"hi, you\\""\n', ['say "hi, you"']),
        ('file, text\na, "x, y"\n', ["x, y"]),
        ('file\ttext\na\t"open\nb\tz\n', ['"open', "z"]),
        ("file,text\na,h\u2028i\u0085j\x0bk\n", ["h\u2028i\u0085j\x0bk"]),
        ("file,text\na,{x}\n", ["{x}"]),
        ("text\nx\ny\n", ["x", "y"]),
        ('text\n"x, y"\nz\n', ["x, y", "z"]),
    ],
)
def test_separators_and_quotes(tmp_path: Path, text: str, cells: list[str]) -> None:
    assert opened(tmp_path, text).cells["text"].tolist() == cells


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"t\.csv: is empty \(0 bytes\)"),
        (b"\n \n\n", "is blank"),
        ("file,speaker\n", r"has no utterances: a header \(file, speaker\)"),
        (PLAIN + "c.wav,1,oh, well\n", r"more cells than the 3 of the header .*: line 4 has 4, the last ' well'"),
        (PLAIN + '"c\nd",1,x\ne.wav,1\n', "fewer cells than the 3 of the header .*: line 6 has 2, the last '1'"),
        (PLAIN + 'c.wav,1,"open\nd.wav,2,x\n', """line 4: a quote opens a cell but is never closed, at '"open'"""),
        (PLAIN + 'c.wav,1,"say "hi" now"\n', "line 4: a quote within a quoted cell is not doubled"),
        (PLAIN + f"c.wav,1,{MANY}\n", "line 4: a cell has more than 131,072 characters"),
        (PLAIN + 'c.wav,1,"' + "x\n" * 100_000, "line 4: a cell has more than .* is a quote left open"),
        ("file,text,text,text\na,b,c,d\n", r"column 'text' appears 3 times \(columns 2, 3, 4 from the left\)"),
        (PLAIN.replace("hi", "h\0i"), "line 2: a NUL byte"),
        (PLAIN.encode() + b"c.wav,1,\xff\n", "line 4: byte 0xff is not UTF-8, although the rest of the file is"),
        (b"file,text\na,\x81\n", "line 2: byte 0x81 fits neither UTF-8 nor Windows-1252"),
        (PLAIN.encode("utf-16")[:-1], "the file begins as utf-16, but"),
        (np.random.default_rng(0).bytes(3000), "neither text nor Parquet, but binary data"),
        (b"\0" * 99, "holds only NUL bytes"),
        (b"PAR1 and no more", "begins like Parquet, but cannot be read"),
        (parquet({"file": ["a"]})[:-9], "begins like Parquet, but cannot be read"),
        (gzip.compress(PLAIN.encode())[:-9], "the gzip file is cut off"),
        (b"\x1f\x8b and no more", "the gzip file is damaged"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\n", "a Git LFS pointer .*: git lfs pull"),
        (b"\n<!DOCTYPE html><html></html>", "is a web page"),
        (zipped("xl/workbook.xml"), "is an Excel workbook; save the sheet as CSV"),
        (zipped("content.xml"), "is a LibreOffice document"),
        (zipped("t.csv"), r"is a zip file with t\.csv; unpack it"),
        (zipped("t.csv")[:40], "is a damaged zip file"),
        (b"\xd0\xcf\x11\xe0....", "an Excel workbook"),
        (b"\x80\x04...", "a pickle, which is never opened"),
        (b"RIFF\x00\x00\x00\x00WAVE", "is audio"),
        (b"\x89PNG\r\n", "is a picture"),
        ('{"file": "a"}\n{"file": \n', "lines are not JSON objects; .*: line 2"),
        (parquet(pa.table([["a"], ["b"]], names=["x", "x"])), "column 'x' appears 2 times"),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",  # bytes of an archive hold the time
)
def test_what_is_no_table_is_named_with_line_and_remedy(tmp_path: Path, content: bytes | str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        opened(tmp_path, content)


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        *((pa.array([1, None], kind), ["1", ""]) for kind in (pa.int8(), pa.uint16(), pa.int32(), pa.uint64())),
        *((pa.array([1.5, None], kind), ["1.5", ""]) for kind in (pa.float32(), pa.float64())),
        (pa.array([3.0, float("nan")]), ["3.0", ""]),
        (pa.array(["x", None]).dictionary_encode(), ["x", ""]),
        (pa.array([7, None]).dictionary_encode(), ["7", ""]),
        (pa.array(["x", None], pa.large_string()), ["x", ""]),
        (pa.array([b"x", None]), ["x", ""]),
        (pa.array([True, None]), ["True", ""]),
        (pa.array([None, None]), ["", ""]),
        (pa.array([decimal.Decimal("3.50"), None]), ["3.50", ""]),
        *((pa.array([value, None], pa.duration(unit)), ["2", ""]) for unit, value in (("s", 2), ("ms", 2000), ("us", 2 * 10**6))),
        (pa.array([100_000_000, 400_000_000], pa.duration("ns")), ["0.1", "0.4"]),
        (pa.array([datetime.date(2026, 1, 31), None]), ["2026-01-31", ""]),
        (pa.array([datetime.datetime(2026, 1, 31), None], pa.timestamp("s")), ["2026-01-31 00:00:00", ""]),
        (pa.array([datetime.time(0, 0, 1), None], pa.time32("s")), ["00:00:01", ""]),
    ],
    ids=str,
)
def test_every_type_of_parquet_has_cells_of_text(tmp_path: Path, column: pa.Array, cells: list[str]) -> None:
    assert opened(tmp_path, parquet({"file": column})).cells["file"].tolist() == cells


def test_an_index_of_pandas_is_no_column(tmp_path: Path) -> None:
    segments = pd.MultiIndex.from_tuples([("a.wav", pd.Timedelta("100ms"))], names=["file", "start"])
    pd.DataFrame({"x": pd.array([1], dtype="Int64")}, index=segments).to_parquet(tmp_path / "t.parquet")
    table = read_user_table(tmp_path / "t.parquet")
    assert {name: table.cells[name].tolist() for name in table.names} == {"x": ["1"], "file": ["a.wav"], "start": ["0.1"]}
    pd.DataFrame({"file": ["a"]}, index=[7]).to_parquet(tmp_path / "t.parquet")
    assert read_user_table(tmp_path / "t.parquet").names == ["file"]


CELL = st.text(st.sampled_from(list("ab ,;|\t\"'\n\\{}03.\u00e9\u00fc")), max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=6),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "parquet", "json"]),
    separator=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    ending=st.sampled_from(["\n", "\r\n"]),
    packed=st.booleans(),
)
def test_any_table_in_any_form_reads_the_same(
    rows: list[tuple[str, str]], encoding: str, separator: str, quoting: Any, ending: str, packed: bool
) -> None:
    cells = [[f"u{number}", *row] for number, row in enumerate(rows)]
    names = ["utterance", "speaker", "text"]
    if encoding == "parquet":
        content = parquet(dict(zip(names, zip(*cells, strict=True), strict=True)))
    elif encoding == "json":
        content = "\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in cells).encode()
    else:
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=ending)
        writer.writerows([names, *cells])
        content = text.getvalue().encode(encoding)
    with tempfile.TemporaryDirectory() as folder:
        table = opened(Path(folder), gzip.compress(content) if packed else content)
        assert table.cells[names].to_numpy().tolist() == cells
