"""Masking hides a channel in training alone, freezes what reads it alone, and follows from the seed."""

import dataclasses
import math

import pandas as pd
import pytest
import torch

from ser_core.batch import Stream
from ser_core.config.tree import Config
from ser_core.cross_validation.plan import plan
from ser_core.dataset.dataset import Dataset
from ser_core.errors import SettingError
from ser_core.fusion import FUSIONS
from ser_core.keyed_dropout import DropoutKey
from ser_core.masking import MASKINGS, MaskingOption
from ser_core.masking.epoch import EpochMasking
from ser_core.masking.masking import MaskedFusion, mask_channel
from ser_core.masking.utterance import ChannelDropout, UtteranceMasking
from ser_core.model import SpeechEmotionModel, build_model
from ser_core.training.epoch import train_epoch
from ser_core.training.evaluate import predict
from ser_core.training.fit import fit
from ser_core.training.train_state import begin_stage, new_model
from tests.conftest import Configure

CHANNELS = ("speech", "text")
ROWS = list(range(0, 96, 5))


@pytest.fixture(params=[name for name in MASKINGS if name != "none"])
def hiding(request: pytest.FixtureRequest) -> str:
    return request.param


def built(config: Config, inputs: Dataset) -> SpeechEmotionModel:
    return build_model(config, inputs, torch.arange(48), 1)


def planned(option: MaskingOption, epochs: int, seed: int = 0) -> tuple[str, ...]:
    return option.plan(CHANNELS, epochs, torch.Generator().manual_seed(seed))


def test_no_masking_builds_nothing(configure: Configure, inputs: Dataset) -> None:
    plain = built(configure("model.masking=none"), inputs)
    assert not isinstance(plain.fusion, MaskedFusion)
    assert planned(MASKINGS["none"](), 3) == ("", "", "")


def test_a_masked_model_begins_with_the_weights_of_the_plain_one(hiding: str, configure: Configure, inputs: Dataset) -> None:
    knobs = ("model.fusion=bridge",)
    plain, other = built(configure(*knobs), inputs), built(configure(*knobs, f"model.masking={hiding}"), inputs)
    state = {name.replace("fusion.fusion.", "fusion."): value for name, value in other.state_dict().items()}
    assert state.keys() == plain.state_dict().keys()
    assert all(torch.equal(value, state[name]) for name, value in plain.state_dict().items())


def test_evaluation_hears_everything(hiding: str, configure: Configure, inputs: Dataset) -> None:
    plain = configure("model.fusion=bridge")
    whole = configure("model.fusion=bridge", f"model.masking={hiding}", "model.masking.probability=1")
    expected = predict(plain, inputs, built(plain, inputs), ROWS)
    pd.testing.assert_frame_equal(predict(whole, inputs, built(whole, inputs), ROWS), expected, check_exact=True)


def test_a_model_of_one_channel_is_never_masked(hiding: str) -> None:
    option = MASKINGS[hiding](probability=1.0)  # type: ignore[call-arg]
    fusion = FUSIONS["concat"]().build(["speech"], 8, 0.0)
    assert option.around(fusion, ["speech"]) is fusion
    assert option.plan(["speech"], 4, torch.Generator()) == ("",) * 4


def test_the_chance_falls_along_a_cosine_and_is_nothing_once_it_is_small() -> None:
    option, epochs = EpochMasking(), 20
    chances = [option.chance(epoch, epochs) for epoch in range(epochs)]
    assert chances[0] == 0.8 and chances[-1] == 0
    for epoch, chance in enumerate(chances):
        cosine = 0.8 * 0.5 * (1 + math.cos(math.pi * epoch / 19))
        assert chance == pytest.approx(cosine if cosine >= 0.1 else 0)
    assert not any(0 < chance < 0.1 for chance in chances)
    assert option.chance(0, 1) == 0.8


def test_epochs_hide_as_often_as_they_should_and_text_in_three_of_five() -> None:
    first = [planned(EpochMasking(), 2, seed)[0] for seed in range(2000)]
    hidden = [name for name in first if name]
    assert len(hidden) / 2000 == pytest.approx(0.8, abs=0.03)
    assert hidden.count("text") / len(hidden) == pytest.approx(0.6, abs=0.04)


def test_the_plan_follows_from_the_configurations_seed_and_the_fold(configure: Configure, inputs: Dataset) -> None:
    def drawn(seed: int, fold: int) -> list[str]:
        config = configure("model.masking=epoch", f"seed={seed}")
        return list(begin_stage(config, inputs, new_model(config, inputs, ROWS, fold), ROWS, fold, 0, 30).masked)

    torch.manual_seed(1)
    first = drawn(0, 1)
    torch.manual_seed(2)
    assert drawn(0, 1) == first
    assert drawn(1, 1) != first != drawn(0, 2)
    assert set(first) == {"speech", "text", ""} and len(first) == 30


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("fusion", ["bridge", "cross_attention", "concat", "mmer", "mbt", "self_attention"])
def test_the_hidden_channels_own_layers_stand_still_and_all_others_learn(
    channel: str, fusion: str, configure: Configure, inputs: Dataset
) -> None:
    config = configure(f"model.fusion={fusion}", "model.masking=epoch", "optim.warmup=0")
    course = begin_stage(config, inputs, new_model(config, inputs, ROWS, 1), ROWS, 1, 0, 3)
    course = dataclasses.replace(course, masked=["", channel, ""])
    train_epoch(config, inputs, course, 1)
    before = {name: value.clone() for name, value in course.model.named_parameters()}
    train_epoch(config, inputs, course, 2)
    still = {name for name, value in course.model.named_parameters() if torch.equal(value, before[name])}
    alone = {name for name in before if f"stems.{channel}." in name or f"refine.{channel}." in name}
    other = next(name for name in CHANNELS if name != channel)
    assert alone <= still
    moving = {name for name in before if "attentions." in name or "tokens" in name or f"stems.{other}." in name}
    assert not {name for name in moving & still if not name.endswith(("key.bias", "layer_scores"))}
    assert all(parameter.requires_grad for parameter in course.model.parameters())


@pytest.mark.parametrize("channel", CHANNELS)
def test_what_is_hidden_reaches_neither_outputs_nor_losses(channel: str, configure: Configure, inputs: Dataset) -> None:
    model, batch, key = built(configure("model.masking=epoch"), inputs), inputs.batch(ROWS), DropoutKey(torch.tensor(3))
    streams = dict(batch.streams)
    steps = streams[channel].steps
    streams[channel] = Stream(steps.flip(0), streams[channel].mask)
    other = type(batch)(streams, batch.targets, batch.rows)
    with mask_channel(model, channel):
        assert torch.equal(model(batch, key)[0]["emotion"], model(other, key)[0]["emotion"])
    assert not torch.equal(model(batch, key)[0]["emotion"], model(other, key)[0]["emotion"])


def test_what_was_frozen_before_stays_frozen(configure: Configure, inputs: Dataset) -> None:
    model = built(configure("model.masking=epoch"), inputs)
    model.stems["speech"].requires_grad_(False)
    with pytest.raises(KeyError), mask_channel(model, "speech"):
        raise KeyError
    assert not any(parameter.requires_grad for parameter in model.stems["speech"].parameters())
    assert all(parameter.requires_grad for parameter in model.stems["text"].parameters())
    assert model.fusion.silence.visible.tolist() == [1, 1]  # type: ignore[union-attr]


def test_an_utterance_loses_one_channel_at_most_and_as_often_as_it_should() -> None:
    size = 4000
    streams = {name: Stream(torch.ones(size, 2, 3), torch.ones(size, 2).bool()) for name in CHANNELS}
    drop = ChannelDropout(probability=0.3, text=0.75)
    heard = {name: stream.steps[:, 0, 0] for name, stream in drop(streams, DropoutKey(torch.tensor(5))).items()}
    assert not ((heard["speech"] == 0) & (heard["text"] == 0)).any()
    assert float((heard["text"] == 0).float().mean()) == pytest.approx(0.225, abs=0.02)
    assert float((heard["speech"] == 0).float().mean()) == pytest.approx(0.075, abs=0.015)
    again = drop(streams, DropoutKey(torch.tensor(5)))["text"].steps[:, 0, 0]
    assert torch.equal(again, heard["text"])
    assert not torch.equal(drop(streams, DropoutKey(torch.tensor(6)))["text"].steps[:, 0, 0], heard["text"])


def test_channel_dropout_draws_at_a_site_of_its_own(configure: Configure, inputs: Dataset) -> None:
    model = built(configure("model.masking=utterance", "model.fusion=bridge"), inputs)
    sites = [module.site for module in model.modules() if hasattr(module, "site")]
    assert len(set(sites)) == len(sites) and 0 not in sites


def test_masking_changes_what_is_trained_and_repeats_itself(hiding: str, configure: Configure, inputs: Dataset) -> None:
    def trained(*overrides: str) -> list[dict[str, float]]:
        config = configure(*overrides, "optim.refit=false")
        training = fit(config, inputs, plan(config, dataset=inputs).folds.folds[0])
        while True:
            try:
                next(training)
            except StopIteration as stop:
                return stop.value.epochs

    knobs = (f"model.masking={hiding}", "model.masking.probability=1")
    assert trained(*knobs) == trained(*knobs) != trained()


@pytest.mark.parametrize("option", [EpochMasking, UtteranceMasking])
@pytest.mark.parametrize("knob", ["probability", "text"])
def test_probabilities_are_probabilities(option: type[MaskingOption], knob: str) -> None:
    with pytest.raises(SettingError, match=rf"model\.masking\.{knob} must be from 0 to 1, got 1\.5"):
        option(**{knob: 1.5})
