"""Trained upper layers: equal to the frozen encoder before the first step, blind to padding, moved by training alone."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ser_core.batch import Stream, pad
from ser_core.config.compose import compose
from ser_core.config.identity import fingerprint
from ser_core.cross_validation.plan import plan
from ser_core.encoders.adapters import Lora
from ser_core.encoders.integration import AriRe2
from ser_core.encoders.speech import SpeechCheckpoint
from ser_core.encoders.stems import ConcatenatedStem
from ser_core.encoders.text import TextCheckpoint
from ser_core.encoders.tuned import TunedStem, strided
from ser_core.errors import SettingError
from ser_core.model import build_model
from ser_core.training.fit import Fitted, fit
from ser_core.training.train_state import parameter_groups
from tests.conftest import Configure
from tests.ser_core.encoders.checkpoints import LAYERS, all_speech, all_text, speech_checkpoint, text_checkpoint

CPU = torch.device("cpu")
WAVES = [np.random.default_rng(row).normal(size=size).astype("f4") for row, size in enumerate((16_000, 9_000, 24_000))]
TEXTS = ["i am so happy !", "sad", "i am sadder"]
ROUNDED = 4e-3
"""Features are stored in half precision; states of these checkpoints are about 2."""


def states_of(option: SpeechCheckpoint | TextCheckpoint, items: list) -> tuple[Stream, list[torch.Tensor]]:
    """What the trained layers make of a padded batch before training, and what the frozen encoder yields."""
    tuning = option.tuning(CPU)
    assert tuning is not None
    lower = pad(option.lower(CPU)(items))
    with torch.no_grad():
        states = tuning.top()(lower.steps[:, :, 0].float(), lower.mask)
    return strided(Stream(torch.stack(states, dim=2), lower.mask), tuning.stride), option.extractor(CPU)(items)


def assert_equal(batch: Stream, frozen: list[torch.Tensor]) -> None:
    for steps, mask, alone in zip(batch.steps, batch.mask, frozen, strict=True):
        assert int(mask.sum()) == len(alone)
        assert torch.allclose(steps[: len(alone)], alone.float(), atol=ROUNDED, rtol=2e-3)


@pytest.mark.parametrize("tune", [*range(1, LAYERS + 1), -1])
@pytest.mark.parametrize("family", all_speech())
def test_untrained_layers_equal_the_frozen_speech_encoder(tmp_path: Path, family: str, tune: int) -> None:
    path = str(speech_checkpoint(tmp_path / "it", family))
    assert_equal(*states_of(SpeechCheckpoint(path=path, tune=tune, stride=3), WAVES))


@pytest.mark.parametrize("tune", [*range(1, LAYERS + 1), -1])
@pytest.mark.parametrize("family", all_text())
def test_untrained_layers_equal_the_frozen_text_encoder(tmp_path: Path, family: str, tune: int) -> None:
    path = str(text_checkpoint(tmp_path / "it", family))
    assert_equal(*states_of(TextCheckpoint(path=path, tune=tune, layers="weighted", max_tokens=32), TEXTS))


def fitted(config, inputs) -> Fitted:
    training = fit(config, inputs, plan(config, dataset=inputs).folds.folds[0])
    while True:
        try:
            next(training)
        except StopIteration as stop:
            return stop.value


@pytest.fixture
def tuned(configure: Configure, tmp_path: Path):
    """A configuration over tiny checkpoints in both channels, by its own overrides."""
    speech, text = speech_checkpoint(tmp_path / "speech", "wavlm"), text_checkpoint(tmp_path / "text")
    paths = ("model.speech=checkpoint", f"model.speech.path={speech}", "model.text=checkpoint", f"model.text.path={text}")
    return lambda *overrides: configure(*paths, "model.text.max_tokens=32", "optim.epochs=2", "optim.refit=false", *overrides)


def test_training_moves_the_trained_layers_and_is_repeatable(tuned) -> None:
    config = tuned("model.speech.tune=1", "model.text.tune=2", "model.speech.rate=1")
    inputs = plan(config).dataset
    before = build_model(config, inputs, torch.arange(8), 1).state_dict()
    once, again = (fitted(config, inputs) for _ in range(2))
    after = once.model.state_dict()
    moved = {name.rpartition(".layers.")[0] for name, values in after.items() if not torch.equal(values, before[name])}
    assert {"stems.speech.top", "stems.text.top"} <= moved
    assert torch.equal(after["stems.speech.top.biases.table"], before["stems.speech.top.biases.table"])
    assert all(torch.equal(values, again.model.state_dict()[name]) for name, values in after.items())
    assert once.epochs == again.epochs


def test_a_fold_trains_everything_from_the_waveform_and_the_tokens(tuned) -> None:
    everything = ("model.speech.train_convolutions=true", "model.text.train_embeddings=true")
    config = tuned("model.speech.tune=-1", "model.text.tune=-1", "model.speech.rate=1", "model.text.rate=1", *everything)
    planned = plan(config)
    assert len([notice for notice in planned.notices if "no stored states replace any part of it" in notice]) == 2
    inputs = planned.dataset
    speech, text = (inputs.channels[name] for name in ("speech", "text"))
    assert speech.sequences[0].dtype == torch.float32 and text.sequences[0].dtype == torch.int32
    # Tasks count steps, of which a waveform has none.
    assert speech.frozen is not None and list(speech.lengths) == [len(speech.frozen[row]) for row in range(len(speech.lengths))]
    before = build_model(config, inputs, torch.arange(8), 1).state_dict()
    after = fitted(config, inputs).model.state_dict()
    moved = {name for name, values in after.items() if not torch.equal(values, before[name])}
    for part in ("speech.front.encoder.model.feature_extractor", "text.front.encoder.model.embeddings", "speech.top.layers.0"):
        assert any(name.startswith(f"stems.{part}") for name in moved)
    assert "stems.speech.top.biases.table" in moved


def test_switches_at_their_default_rename_nothing(tuned) -> None:
    given = ("model.speech.train_convolutions=false", "model.text.train_embeddings=false", "model.text.pool=tokens")
    assert fingerprint(tuned(*given)) == fingerprint(tuned())
    tune = ("model.speech.tune=-1", "model.text.tune=-1")
    switches = ("model.speech.train_convolutions=true", "model.text.train_embeddings=true")
    assert len({fingerprint(tuned(*tune, *some)) for some in ((), switches[:1], switches[1:], switches)}) == 4
    assert fingerprint(tuned("model.text.pool=last")) != fingerprint(tuned())


def test_utterances_of_a_batch_do_not_change_each_other(tuned) -> None:
    config = tuned("model.speech.tune=2")
    inputs = plan(config).dataset
    stem = build_model(config, inputs, torch.arange(8), 1).stems["speech"]
    from ser_core.keyed_dropout import DropoutKey

    together = stem(inputs.batch([0, 5, 9]).streams["speech"], DropoutKey(None))
    for place, row in enumerate((0, 5, 9)):
        alone = stem(inputs.batch([row]).streams["speech"], DropoutKey(None))
        assert torch.allclose(together.steps[place, : alone.steps.shape[1]], alone.steps[0], atol=1e-4)


def test_lower_layers_learn_slower(tuned) -> None:
    config = tuned("model.speech.tune=2", "model.speech.rate=0.1", "model.speech.decay=0.5")
    model = build_model(config, plan(config).dataset, torch.arange(8), 1)
    stem = model.stems["speech"]
    assert isinstance(stem, TunedStem)
    rates = {
        id(p): group.get("lr")
        for group in parameter_groups(model, config.optim, config.stage_plans()[0])
        for p in group["params"]
    }
    assert len(rates) == len(list(model.parameters()))
    lowest, uppermost = (rates[id(next(layer.parameters()))] for layer in stem.top.layers)
    assert uppermost == pytest.approx(0.1 * config.optim.learning_rate) and lowest == pytest.approx(uppermost / 2)


def test_new_parameters_learn_at_the_full_rate_and_kept_ones_not_at_all(tuned) -> None:
    inside = ("model.speech.integration=ari_re2", "model.speech.adapter=lora", "model.speech.adapter.rank=2")
    config = tuned("model.speech.tune=-1", "model.speech.rate=0", "model.speech.layers=concat", *inside)
    inputs = plan(config).dataset
    model = build_model(config, inputs, torch.arange(8), 1)
    stem = model.stems["speech"]
    assert isinstance(stem, TunedStem) and isinstance(stem.read, ConcatenatedStem)
    groups = parameter_groups(model, config.optim, config.stage_plans()[0])
    rates = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}  # type: ignore[attr-defined]
    full = config.optim.learning_rate
    assert {(part.kind, rates.get(id(part.parameter))) for part in stem.parts()} == {("encoder", None), ("adapters", full)}
    before, after = (each.state_dict() for each in (model, fitted(config, inputs).model))
    moved = {name for name in before if name.startswith("stems.speech.top.") and not torch.equal(before[name], after[name])}
    new = {id(part.parameter) for part in stem.parts() if part.kind == "adapters"}
    assert moved and moved <= {name for name, each in model.named_parameters() if id(each) in new}


def test_statistics_are_those_of_the_frozen_encoder(tuned) -> None:
    """So the linear model beside a tuned one, and the tuned one before its first step, see what the frozen one sees."""
    frozen, trained = (plan(tuned(f"model.speech.tune={tune}")).dataset.channels["speech"] for tune in (0, LAYERS))
    assert trained.layers == frozen.layers == LAYERS + 1
    assert torch.equal(frozen.means, trained.means)


def test_rates_of_a_frozen_encoder_make_no_other_experiment(tuned) -> None:
    assert fingerprint(tuned()) == fingerprint(tuned("model.speech.rate=0.5", "model.text.decay=0.5"))
    assert len({fingerprint(tuned(f"model.speech.tune={tune}")) for tune in range(3)}) == 3
    every, counted = (tuned(f"model.speech.tune={tune}", f"model.text.tune={tune}") for tune in (-1, LAYERS))
    assert every != counted and fingerprint(every) == fingerprint(counted)


def test_recomputing_makes_no_other_experiment(tuned) -> None:
    one, other = (tuned("model.speech.tune=1", f"model.speech.checkpointing={each}") for each in ("true", "false"))
    assert one != other and fingerprint(one) == fingerprint(other)


def test_impossible_tuning_is_refused(tmp_path: Path) -> None:
    path = str(speech_checkpoint(tmp_path / "it", "hubert"))
    with pytest.raises(SettingError, match=r"model\.speech\.tune must be 0 to 3 for this checkpoint, or -1 for all, got 4"):
        SpeechCheckpoint(path=path, tune=4).extractor(CPU)
    with pytest.raises(SettingError, match=r"model\.text\.tune must be at least -1, got -2"):
        TextCheckpoint(path=path, tune=-2)
    with pytest.raises(SettingError, match=r"model\.speech\.layers must be weighted, concat or last"):
        compose(["model.speech=checkpoint", f"model.speech.path={path}", "model.speech.tune=1", "model.speech.layers=1"])
    with pytest.raises(SettingError, match=r"model\.speech\.rate must be from 0 to 1"):
        SpeechCheckpoint(path=path, rate=2)
    with pytest.raises(SettingError, match=r"model\.speech\.rate=0 trains nothing: add model\.speech\.adapter=lora"):
        SpeechCheckpoint(path=path, tune=1, rate=0)
    with pytest.raises(SettingError, match=r"model\.text\.adapter=lora needs trained layers: add model\.text\.tune=2"):
        TextCheckpoint(path=path, adapter=Lora())
    with pytest.raises(SettingError, match=r"model\.speech\.integration=ari_re2 needs trained layers"):
        SpeechCheckpoint(path=path, integration=AriRe2())
