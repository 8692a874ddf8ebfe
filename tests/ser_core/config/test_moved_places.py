"""Paths move to where a node has its corpora, and come back for the record."""

from pathlib import Path

import pytest

from ser_core.config.compose import compose
from ser_core.config.identity import fingerprint
from ser_core.config.moved_places import with_places, with_places_of
from tests.shared_material import shared

pytestmark = pytest.mark.shared


@pytest.fixture
def config(tmp_path):
    checkpoint = shared("models", "whisper-tiny.en-encoder")
    overrides = ["corpus=emodb", "model.text=none", f"corpus.root={shared('data', 'emodb')}", f"model.speech={checkpoint}"]
    return compose(overrides, tmp_path)


def test_every_path_moves_but_the_store_and_comes_back(config, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.symlink_to(shared("data").parent)
    found = with_places(config, {str(shared("data").parent.resolve()): str(elsewhere), str(tmp_path): "/nowhere"})
    assert found.corpus.root == str(elsewhere / "data" / "emodb")
    assert found.model.speech.path == str(elsewhere / "models" / "whisper-tiny.en-encoder")
    assert found.run.store == config.run.store
    assert fingerprint(found) == fingerprint(config)
    assert with_places_of(found, config) == config


def test_without_a_move_nothing_changes(config):
    assert with_places(config, {}) == config
    assert with_places(config, {"/no/such/place": "/data"}) == config
    assert Path(config.corpus.root).exists()
