"""Names have one spelling: what cannot be seen is no part of them, look-alikes are refused or told, real ids pass."""

import dataclasses
import unicodedata
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_core.corpus.corpus import Corpus, complete
from ser_core.corpus.names import likely_same_names, read_name, same_names
from ser_core.corpus.table import Table
from ser_core.errors import CorpusError
from tests.ser_core.folds.made import option, split

INVISIBLE = ["\u200b", "\ufeff", "\u00ad", "\u200e", "\u2060", "\u200c", "\u200d", "\x00", "\ufe0f"]
WHITE = [" ", "\t", "\u00a0", "\u3000", "\u2009", "\n"]
NAMES = {"speaker": ["Zoë 1", "José", "마리", "b"], "session": ["Séance 1", "s 2"], "emotion": ["été", "joy"]}


def corpus(rows: list[dict[str, str]], **accepted: str) -> Corpus:
    table = complete(pd.DataFrame(rows))
    classes = tuple(sorted(set(table["emotion"]) - {""}))
    return Corpus("made", table, classes, (), "none", "made here", **accepted)


def rows_of(*speakers: str, **columns: str) -> list[dict[str, str]]:
    """Two utterances of each speaker."""
    return [
        {"utterance": f"{place}-{turn}", "file": f"/x/{place}-{turn}.wav", "speaker": speaker, "emotion": "joy", **columns}
        for place, speaker in enumerate(speakers)
        for turn in range(2)
    ]


@st.composite
def decorated(draw: st.DrawFn, name: str) -> str:
    """The name in another form, with white space around and in its gaps, and what cannot be seen anywhere."""
    form = draw(st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
    gap = st.sampled_from(["", *WHITE])
    words = [draw(st.lists(st.sampled_from(WHITE), min_size=1, max_size=2)) if sign == " " else [sign] for sign in name]
    letters = [unicodedata.normalize(form, "".join(word)) + draw(st.sampled_from(["", "", *INVISIBLE])) for word in words]
    if draw(st.booleans()):
        letters = [chr(ord(sign) + 0xFEE0) if sign.isascii() and sign.isdigit() else sign for sign in letters]
    return draw(gap) + "".join(letters) + draw(gap)


@settings(max_examples=30)
@given(st.data())
def test_decorated_names_are_the_same_corpus_and_the_same_folds(data: st.DataObject) -> None:
    plain = [
        {"utterance": f"{n}", "file": f"/x/{n}", **{column: words[n % len(words)] for column, words in NAMES.items()}}
        for n in range(8)
    ]
    marked = [{**row, **{column: data.draw(decorated(row[column])) for column in NAMES}} for row in plain]
    one, other = corpus(plain), corpus(marked)
    assert other.table.equals(one.table) and other.classes == one.classes
    assert other.card("0") == one.card("0") and one.notices == ()
    for protocol in ("lospo", "kfold"):
        chosen = option(protocol, **({"count": 2} if protocol == "kfold" else {}))
        assert split(other, chosen).hash == split(one, chosen).hash


@given(st.text())
def test_reading_a_name_twice_changes_nothing(cell: str) -> None:
    assert read_name(read_name(cell)) == read_name(cell)


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("1 ", "1"),
        ("\ufeffAnna", "Anna"),
        ("Mu\u0308ller", "Müller"),
        ("\uff33\uff11\u3000\uff12", "S1 2"),
        ("a\u00a0 b", "a b"),
        ("so\u00adft", "soft"),
        ("\u3164", ""),
        ("Richard\x92s Date", "Richard\u2019s Date"),
        ("\u0645\u06cc\u200c\u0634\u0648\u062f", "\u0645\u06cc\u200c\u0634\u0648\u062f"),
        ("\U0001f62e\u200d\U0001f4a8", "\U0001f62e\u200d\U0001f4a8"),
        ("0\u200d1", "01"),
    ],
)
def test_a_name_is_what_can_be_seen_of_it(cell: str, name: str) -> None:
    assert read_name(cell) == name


@pytest.mark.parametrize(
    ("names", "difference"),
    [
        (("Anna", "anna"), "case"),
        (("\u0645\u06cc\u0634", "\u0645\u06cc\u200c\u0634"), "invisible characters"),
        (("Spk 1", "Spk_1"), "spaces, _ or -"),
        (("spk1", "spk 1"), "spaces, _ or -"),
        (("very-sad", "very\u2013sad"), "spaces, _ or -"),
        (("3", "03"), "zeros"),
        (("3", "3.0"), "zeros"),
        (("spk_007", "spk_7"), "zeros"),
        (("anna", "\u0430nna"), "letters of another script"),
        (("B1", "\u0412 1"), "letters of another script and spaces, _ or -"),
        (("\u0412\u043e\u0432\u0430", "\u0432\u043e\u0432\u0430"), "case"),
        (("O'Neil", "O\u2019Neil"), "letters of another script"),
        (("7", "\u0667"), "letters of another script"),
        (("\u06a9\u0645", "\u0643\u0645"), "letters of another script"),
    ],
)
@pytest.mark.parametrize("column", ["speaker", "session", "emotion"])
def test_names_that_are_certainly_the_same_are_refused_unless_allowed(
    names: tuple[str, str], difference: str, column: str
) -> None:
    rows = rows_of("p", "q")
    for row in rows:
        row[column] = names[row["utterance"].startswith("1")]
    with pytest.raises(CorpusError, match=rf"{column}s .* differ only in {difference}; .*corpus\.similar_names=allow"):
        corpus(rows)
    (told,) = corpus(rows, similar_names="allow").notices
    assert f"differ only in {difference}" in told


@pytest.mark.parametrize(
    "names",
    [
        ("s1", "sl"),
        ("O1", "01"),
        ("Jose", "José"),
        ("Phoebe Sr", "Phoebe Sr."),
        ("joy", "joy!"),
        ("Müller", "Muller"),
        ("I", "l"),
    ],
)
def test_names_that_are_perhaps_the_same_are_told(names: tuple[str, str]) -> None:
    (told,) = corpus(rows_of(*names)).notices
    assert "speakers" in told and "look alike" in told and all(repr(name) in told for name in names)


@pytest.mark.parametrize(
    "names",
    [
        ["03", "08", "09", "10", "11", "12", "13", "14", "15", "16"],
        [f"{actor:02}" for actor in range(1, 25)],
        [f"Ses{session:02}{sex}" for session in range(1, 6) for sex in "FM"],
        [f"id{number}" for number in range(10001, 11252)],
        [str(number) for number in range(1, 1200)],
        [f"Unknown MSP-PODCAST_{file:04}_{turn:04}" for file in range(30) for turn in range(30)],
        [f"{session}_{turn}" for session in range(1, 25) for turn in range(1, 25)],
        ["-1", "0", "1", "valence -1", "valence 1", "0.5", "0.05", "1.5", "15", "A", "A+", "A-"],
        ["\U0001f600", "\U0001f622", "\U0001f62e\u200d\U0001f4a8", "\U0001f4a8"],
        ["\u0915\u093f", "\u0915\u0941", "王胜男", "林大为", "邓小琪"],
        ["Female-01", "Male-01", "f1", "f2", "m1", "m2", "KL", "JK", "DC", "JE", "OAF", "YAF"],
    ],
)
def test_real_names_are_no_false_alarm(names: list[str]) -> None:
    assert same_names(names) == [] and likely_same_names(names) == []


def test_what_was_read_otherwise_is_counted_once(tmp_path: Path) -> None:
    rows = rows_of("a ", "b", "\u200bc", session=" s  1")
    made = corpus(rows)
    assert made.column("speaker").tolist() == ["a", "a", "b", "b", "c", "c"]
    assert made.notices == (
        "column speaker: 2 cells had spaces around them, 2 cells had invisible characters; "
        "they are read in their plain form, first 'a'",
        "column session: 6 cells had several spaces in a row; they are read in their plain form, first 's 1'",
    )
    assert made.without(["0-0"]).notices == made.notices == dataclasses.replace(made).notices


def table(folder: Path, *lines: str, **knobs: object) -> Corpus:
    for number in range(len(lines)):
        (folder / f"{number}.wav").touch()
    (folder / "table.csv").write_text("\n".join(lines), encoding="utf-8")
    return Table(path=str(folder / "table.csv"), **knobs).read(folder)  # pyright: ignore[reportArgumentType]


def test_labels_of_the_command_line_and_of_votes_are_compared_alike(tmp_path: Path) -> None:
    lines = ["file,speaker,emotion,votes.e\u0301te\u0301 ,votes.sad", "0.wav,a,e\u0301te\u0301 ,2,1", "1.wav,a, sad,0,3"]
    read = table(tmp_path, *lines, classes=["été ", "\u200bsad"])
    assert read.classes == ("été", "sad") and read.column("emotion").tolist() == ["été", "sad"]
    assert read.votes is not None and read.votes.round(2).tolist() == [[0.67, 0.33], [0.0, 1.0]]
    assert table(tmp_path, *lines, merge=[" e\u0301te\u0301:joy"]).classes == ("joy", "sad")


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        (
            {"classes": ["happy", "sad"]},
            r"corpus\.classes names 'happy' but leaves out 'Happy' of the table.*corpus\.merge=\[Happy:happy\]",
        ),
        ({"merge": ["happy:joy"]}, r"corpus\.merge names 'happy' but leaves out 'Happy' of the table"),
        ({}, r"emotions 'Happy' \(1\) and 'happy' \(1\) differ only in case"),
    ],
)
def test_a_label_left_out_for_its_spelling_is_refused(tmp_path: Path, knobs: dict[str, list[str]], message: str) -> None:
    lines = ["file,speaker,emotion", "0.wav,a,happy", "1.wav,a,Happy", "2.wav,b,sad"]
    with pytest.raises(CorpusError, match=message):
        table(tmp_path, *lines, **knobs)
    assert len(table(tmp_path, *lines, merge=["Happy:happy"]).classes) == 2
    assert len(table(tmp_path, *lines, classes=["happy", "sad"], similar_names="allow")) == 2
    with pytest.raises(CorpusError, match=r"label scheme names 'sad' but leaves out 'SAD' of the table"):
        table(tmp_path, "file,speaker,emotion,votes.SAD", "0.wav,a,sad,1")


def test_all_similar_names_come_at_once() -> None:
    rows = [*rows_of("Anna", "anna", "B", "b", session="S"), {**rows_of("c", session="s")[0], "utterance": "z", "emotion": "Joy"}]
    with pytest.raises(CorpusError) as caught:
        corpus(rows)
    assert all(word in str(caught.value) for word in ("'Anna' (2) and 'anna' (2)", "'B' (2) and 'b' (2)", "sessions", "emotions"))
