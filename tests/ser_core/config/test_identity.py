"""A fold's name says what is built: it survives growth of the program, and moves with whatever changes a number."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_core.config.compose import compose
from ser_core.config.identity import channels_fingerprint, default_of, described, fingerprint, is_neutral
from ser_core.config.override_keys import leaves, present_groups
from ser_core.config.tree import GROUPS, Config
from ser_core.fusion.bridge import Bridge
from ser_core.fusion.concat import Concat
from ser_core.options import LEFT_OUT, Option
from ser_core.tasks import Tasks
from ser_core.tasks.gender import Gender

PINS = Path(__file__).with_name("defaults.json")
"""Edition, neutrality and defaults of every option. Run the tests once to add what is new; CI refuses what is not there."""
MANY = (
    *("model.fusion=bridge", "model.fusion.tokens=4", "seed=3", "optim.epochs=7", "tasks.gender.weight=0.1"),
    *("folds=kfold", "folds.count=3", "model.text=none", "model.speech.mels=40", "audio.longer=centre"),
)


def plain_nodes(node: type, key: str = "") -> Iterator[tuple[str, type]]:
    """Every node of the tree that is not chosen by name, by its key."""
    yield key, node
    for name, kind in get_type_hints(node).items():
        inner = f"{key}.{name}".lstrip(".")
        if dataclasses.is_dataclass(kind) and inner not in GROUPS:
            yield from plain_nodes(kind, inner)  # type: ignore[arg-type]


def all_nodes() -> dict[str, type]:
    """Every option there is, by key=name, and every other node by its key."""
    chosen = {f"{key}={name}": option for key, (table, _) in GROUPS.items() for name, option in table.items()}
    within = {f"{at}.{key}": node for at, option in chosen.items() for key, node in plain_nodes(option) if key}
    return {**dict(plain_nodes(Config)), **chosen, **within}


def pinned(node: type, key: str) -> dict[str, Any]:
    """What the names of records rely on in a node: its edition, whether it is neutral, its defaults."""
    fields = [field for field in dataclasses.fields(node) if not LEFT_OUT & set(field.metadata) and field.name != "name"]
    defaults = {field.name: default_of(field) for field in fields}
    plain = {name: value for name, value in defaults.items() if not dataclasses.is_dataclass(value)}
    return {"edition": getattr(node, "edition", 1), "neutral": is_neutral(node), "defaults": plain}


def faults(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What of `now` renames or confuses records that were made before."""
    found = []
    for key in before.keys() & now.keys():
        old, new = before[key], now[key]
        moved = {
            name for name in old["defaults"].keys() & new["defaults"].keys() if old["defaults"][name] != new["defaults"][name]
        }
        if (moved or old["neutral"] != new["neutral"]) and new["edition"] <= old["edition"]:
            found.append(f"{key}: {', '.join(sorted(moved)) or 'neutral'} changed; raise its edition above {old['edition']}")
        if new["edition"] < old["edition"]:
            found.append(f"{key}: its edition fell from {old['edition']} to {new['edition']}")
    return sorted(found)


def test_a_changed_default_raises_an_edition() -> None:
    before = json.loads(PINS.read_text()) if PINS.exists() else {}
    now = json.loads(json.dumps({key: pinned(node, key) for key, node in all_nodes().items()}))
    assert not faults(before, now)
    if before != now:
        PINS.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n")
        pytest.fail(f"{PINS.name} was not up to date and has been written anew: look at the difference and commit it")


def test_it_would_see_a_changed_default() -> None:
    before = {"optim": {"edition": 1, "neutral": False, "defaults": {"epochs": 20}}}
    changed = {"optim": {"edition": 1, "neutral": False, "defaults": {"epochs": 30, "new": 1}}}
    assert faults(before, changed) == ["optim: epochs changed; raise its edition above 1"]
    changed["optim"]["edition"] = 2
    assert faults(before, changed) == []


@pytest.mark.parametrize("overrides", [(), MANY, ("tasks.emotion.weight=2", "stages=two", "model.masking=epoch")])
def test_growth_renames_nothing(overrides: tuple[str, ...]) -> None:
    config = compose(overrides)

    @dataclasses.dataclass(frozen=True)
    class MoreTasks(Tasks):
        dummy: Gender = dataclasses.field(default_factory=Gender)

    @dataclasses.dataclass(frozen=True)
    class MoreOptim(type(config.optim)):  # type: ignore[misc]
        dummy: float = 0.5

    @dataclasses.dataclass(frozen=True)
    class MoreFusion(type(config.model.fusion)):  # type: ignore[misc]
        dummy: list[str] = dataclasses.field(default_factory=list)

    @dataclasses.dataclass(frozen=True)
    class NoPooling(Option):
        neutral: ClassVar[bool] = True
        name: str = "none"

    @dataclasses.dataclass(frozen=True)
    class MoreModel(type(config.model)):  # type: ignore[misc]
        pooling: NoPooling = dataclasses.field(default_factory=NoPooling)

    grown = dataclasses.replace(
        config,
        tasks=MoreTasks(**vars(config.tasks)),
        optim=MoreOptim(**vars(config.optim)),
        model=MoreModel(**{**vars(config.model), "fusion": MoreFusion(**vars(config.model.fusion))}),
    )
    assert fingerprint(grown) == fingerprint(config)
    used = dataclasses.replace(grown, optim=dataclasses.replace(grown.optim, dummy=0.25))
    assert fingerprint(used) != fingerprint(config)


def test_growth_of_the_tables_renames_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(compose(MANY))

    @dataclasses.dataclass(frozen=True)
    class Dummy(Concat):
        name: str = "dummy"

    for key in ("model.fusion", "corpus", "weighting"):
        monkeypatch.setitem(GROUPS[key][0], "dummy", Dummy)
    assert fingerprint(compose(MANY)) == before


def test_an_edition_renames_what_used_the_option_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    bridge, concat = compose(["model.fusion=bridge"]), compose()
    before = fingerprint(bridge), fingerprint(concat)
    monkeypatch.setattr(Bridge, "edition", 2)
    assert fingerprint(bridge) != before[0]
    assert fingerprint(concat) == before[1]


def spellings() -> list[tuple[str, str]]:
    """(override, another way to write it) of every setting of the default tree that has a number or a truth value."""
    config = compose()
    names = {key: default for key, (_, default) in GROUPS.items()}
    found = []
    for key, _ in leaves(Config, GROUPS, names):
        value: Any = config
        for part in key.split("."):
            value = getattr(value, part)
        if isinstance(value, bool):
            found.append((f"{key}={str(value).lower()}", f"{key}={value}"))
        elif isinstance(value, float):
            found.append((f"{key}={value!r}", f"{key}={value:e}"))
        elif isinstance(value, int | str) and value != "":
            found.append((f"{key}={value}", f"{key}='{value}'"))
    return found


@given(st.data())
@settings(max_examples=25)
def test_two_spellings_of_one_configuration_have_one_name(data: st.DataObject) -> None:
    chosen = [f"{key}={data.draw(st.sampled_from(sorted(table)))}" for key, table in choices()]
    pairs = data.draw(st.lists(st.sampled_from(SPELLINGS), max_size=6, unique_by=lambda pair: pair[0].partition("=")[0]))
    base = fingerprint(compose(chosen))
    given_ = [pair[data.draw(st.integers(0, 1))] for pair in pairs if not pair[0].startswith(tuple(key for key, _ in choices()))]
    spelled = {override.partition("=")[0] for override in given_}
    idle = data.draw(st.sampled_from([[], ["tasks.gender.hidden=32"], ["tasks.speaker.weight=0", "tasks.speaker.hidden=8"]]))
    idle = [override for override in idle if override.partition("=")[0] not in spelled]
    assert fingerprint(compose(data.draw(st.permutations([*chosen, *given_, *idle])))) == base


def choices() -> list[tuple[str, list[str]]]:
    """Groups that can be chosen freely here, with their options."""
    wanted = ("model.fusion", "model.masking", "weighting", "stages", "folds", "folds.dev")
    return [(key, list(GROUPS[key][0])) for key in wanted]


SPELLINGS = spellings()


def test_naming_a_default_changes_nothing() -> None:
    there = present_groups(GROUPS, {key: default for key, (_, default) in GROUPS.items()})
    named = [f"{key}={default}" for key, (_, default) in there.items()]
    assert fingerprint(compose(named)) == fingerprint(compose())


@pytest.mark.parametrize("override", ["run.store=/elsewhere", "run.device=cpu", "run.threads=2", "run.on_bad_audio=skip"])
def test_how_it_runs_is_no_part_of_the_experiment(override: str) -> None:
    assert fingerprint(compose([override])) == fingerprint(compose())
    assert compose([override]) != compose()


def test_where_a_corpus_lies_is_no_part_of_the_experiment() -> None:
    names = {fingerprint(compose(["corpus=emodb", f"corpus.root={place}"])) for place in ("/a", "/b")}
    assert len(names) == 1


def test_knobs_of_a_task_of_weight_0_are_no_part_of_the_experiment() -> None:
    off = ["tasks.gender.weight=0", "tasks.gender.hidden=32"]
    assert fingerprint(compose(off)) == fingerprint(compose())
    on = ["tasks.gender.weight=0.1", "tasks.gender.hidden=32"]
    assert fingerprint(compose(on)) != fingerprint(compose(on[:1]))


@pytest.mark.parametrize(
    "override",
    [
        *("seed=1", "optim.epochs=3", "folds.seed=1", "model.width=64", "tasks.gender.weight=0.5", "tasks.emotion.weight=2"),
        *("tasks.emotion.weight=0", "model.text=none", "model.speech=none", "stages=two", "conditions=[speech_only]"),
    ],
)
def test_what_changes_the_training_changes_the_name(override: str) -> None:
    assert fingerprint(compose([override])) != fingerprint(compose())


def test_only_what_differs_is_written_down() -> None:
    written = described(compose(["model.fusion=bridge", "model.fusion.tokens=4", "tasks.gender.weight=0.1"]))
    assert written["model"] == {
        "speech": {"name": "logmel"},
        "text": {"name": "words"},
        "fusion": {"name": "bridge", "tokens": 4},
    }
    assert written["tasks"] == {"emotion": {}, "dimensions": {}, "gender": {"weight": 0.1}}
    assert set(written) == {"corpus", "folds", "model", "tasks"}


def test_variants_over_the_same_channels_share_their_baselines() -> None:
    base = channels_fingerprint(compose())
    assert channels_fingerprint(compose(["model.fusion=bridge", "seed=4", "tasks.gender.weight=0.3"])) == base
    assert channels_fingerprint(compose(["model.text=none"])) != base
    assert channels_fingerprint(compose(["tasks.emotion.weight=0"])) != base


def test_a_fresh_process_finds_the_same_name() -> None:
    program = (
        "from ser_core.config.compose import compose; from ser_core.config.identity import fingerprint; "
        f"print(fingerprint(compose({list(MANY)!r})))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == fingerprint(compose(MANY))
