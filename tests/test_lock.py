"""requirements.lock names exactly what these tests run with, holds a hash for each, and no address."""

import importlib.metadata
import os
import re
from pathlib import Path

import pytest
from packaging.markers import Marker

LOCK = (Path(__file__).resolve().parents[1] / "requirements.lock").read_text()
PINS = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+?)(?: ; ([^\\\n]+?))? \\\n    --hash=sha256:", LOCK, re.MULTILINE)


def test_it_pins_the_direct_dependencies_and_holds_no_address() -> None:
    names = {name for name, _, _ in PINS}
    assert {"torch", "torchaudio", "ray", "optuna", "mlflow", "hydra-core"} <= names
    assert "://" not in LOCK


@pytest.mark.skipif("CI" not in os.environ, reason="a developer's environment may be newer within the ranges of pyproject.toml")
def test_what_is_installed_is_what_it_pins() -> None:
    wanted = {name: version for name, version, marker in PINS if not marker or Marker(marker).evaluate()}
    found = {name: importlib.metadata.version(name) for name in wanted}
    assert found == wanted
