"""A configuration survives the way through plain data."""

import json

import pytest

from ser_core.config.compose import as_dict, compose
from ser_core.config.from_dict import config_from
from ser_core.errors import RecordError, SettingError
from ser_core.systems import SYSTEMS


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["model.fusion=bridge", "model.fusion.tokens=4", "corpus=table", "corpus.path=x.csv", "corpus.columns={a: file}"],
        ["stages=two", "stages.first.weights.emotion=0.2", "stages.second.top=1", "weighting=gradnorm", "folds=kfold"],
        *([f"system={name}"] for name in SYSTEMS),
    ],
    ids=str,
)
def test_a_configuration_comes_back(words: list[str]) -> None:
    config = compose(words)
    assert config_from(json.loads(json.dumps(as_dict(config)))) == config


def test_what_this_version_does_not_have_is_named() -> None:
    with pytest.raises(RecordError, match=r"no setting model\.depth"):
        config_from({"model": {"depth": 3}})
    with pytest.raises(RecordError, match=r"no model\.fusion=magic"):
        config_from({"model": {"fusion": {"name": "magic"}}})
    with pytest.raises(SettingError, match=r"model\.width"):
        config_from({"model": {"width": 1}})
