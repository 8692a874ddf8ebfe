"""The terms of a corpus reach the user once, on stderr, and only for a corpus that is there."""

from pathlib import Path

import pytest

from cluster.notices import print_licence
from ser_core.compose import compose
from tests.cluster.conftest import SMALL


def told(capsys: pytest.CaptureFixture[str], overrides: list[str]) -> str:
    print_licence(compose(overrides))
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_each_store_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overrides = ["corpus=iemocap", f"run.store={tmp_path / 'one'}"]
    err = told(capsys, overrides)
    assert err.startswith("corpus iemocap, used with this store for the first time")
    assert "\nredistribution: not allowed: neither audio nor labels\n" in err
    assert told(capsys, overrides) == ""
    assert told(capsys, [overrides[0], f"run.store={tmp_path / 'two'}"]) == err


def test_the_demo_corpus_has_nothing_to_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, [*SMALL, f"run.store={tmp_path}"]) == "" and list(tmp_path.iterdir()) == []
