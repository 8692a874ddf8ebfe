"""Overrides resolve to one Config, whatever their order and spelling; anything wrong is refused with its key."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_core.config.compose import as_dict, compose
from ser_core.config.identity import fingerprint
from ser_core.config.tree import GROUPS
from ser_core.errors import SettingError
from ser_core.fusion.bridge import Bridge
from tests.ser_core.encoders.checkpoints import speech_checkpoint

MANY = (
    *("model.fusion=bridge", "model.fusion.tokens=4", "seed=3", "optim.epochs=7", "tasks.gender.weight=0.1"),
    *("folds=kfold", "folds.count=3", "model.text=none", "model.speech.mels=40", "audio.longer=centre"),
)

WITHIN_CHECKPOINTS = [
    f"model.{channel}.{inner}" for channel in ("speech", "speech2", "text") for inner in ("integration", "adapter")
]


def test_what_is_given_is_what_is_resolved() -> None:
    config = compose(MANY)
    assert isinstance(config.model.fusion, Bridge)
    assert (config.model.fusion.tokens, config.seed, config.optim.epochs) == (4, 3, 7)
    assert as_dict(config)["folds"] == {"name": "kfold", "dev": {"name": "auto"}, "seed": 0, "count": 3}


@given(st.permutations(MANY))
@settings(max_examples=20)
def test_the_order_of_overrides_does_not_matter(overrides: list[str]) -> None:
    assert compose(overrides) == compose(MANY)


def test_spellings_of_the_same_config_agree() -> None:
    one = compose(["model/fusion=bridge", "optim.learning_rate=1e-3", "tasks.gender.weight=0.50", "optim.refit=true"])
    other = compose(["model.fusion=bridge", "optim.learning_rate=0.001", "tasks.gender.weight=.5", "optim.refit=True"])
    assert one == other
    assert fingerprint(one) == fingerprint(other)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random checkpoint, of which nothing but the hash is asked here."""
    return speech_checkpoint(tmp_path_factory.mktemp("checkpoint"), "hubert")


@pytest.mark.parametrize("group", GROUPS)
def test_every_option_of_every_table_composes(group: str, tiny: Path) -> None:
    outer = [f"{group.rpartition('.')[0]}={tiny}", f"{group.rpartition('.')[0]}.tune=1"] if group in WITHIN_CHECKPOINTS else []
    made = {name: compose([*outer, f"{group}={name}"]) for name in GROUPS[group][0] if name != "checkpoint"}
    assert len({fingerprint(config) for config in made.values()}) == len(made)
    for name, config in made.items():
        option = config
        for part in group.split("."):
            option = getattr(option, part)
        assert option.name == name


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optim.epoch=3", "nearest is optim.epochs"),
        ("model.fusion.tokens=3", "belongs to bridge"),
        ("optim.epochs=few", "optim.epochs"),
        ("optim.epochs=2.5", "optim.epochs"),
        ("optim.refit=maybe", "optim.refit"),
        ("optim.epochs=0", "optim.epochs must be at least 1, got 0"),
        ("optim.warmup=1.5", "optim.warmup must be from 0 to 1, got 1.5"),
        ("optim.learning_rate=nan", "optim.learning_rate must be at least"),
        ("seed=-1", "seed must be at least 0, got -1"),
        ("optim.monitor=test", "optim.monitor must be one of"),
        ("corpus.classes=x", "corpus.classes"),
        ("model.fusion=1,2", "no such option"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key(override: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        compose([override])


@pytest.mark.parametrize(
    "override",
    [
        "+optim.epochs=3",
        "~optim",
        "seed=${optim.epochs}",
        "model.fusion._target_=os.system",
        "seed=1,2",
        "optim.epochs=range(1,3)",
    ],
)
def test_hydras_other_powers_are_refused(override: str) -> None:
    with pytest.raises(SettingError):
        compose([override])


def test_places_start_from_the_given_folder(tmp_path: Path) -> None:
    config = compose(["run.store=runs", "corpus=emodb", "corpus.root=data/emodb"], tmp_path)
    assert config.run.store == str(tmp_path / "runs")
    assert config.corpus.root == str(tmp_path / "data/emodb")  # type: ignore[attr-defined]
    assert compose(["run.store=/elsewhere"], tmp_path).run.store == "/elsewhere"


def test_a_path_given_for_an_encoder_is_its_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "whisper").mkdir()
    config = compose(["model.speech=../whisper"], tmp_path / "here")
    assert as_dict(config)["model"]["speech"]["name"] == "checkpoint"
    assert Path(config.model.speech.path).resolve() == tmp_path / "whisper"  # type: ignore[attr-defined]
