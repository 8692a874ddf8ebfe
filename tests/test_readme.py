"""What every README says is true of the program: its commands parse, its overrides compose, its paths exist, its recipes work."""

import dataclasses
import importlib
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
import torch
import typer

from ablations.designs import DESIGNS, Factorial
from ablations.studies import STUDIES
from cluster.cli.main import app
from cluster.submit import LAUNCHERS
from cluster.tune.resources import split_overrides
from search_spaces.spaces import SPACES
from ser_core.config.compose import compose
from ser_core.corpus import CORPORA
from ser_core.encoders import SPEECH
from ser_core.errors import CorpusError
from ser_core.systems import SYSTEMS
from tests.shared_material import shared

ROOT = Path(__file__).resolve().parents[1]
READMES = {
    name: (ROOT / name).read_text()
    for name in (
        *("README.md", "ser_core/README.md", "search_spaces/README.md", "ablations/README.md", "ablations/RESULTS.md"),
        *("cluster/README.md", "tests/benchmarks/README.md"),
    )
}
MAIN = "    pip install uv && uv run ser ablate fusion"
TESTS = "    uv run pytest"
"""These two lines are read by CI and by a script that plays a newcomer."""
OUTSIDE = {"README.md", "pyproject.toml", "requirements.lock", "LICENSE", ".pre-commit-config.yaml"}
ROOMS = ("ser_core/", "search_spaces/", "ablations/", "cluster/", "tests/", ".ci/")
RECIPES = {
    *(
        "fusion/gated.py",
        "tasks/script.py",
        "metrics/kappa.py",
        "corpus/mine.py",
        "encoders/energy.py",
        "encoders/face.py",
        "weighting/inverse.py",
    ),
    *("regularisation.py", "studies/dropout.py"),
}
"""Files that a reader is asked to write, by the end of their path."""
OLD_TURNS = ("whoever", "whatever", "so many", "of its own", "is told", "became of", "beside", "nobody", "in vain", "anew")
"""Turns that no colleague would say."""
PLACEHOLDERS = {
    "STUDY": "fusion-000000",
    "SEARCH": "search-weights",
    "SPACE": "weights",
    "N": "1",
    "JOB": "ablate-fusion-0000",
    "KEY=A,B": "seed=0,1",
    "MODEL": "0123456789abcdef",
}
"""What stands for the reader's own words, and a word in its place."""


def code_lines(text: str) -> Iterator[str]:
    """The lines of the indented blocks, with $NAME filled in from the lines NAME="..." above them."""
    known: dict[str, str] = {}
    for line in re.findall(r"^    +(\S.*)$", text, re.MULTILINE):
        filled = re.sub(r"\$(\w+)", lambda found: known.get(found[1], found[0]), line)
        if found := re.fullmatch(r'(\w+)="(.*)"', filled):
            known[found[1]] = found[2]
        yield filled.partition("  #")[0].strip()


def commands() -> list[tuple[str, str]]:
    """(README, what stands behind `ser`) of every command, in blocks and in backticks."""
    found = []
    for name, text in READMES.items():
        found += [(name, line.partition("uv run ser ")[2]) for line in code_lines(text) if "uv run ser " in line]
        found += [(name, quoted) for quoted in re.findall(r"`ser ([^`]+)`", text)]
    return list(dict.fromkeys(found))


COMMANDS = commands()


def arguments(command: str) -> list[str]:
    """The words of a command, with words in place of its placeholders."""
    return [PLACEHOLDERS.get(word, word) for word in shlex.split(command)]


def parsed(command: str) -> dict[str, Any]:
    """Parameters of a command, as the command line reads them; nothing is run. `command` is its name. Raises UsageError."""
    words, verb, group = arguments(command), "ser", typer.main.get_command(app)
    while isinstance(group, click.Group) or hasattr(group, "commands"):
        if not words or words[0].startswith("-") or words[0] == "COMMAND":
            return {"command": verb}
        verb = words.pop(0)
        assert verb in group.commands, f"ser has no command {verb}"  # type: ignore[union-attr]
        group = group.commands[verb]  # type: ignore[union-attr]
    words = [word for word in words if word != "--help"]
    required = [each for each in group.params if each.required and each.param_type_name == "argument"]
    with group.make_context(verb, words, resilient_parsing=len(words) < len(required)) as context:
        return {"command": verb, **context.params}


def is_submit_setting(word: str) -> bool:
    """Whether a word is a setting of `ser submit`. It must be one of some launcher."""
    name = word.partition("=")[0]
    known = {f"submit.{field.name}" for launcher in LAUNCHERS.values() for field in dataclasses.fields(launcher)}
    assert name in known or not name.startswith("submit.")
    return name in known


@pytest.mark.parametrize(("readme", "command"), COMMANDS)
def test_every_command_parses_and_its_overrides_compose(readme: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = parsed(command)
    monkeypatch.chdir(ROOT)
    if given["command"] == "ablate" and given.get("study") and "=" not in given["study"]:
        assert given["study"] in {*STUDIES, PLACEHOLDERS["STUDY"]}
    if given["command"] in ("search", "space"):
        named = given.get("space") or given.get("name")
        assert named is None or named in {*SPACES, "NAME"}
    if given["command"] == "systems":
        assert given.get("name") in {*SYSTEMS, "NAME", "", None}
    overrides = [word for word in arguments(command) if re.match(r"[\w./]+=(?!NAME|KEY)", word)]
    factors, corpora = given.get("factor") or (), given["on"] if given["command"] == "cross" else ()
    named = given["studies"] if given["command"] == "across" else ()  # NAME=ID
    overrides = [word for word in overrides if word not in (*factors, *corpora, *named) and not is_submit_setting(word)]
    for corpus in corpora or ("",):
        compose([*split_overrides(overrides)[0], *shlex.split(corpus)], ROOT)
    if factors and given["design"] in DESIGNS:
        assert Factorial(tuple(factors), given["design"], given["resolution"]).designed().variants
    for factor in factors:
        key, _, values = factor.partition("=")
        others = [f"{each.partition('=')[0]}={each.partition('=')[2].split(',')[0]}" for each in factors if each != factor]
        for value in values.split(","):
            compose([*overrides, *others, f"{key}={value}"], ROOT)


def test_there_are_commands_and_the_two_lines_that_others_read() -> None:
    text = READMES["README.md"].splitlines()
    assert len(COMMANDS) > 60
    assert [line.partition("  #")[0].rstrip() for line in text if "pip install uv && uv run ser" in line] == [MAIN]
    assert [line.partition("  #")[0].rstrip() for line in text if line.startswith(TESTS)] == [TESTS]


def test_a_newcomer_reads_to_the_end() -> None:
    assert 120 <= len(READMES["README.md"].splitlines()) <= 150


def test_every_room_has_its_readme_here() -> None:
    there = {str(file.relative_to(ROOT)) for room in ROOMS for file in (ROOT / room).rglob("README.md")}
    assert there <= set(READMES)


@pytest.mark.parametrize("readme", READMES)
def test_every_path_and_link_exists(readme: str) -> None:
    folder, text = (ROOT / readme).parent, READMES[readme]
    quoted = [word for quote in re.findall(r"`([^`\n]+)`", text) for word in quote.split()]
    paths = [word for word in quoted if word in OUTSIDE or word.startswith(ROOMS) or re.fullmatch(r"[\w/]+\.py", word)]
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text)]
    written = [path for path in paths if path.endswith(tuple(RECIPES))]
    missing = [path for path in {*paths, *links}.difference(written) if not ((ROOT / path).exists() or (folder / path).exists())]
    assert not missing
    assert not [path for path in written if (ROOT / path).exists()], "a recipe would overwrite this"


@pytest.mark.parametrize("readme", READMES)
def test_every_anchor_and_module_exists(readme: str) -> None:
    for link in re.findall(r"\]\(([^)]+#[^)]+)\)", READMES[readme]):
        file, _, anchor = link.partition("#")
        titles = re.findall(r"^#+ (.+)$", ((ROOT / readme).parent / file).read_text(), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    for module in re.findall(r"python -m ([\w.]+)", READMES[readme]):
        assert importlib.util.find_spec(module)


@pytest.mark.parametrize("readme", READMES)
def test_its_english_is_of_today(readme: str) -> None:
    assert not re.findall("|".join(rf"\\b{turn}\\b" for turn in OLD_TURNS), READMES[readme], re.IGNORECASE)


@pytest.mark.parametrize("readme", READMES)
def test_every_named_option_exists(readme: str) -> None:
    """Overrides in backticks such as `optim.pack=10` name keys, and values where they are written out."""
    for override in re.findall(r"`([a-z_.]+=[^`]*)`", READMES[readme]):
        words = [word for word in re.split(r"\s+(?=[a-z_.]+=)", override) if word.partition("=")[0] != "variant"]
        if any(re.search(r"[A-Z]{3}|\.\.\.|^key=|=$", word) for word in words):
            continue
        words = [word for word in words if not is_submit_setting(word)]
        context = [each for word in words for each in CONTEXT.get(word.partition("=")[0], ())]
        compose(split_overrides([*context, *words])[0], ROOT)


CHECKPOINT = ("model.speech=../shared/models/whisper-tiny.en-encoder",)
TUNED = (*CHECKPOINT, "model.speech.tune=2")
TABLE, EMODB = ("corpus=table",), ("corpus=emodb",)
TEXT = ("model.text=../shared/models/all-MiniLM-L6-v2",)
CONTEXT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("model.speech.tune", "model.speech.layers"), CHECKPOINT),
    **dict.fromkeys(("model.speech.checkpointing", "model.speech.adapter", "model.speech.integration"), TUNED),
    "model.speech.rate": (*TUNED, "model.speech.adapter=lora"),
    **dict.fromkeys(("model.text.tune", "model.text.pool"), TEXT),
    "model.speech.train_convolutions": (*CHECKPOINT, "model.speech.tune=-1"),
    "model.text.train_embeddings": (*TEXT, "model.text.tune=-1"),
    "optim.sampling": ("tasks.emotion.class_weights=none",),
    "stages.second.sampling": ("stages=two", "tasks.emotion.class_weights=none"),
    "protocol": ("system=cai2021",),
    "model.fusion.pad_first": ("model.fusion=bridge",),
    "tasks.augmented_contrast.anchors": ("tasks.augmented_contrast.variant=paper_code",),
    **dict.fromkeys(("corpus.columns", "corpus.dimensions", "corpus.similar_names", "corpus.unknown_speakers"), TABLE),
    **dict.fromkeys(("corpus.text", "corpus.counts"), EMODB),
}
"""Overrides that an option needs with it, by its key."""


@pytest.mark.shared
def test_the_real_corpora_named_there_can_be_read(tmp_path: Path) -> None:
    sizes = set()
    for _, command in COMMANDS:
        overrides = [word for word in arguments(command) if re.match(r"corpus[.\w]*=", word)]
        if "corpus=emodb" in overrides:
            root = shared("data", "emodb")
            overrides = [f"corpus.root={root}" if word.startswith("corpus.root=") else word for word in overrides]
            sizes.add(len(compose(overrides).corpus.read(tmp_path)))
    assert sizes == {454, 535}


def test_a_table_that_is_not_there_is_named() -> None:
    with pytest.raises(CorpusError, match=r"mine\.csv"):
        compose(["corpus=table", "corpus.path=mine.csv"]).corpus.read(Path())


def recipe(readme: str, name: str, folder: Path) -> ModuleType:
    """The Python block behind the name of its file, imported from a file."""
    code = READMES[readme].partition(f"`{name}`")[2].partition("```python\n")[2].partition("```")[0]
    file = folder / Path(name).name
    file.write_text(code)
    spec = importlib.util.spec_from_file_location(f"recipe_{file.stem}", file)
    assert code and spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def test_the_recipe_of_a_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CORPORA, "mine", recipe("ser_core/README.md", "ser_core/corpus/mine.py", tmp_path).Mine)
    with pytest.raises(CorpusError, match=r"correct corpus\.root"):
        compose(["corpus=mine", f"corpus.root={tmp_path}"]).corpus.read(tmp_path)
    for speaker in ("anna", "ben"):
        (tmp_path / f"{speaker}_01_anger.wav").touch()
    assert compose(["corpus=mine", f"corpus.root={tmp_path}"]).corpus.read(tmp_path).classes == ("anger",)


def test_the_recipe_of_an_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPEECH, "energy", recipe("ser_core/README.md", "ser_core/encoders/energy.py", tmp_path).Energy)
    extractor = compose(["model.speech=energy"]).model.speech.extractor(torch.device("cpu"))
    assert extractor
    assert [tuple(steps.shape) for steps in extractor([torch.ones(1600).numpy()])] == [(2, *extractor.shape)]


@pytest.mark.slow
def test_the_main_job_as_written(tmp_path: Path) -> None:
    first = run_main_job(tmp_path)
    assert "60 folds trained, 0 already recorded" in first
    assert any(word in first for word in ("different: ", "equivalent: ", "undecided: "))
    assert "0 folds trained, 60 already recorded" in run_main_job(tmp_path)


def run_main_job(folder: Path) -> str:
    """`ser ablate fusion` in an empty folder, with this interpreter."""
    call = [sys.executable, "-c", "from cluster.cli.main import main; main()", "ablate", "fusion"]
    done = subprocess.run(call, cwd=folder, env={**os.environ, "COLUMNS": "120"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
