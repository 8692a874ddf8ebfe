"""A value stands as it was typed: any path, title, number and list a user may write is read, or refused with its key."""

import os
import random
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ser_core.config.compose import compose
from ser_core.config.override_keys import chosen_options, leaf_types
from ser_core.config.tree import GROUPS, Config
from ser_core.errors import SettingError
from ser_core.override_values import read_value, unquoted

NASTY = "ab 日é😀=#,()[]'\"%&;:$\\~`!|<>*?^@+-.0\t\n"
PATHS = (
    *("日本語.csv", "müller.csv", "epoch=3.csv", "my files/a (b), c.csv", "a#b;c&d.csv", "it's.csv", '"quoted.csv', "100%.csv"),
    *(
        "[a].csv",
        "{a}.csv",
        "$HOME.csv",
        r"C:\data\new.csv",
        "😀.csv",
        "null",
        "true",
        "2024",
        "1e3",
        " a.csv",
        "a:b.csv",
        "~a.csv",
    ),
    *("range(1,3)", "a\tb.csv", "e\u0301.csv", "@x", "+x", "-x"),
)


def field(override: str, *keys: str) -> Any:
    config: Any = compose(["corpus=table", override])
    for key in keys:
        config = getattr(config, key)
    return config


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_read_as_typed_and_within_quotes(path: str, tmp_path: Path) -> None:
    quoted = "'" + path.replace("'", r"\'") + "'"
    config = compose(["corpus=table", f"corpus.path={path}", f"run.store={quoted}"], tmp_path)
    assert config.corpus.path == config.run.store == str(tmp_path / path)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["my models/whisper (base)", "日本/語=3"])
def test_a_checkpoint_lies_anywhere(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir(parents=True)
    speech: Any = compose([f"model.speech=./{name}"], tmp_path).model.speech
    assert (speech.name, speech.path) == ("checkpoint", str(tmp_path / name))


@given(st.text(NASTY, max_size=12))
@settings(max_examples=20)
@example("'a' or 'b'")
@example("'")
@example(r"'it\'s'")
@example("???")
def test_text_is_what_was_typed_less_one_pair_of_quotes(text: str) -> None:
    try:
        assert field(f"corpus.title={text}", "corpus", "title") == unquoted(text)
        quoted = "'" + text.replace("\\", "\\\\").replace("'", r"\'") + "'"
        assert read_value("", quoted, str).replace("\\\\", "\\") == text.replace("\\\\", "\\")
    except SettingError:
        assert "${" in text or unquoted(text) == "???"


@given(st.lists(st.text(NASTY.replace("\\", ""), min_size=1, max_size=6), max_size=4))
def test_entries_of_a_list_are_what_was_quoted(entries: list[str]) -> None:
    quoted = ["'" + entry.replace("'", r"\'") + "'" for entry in entries]
    assert read_value("", f"[{', '.join(quoted)}]", list[str]) == entries
    pairs = ", ".join(f"{entry}: {entry}" for entry in dict.fromkeys(quoted))
    assert read_value("", f"{{{pairs}}}", dict[str, str]) == {entry: entry for entry in entries}


def test_lists_and_mappings_need_no_quotes_for_letters_of_any_script() -> None:
    assert field('corpus.classes=[angry, "very happy", 日本]', "corpus", "classes") == ["angry", "very happy", "日本"]
    assert field("corpus.merge=[excited:happy]", "corpus", "merge") == ["excited:happy"]
    assert field("corpus.merge=[excited:'very, happy']", "corpus", "merge") == ["excited:very, happy"]
    assert read_value("", "{label: emotion, 'a:b': \"c, d\"}", dict[str, str]) == {"label": "emotion", "a:b": "c, d"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optim.epochs=ten", "optim.epochs must be a whole number such as 20; got 'ten'"),
        ("optim.epochs=3.5", "got '3.5'"),
        ("optim.epochs=1e2", "got '1e2'"),
        ("optim.epochs=", "got nothing"),
        ("optim.warmup=0,1", "optim.warmup must be a number such as 0.5; got '0,1'"),
        (f"seed={'9' * 30}", "seed must be at most 9223372036854775807"),
        (f"seed={'9' * 5000}", "99...99"),
        ("optim.refit=", "optim.refit must be true or false; got nothing"),
        ("corpus.classes=very happy", "corpus.classes takes a list in square brackets; write 'corpus.classes=.very happy.'"),
        ("corpus.classes=[a,,b]", "empty entry"),
        ("corpus.title=a\0b", "NUL"),
        ("corpus.title=a\udcffb", "not UTF-8"),
        ("corpus.path =a", "remove the spaces"),
        (f"corpus.path={'a' * 300}", "corpus.path='a+...a+' cannot be used: File name too long"),
        ("run.store=/dev/null", "run.store='/dev/null' is a file; give a folder"),
        ("corpus=emodb", "corpus is given twice"),
        ("model.speech=whisper", r"model.speech=\./NAME"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence_with_the_remedy(override: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        compose(["corpus=table", override])


def test_a_value_that_the_shell_parted_is_shown_with_its_quotes() -> None:
    with pytest.raises(SettingError, match=r"a value with spaces needs quotes: 'corpus.path=my file.csv'"):
        compose(["corpus=table", "corpus.path=my", "file.csv"])


def test_home_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert field("run.store=~/a b", "run", "store") == str(tmp_path / "a b")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(SettingError, match=r"corpus.root=.*permission denied"):
        compose(["corpus=emodb", f"corpus.root={tmp_path / 'closed'}"])


def test_a_hundred_bad_overrides_are_refused_with_their_key_and_nothing_else() -> None:
    draw = random.Random(0)
    kinds = leaf_types(Config, GROUPS, chosen_options([], GROUPS))
    values = (
        "",
        "ten",
        "-1",
        "1e99",
        "nan",
        "inf",
        "null",
        "[",
        "[]",
        "{a:b}",
        "'",
        "'1",
        "1,2",
        "range(1,3)",
        "1_0",
        "0x1",
        "-0",
        "\uff19",
    )
    for _ in range(100):
        key = draw.choice(list(kinds))
        spelled = draw.choice((key, key, key, key.upper(), key[:-1], f"{key}.x", draw.choice(string.punctuation) + key))
        value = draw.choice((*values, "".join(draw.choices(NASTY, k=5))))
        try:
            compose([f"{spelled}={value}"])
        except SettingError as error:
            assert key.rpartition(".")[2][:-1].lower() in str(error).lower(), (spelled, value, str(error))
