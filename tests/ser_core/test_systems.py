"""The published systems: their figures and citations, what the user's overrides do to them, and that each of them trains."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ser_core.config.compose import compose
from ser_core.config.identity import fingerprint
from ser_core.config.published_system import apply_system, named_systems
from ser_core.config.tree import GROUPS, Config
from ser_core.cross_validation.cross_validate import FoldResult, cross_validate
from ser_core.cross_validation.plan import Plan, plan
from ser_core.cross_validation.records import RunStore
from ser_core.errors import SettingError
from ser_core.systems import DIFFERS, KNOWN, RECONSTRUCTION, ROWS, STATUSES, SYSTEMS
from ser_core.training.fit import fit
from ser_core.training.train_state import new_model
from tests.ser_core.encoders.checkpoints import speech_checkpoint, text_checkpoint

FAMILIES = ("wav2vec2-group", "hubert", "wavlm")
SMALL = (
    *("corpus.speakers=4", "corpus.sentences=6", "run.device=cpu", "model.width=16", "optim.epochs=1", "optim.patience=1"),
    *("optim.batch=24", "audio.max_seconds=1.5"),
)
"""What makes any system small enough for a test."""
SMALLER = {
    "ispas2023": ("model.fusion.heads=2", "model.fusion.tokens=2"),
    "mmer2023": (
        "model.fusion.heads=2",
        "tasks.contrast.projection=4",
        "optim.accumulate=1",
        "tasks.augmented_contrast.projection=4",
        "tasks.augmented_contrast.augmentations=[noise]",
    ),
    "wan2024": ("model.fusion.adapter=4", "stages.first.epochs=1", "stages.second.epochs=1"),
    "gao2024": (),
    "cai2021": ("optim.accumulate=1",),
    "sailer2025": ("tasks.emotion.target=labels",),
    "medusa2025": ("tasks.emotion.target=labels", "optim.accumulate=1", "stages.first.epochs=1", "stages.second.epochs=1"),
}


def left_side(override: str) -> str:
    return override.partition("=")[0]


@pytest.mark.parametrize("name", SYSTEMS)
class TestSystem:
    def test_every_part_says_what_it_is(self, name: str) -> None:
        system = SYSTEMS[name]
        assert system.name == name
        assert {part.row for part in system.parts} == set(ROWS)
        assert [part.row for part in system.parts] == sorted((part.row for part in system.parts), key=ROWS.index)
        for part in system.parts:
            assert part.status in STATUSES
            assert part.paper
            assert part.here.endswith((".", ")")) if part.status != KNOWN else not part.here
        assert system.citation.endswith(system.venue)
        assert set(system.channels) <= {"speech", "text"}

    def test_nothing_is_set_twice_and_neither_place_nor_protocol_is_set(self, name: str) -> None:
        keys = [left_side(override) for override in SYSTEMS[name].overrides]
        assert len(set(keys)) == len(keys)
        assert not [key for key in keys if key.partition(".")[0] in ("corpus", "folds", "run", "seed") or key.endswith(".path")]
        assert not {"model.speech", "weighting"}.intersection(keys)
        compose([f"system={name}", *SYSTEMS[name].folds])

    def test_every_override_is_accepted_where_every_encoder_is_a_checkpoint(self, name: str) -> None:
        """And is there in what is composed: composing the overrides by themselves comes to the same."""
        system = SYSTEMS[name]
        places = [f"model.{channel}=./folder" for channel in system.channels]
        made = apply_system([f"system={name}", *places], GROUPS)
        assert not made.left_out
        alone = compose([*places, *system.overrides])
        assert compose([f"system={name}", *places]) == alone
        assert compose([*places, f"system={name}"]) == alone

    def test_every_override_of_the_user_wins(self, name: str) -> None:
        own = ["model.width=20", "optim.epochs=3", "tasks.emotion.weight=0.5", "model.fusion=perceiver", "stages=three"]
        config = compose([f"system={name}", *own])
        assert (config.model.width, config.optim.epochs, config.tasks.emotion.weight) == (20, 3, 0.5)
        assert config.model.fusion == compose(["model.fusion=perceiver"]).model.fusion
        assert config.stages == compose(["stages=three"]).stages
        assert compose([*own, f"system={name}"]) == config

    def test_a_task_switched_off_is_off_in_every_stage(self, name: str) -> None:
        off = compose([f"system={name}", "tasks.emotion.weight=0", "tasks.gender.weight=0.1"])
        assert all(not stage.weights.given().get("emotion") for stage in off.stages.all().values())

    def test_without_a_checkpoint_it_says_what_it_cannot_follow(self, name: str) -> None:
        system = SYSTEMS[name]
        made = apply_system([f"system={name}"], GROUPS)
        keys = {left_side(override) for override in system.overrides if override.startswith("model.speech.")}
        assert keys == {left_side(override) for override in made.left_out if override.startswith("model.speech.")}
        said = [sentence for sentence in made.not_followed() if "model.speech=logmel" in sentence]
        assert len(said) == 1
        assert all(override in said[0] for override in made.left_out if override.startswith("model.speech."))
        assert compose([f"system={name}"]).model.speech == compose().model.speech

    def test_reconstruction_is_said_in_the_notes(self, name: str) -> None:
        system = SYSTEMS[name]
        notes = " ".join(apply_system([f"system={name}"], GROUPS).notes())
        for status in (RECONSTRUCTION, DIFFERS):
            for sentence in system.departures(status):
                assert sentence.rstrip(".") in notes


@pytest.mark.parametrize(
    ("name", "conditions", "figures"),
    [
        ("ispas2023", "bridge, multi-task", {"UA": 75.71, "WA": 74.6, "CCC valence": 0.748, "CCC arousal": 0.677}),
        ("ispas2023", "bridge + masking, multi-task", {"UA": 75.79, "WA": 74.38, "CCC valence": 0.744, "CCC arousal": 0.679}),
        ("ispas2023", "concat, dimensional", {"CCC valence": 0.617, "CCC arousal": 0.675}),
        ("mmer2023", "full, transcripts", {"WA": 81.2}),
        ("mmer2023", "without CTC", {"WA": 78.1}),
        ("mmer2023", "full, recogniser output when tested", {"WA": 75.0}),
        ("gao2024", "all -> adapters + gender + style, SCLcos", {"UA": 78.49, "WA": 77.85}),
        ("gao2024", "one stage, SER + ASR", {"UA": 75.4, "WA": 75.17, "WER": 19.99}),
        ("cai2021", "CTC weight .1", {"WA": 78.15, "WER": 19.3}),
        ("wan2024", "", {}),
        ("sailer2025", "Whisper with text", {"macro-F1": 40.2}),
        ("medusa2025", "ensemble of 14, challenge test part", {"macro-F1": 43.16}),
    ],
)
def test_figures_are_those_that_were_published(name: str, conditions: str, figures: dict[str, float]) -> None:
    assert {figure.metric: figure.value for figure in SYSTEMS[name].figures(conditions)} == figures


def test_a_system_stands_for_its_published_conditions() -> None:
    for system in SYSTEMS.values():
        assert bool(system.figures(system.headline)) == bool(system.published)


def test_none_is_no_system() -> None:
    assert fingerprint(compose(["system=none"])) == fingerprint(compose())
    assert named_systems([["system=none"], ["optim.epochs=3"]], GROUPS) == []


def test_system_is_no_part_of_the_experiment() -> None:
    """The same configuration without the name is the same experiment."""
    made = apply_system(["system=cai2021", "model.width=32"], GROUPS)
    assert fingerprint(compose(list(made.overrides))) == fingerprint(compose(["system=cai2021", "model.width=32"]))


@pytest.mark.parametrize("name", SYSTEMS)
def test_protocol_paper_sets_the_folds_of_the_paper_and_nothing_else(name: str) -> None:
    system = SYSTEMS[name]
    paper = compose([f"system={name}", "protocol=paper"])
    assert paper == compose([f"system={name}", *system.folds]) == compose(["protocol=paper", f"system={name}"])
    plain = compose([f"system={name}"])
    assert plain.folds == compose().folds != paper.folds
    assert dataclasses.replace(paper, folds=plain.folds) == plain
    assert compose([f"system={name}", "protocol=own"]) == plain


def test_folds_of_the_user_win_over_those_of_the_paper() -> None:
    made = apply_system(["system=mmer2023", "protocol=paper", "folds=kfold", "folds.count=3"], GROUPS)
    config = compose(["system=mmer2023", "protocol=paper", "folds=kfold", "folds.count=3"])
    assert config.folds.name == "kfold" and config.folds.dev.name == "none"
    assert made.own_folds == ("folds=loso",)
    assert "your overrides replace folds=loso" in made.protocol_note()


def test_the_protocol_is_said_in_the_notes() -> None:
    own, paper = (apply_system(["system=mmer2023", *more], GROUPS).notes() for more in ([], ["protocol=paper"]))
    assert own[0] == (
        "Protocol: that of folds.*, not of mmer2023 (5 folds by session, no development part; the last epoch is tested); "
        "protocol=paper sets the paper's."
    )
    assert paper[0].startswith("Protocol of mmer2023 (protocol=paper): 5 folds by session") and "folds.dev=none" in paper[0]
    assert apply_system(["protocol=own"], GROUPS).notes() == []


def test_an_encoder_that_is_absent_is_told() -> None:
    made = apply_system(["system=mmer2023", "model.text=none"], GROUPS)
    assert any("the system reads speech and text, but you set model.text=none" in sentence for sentence in made.notes())


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["system=mmer"], r"no such system \(did you mean mmer2023\?\); choose from none, ispas2023"),
        (["system=mmer2023", "system=cai2021"], "system is given twice"),
        (["system=mmer2023", "model.fusion=brigde"], r"did you mean bridge\?"),
        (["system=mmer2023", "model.fusion.tokens=3"], "it belongs to bridge"),
        (["system=cai2021", "optim.epoch=3"], "the nearest is optim.epochs"),
        (["protocol=paper"], r"protocol=paper sets the folds of a published system, but none is chosen; add system=NAME"),
        (["system=none", "protocol=paper"], "but none is chosen"),
        (["system=cai2021", "protocol=papers"], "no such protocol; choose from own, paper"),
        (["system=cai2021", "protocol=own", "protocol=paper"], "protocol is given twice"),
    ],
)
def test_mistakes_are_answered_with_a_remedy(overrides: list[str], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        compose(overrides)


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory, spoken_store: Path) -> Callable[[str, str], Config]:
    """A small configuration of a system over tiny checkpoints; features are extracted once for each family."""
    folder = tmp_path_factory.mktemp("systems")
    (folder / "store").mkdir()
    (folder / "store" / "cache").symlink_to(spoken_store / "cache")
    text = text_checkpoint(folder / "text")

    def build(name: str, family: str) -> Config:
        if not (folder / family).exists():
            speech_checkpoint(folder / family, family)
        overrides = [f"system={name}", f"model.speech={folder / family}", *SMALL, *SMALLER[name], f"run.store={folder / 'store'}"]
        if "text" in SYSTEMS[name].channels:
            overrides += [f"model.text={text}", "model.text.max_tokens=32"]
        return compose(overrides)

    return build


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", SYSTEMS)
def test_it_trains_an_epoch_with_every_family(placed: Callable[[str, str], Config], name: str, family: str) -> None:
    config = placed(name, family)
    planned = plan(config)
    done = [event for event in cross_validate(config, [1], planned=planned) if isinstance(event, FoldResult)]
    assert len(done) == 1
    stages = planned.config.stage_plans()
    epochs = done[0].record.epochs
    assert len(epochs) == len(stages)
    for stage, epoch in zip(stages, epochs, strict=True):
        assert stage.weights
        assert all(math.isfinite(epoch[task]) for task in stage.weights)
    tested = RunStore(config.run.store).open_test(done[0].record.key)
    assert 0 <= tested.metrics["uar"] <= 1


def test_ispas2023_trains_hubert_and_deberta_v3_end_to_end(tmp_path: Path, spoken_store: Path) -> None:
    """The classes of the paper with tiny random weights: all layers of both encoders are trained, their embeddings are not."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "cache").symlink_to(spoken_store / "cache")
    speech, text = speech_checkpoint(tmp_path / "speech", "hubert"), text_checkpoint(tmp_path / "text", "deberta-v3")
    small = [override for override in SMALL if left_side(override) not in ("optim.epochs", "optim.patience")]
    config = compose(
        [
            *("system=ispas2023", f"model.speech={speech}", f"model.text={text}", "model.text.max_tokens=32", *small),
            *(*SMALLER["ispas2023"], "optim.epochs=3", "optim.patience=3", "optim.learning_rate=1e-3"),
            f"run.store={tmp_path / 'store'}",
        ]
    )
    assert (config.model.speech.tune, config.model.text.tune) == (-1, -1)  # type: ignore[attr-defined]
    planned = plan(config)
    before = new_model(planned.config, planned.dataset, planned.folds.folds[0].train.tolist(), 1).state_dict()
    done = [event for event in cross_validate(config, [1], planned=planned) if isinstance(event, FoldResult)]
    epochs = done[0].record.epochs
    assert len(epochs) == 3 and all(math.isfinite(epoch[task]) for epoch in epochs for task in ("emotion", "dimensions"))
    assert epochs[-1]["emotion"] < epochs[0]["emotion"]
    after = fitted_weights(planned)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    for channel in ("speech", "text"):
        layers = {name for name in before if name.startswith(f"stems.{channel}.top.layers.")}
        assert {int(name.split(".")[4]) for name in layers & moved} == {0, 1, 2}
    assert not [name for name in moved if name.startswith("stems.text.top.biases.")]
    tested = RunStore(config.run.store).open_test(done[0].record.key)
    assert 0 <= tested.metrics["uar"] <= 1 and math.isfinite(tested.metrics["ccc.valence"])


def fitted_weights(planned: Plan) -> dict[str, torch.Tensor]:
    """The weights of the first fold, trained once more in this process."""
    training = fit(planned.config, planned.dataset, planned.folds.folds[0])
    while True:
        try:
            next(training)
        except StopIteration as end:
            return end.value.model.state_dict()
