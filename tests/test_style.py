"""The house's measures: files and functions that fit, a sentence under every knob, names that say something."""

import ast
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from ser_core.config.compose import compose
from ser_core.options import Option, field_sentences
from tests.shared_material import ROOT

MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 40
SAYING_NOTHING = {"utils", "util", "helpers", "common", "manager", "misc", "args", "base", "core", "tools"}
ROOMS = ("ser_core", "search_spaces", "ablations", "cluster", "tests")
FILES = sorted(file for room in ROOMS for file in (ROOT / room).rglob("*.py"))


def short(file: Path) -> str:
    return str(file.relative_to(ROOT))


def options(base: type[Option] = Option) -> Iterator[type[Option]]:
    compose()
    for option in base.__subclasses__():
        if option.__module__.startswith("ser_core"):
            yield option
            yield from options(option)


@pytest.mark.parametrize("file", FILES, ids=short)
def test_a_file_fits(file: Path) -> None:
    text = file.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {node.name: node.end_lineno - node.lineno + 1 for node in functions if node.end_lineno}
    assert not {name: lines for name, lines in long.items() if lines > MOST_LINES_OF_A_FUNCTION}


@pytest.mark.parametrize("file", [file for file in FILES if "tests" not in file.parts], ids=short)
def test_a_module_says_what_it_is(file: Path) -> None:
    docstring = ast.get_docstring(ast.parse(file.read_text()))
    assert docstring and docstring.splitlines()[0].endswith((".", "?", ":"))
    assert not {file.stem, *file.parent.relative_to(ROOT).parts}.intersection(SAYING_NOTHING)


@pytest.mark.parametrize("option", sorted(set(options()), key=lambda option: option.__qualname__))
def test_every_knob_has_a_sentence(option: type[Option]) -> None:
    sentences = field_sentences(option)
    silent = [field.name for field in dataclasses.fields(option) if not sentences.get(field.name, "").endswith(".")]
    assert not silent
    assert option.__doc__ and not option.__doc__.startswith(f"{option.__name__}(")
