"""requirements.lock names exactly what these tests run with, holds a hash for each, and no address; uv is held to the same."""

import importlib.metadata
import os
import re
import runpy
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
UV = PROJECT["tool"]["uv"]
PINS = [Requirement(line) for line in UV["constraint-dependencies"]]


def test_uv_is_held_to_the_versions_of_the_lock() -> None:
    """Both are written by `.ci/lock`."""
    assert UV["constraint-dependencies"] == runpy.run_path(str(ROOT / ".ci" / "lock"))["pins"](LOCK)


def test_every_pin_is_one_version_and_the_lock_holds_a_hash_for_each_and_no_address() -> None:
    builds = [Requirement(line) for line in UV["build-constraint-dependencies"]]
    assert all([part.operator for part in pin.specifier] == ["=="] for pin in [*PINS, *builds])
    entries = re.split(r"\n(?=\S)", LOCK)
    assert len(entries) == len(PINS) and all("    --hash=sha256:" in entry for entry in entries)
    assert "://" not in LOCK


def test_every_direct_dependency_is_pinned_within_its_range() -> None:
    versions = {pin.name: next(iter(pin.specifier)).version for pin in PINS}
    direct = [Requirement(line) for line in (*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"])]
    extras = {line for lines in PROJECT["project"]["optional-dependencies"].values() for line in lines}
    assert {*PROJECT["dependency-groups"]["predict"]} <= {*PROJECT["project"]["dependencies"]}
    assert extras <= {*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]}, "tests need the extras"
    assert {wanted.name for wanted in direct} <= versions.keys()
    assert [str(wanted) for wanted in direct if not wanted.specifier.contains(versions[wanted.name])] == []


@pytest.mark.skipif("CI" not in os.environ, reason="a developer's environment may be newer within the ranges of pyproject.toml")
def test_what_is_installed_is_what_it_pins() -> None:
    here = [pin for pin in PINS if not pin.marker or pin.marker.evaluate()]
    found = {pin.name: importlib.metadata.version(pin.name) for pin in here}
    assert [f"{pin}, installed {found[pin.name]}" for pin in here if not pin.specifier.contains(found[pin.name])] == []
