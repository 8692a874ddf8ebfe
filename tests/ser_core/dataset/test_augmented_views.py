"""Stored views reach augmented contrast in training and nobody else, and are drawn evenly by the step's key."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from ser_core.augment import augment
from ser_core.config.compose import compose
from ser_core.config.tree import Config
from ser_core.content_hashes import file_hash
from ser_core.cross_validation.plan import plan
from ser_core.dataset.augmented_views import StoredViews
from ser_core.dataset.channels import text_channel
from ser_core.dataset.dataset import Dataset, load_dataset
from ser_core.encoders.tuned import TunedStem
from ser_core.errors import CorpusError, SettingError
from ser_core.feature_store.features import Speech
from ser_core.keyed_dropout import DropoutKey
from ser_core.model import build_model
from ser_core.training.epoch import train_epoch
from ser_core.training.evaluate import predict
from ser_core.training.fit import fit
from ser_core.training.frozen_states import precompute_frozen
from ser_core.training.train_state import begin_stage, new_model
from tests.conftest import Configure
from tests.ser_core.encoders.checkpoints import speech_checkpoint

NAN = float("nan")
KINDS = ["noise:5", "codec", "speed:1.1"]
CONTRAST = ("tasks.augmented_contrast.weight=0.3", "tasks.augmented_contrast.memory=24")
WAVEFORM = (*CONTRAST, "tasks.augmented_contrast.views=waveform", f"tasks.augmented_contrast.augmentations=[{','.join(KINDS)}]")
ROWS = list(range(0, 96, 5))


@pytest.fixture
def config(configure: Configure) -> Config:
    return configure(*WAVEFORM)


@pytest.fixture
def viewed(config: Config) -> Dataset:
    return load_dataset(config)


def test_a_view_is_the_augmented_waveform_through_the_same_encoder(config: Config, viewed: Dataset) -> None:
    extractor = config.model.speech.extractor(torch.device("cpu"))
    assert extractor is not None
    versions = viewed.views.channels["speech"]
    for row in (0, 50, 95):
        file = str(viewed.corpus.table["file"][row])
        item = Speech("u", file, NAN, NAN, file_hash(file))
        for place, entry in enumerate(KINDS):
            wave = augment(item.read(config.audio, 400), entry, item.segment_id)
            assert torch.equal(versions.channel.sequences[versions.first[row] + place], extractor([wave])[0])
    assert set(viewed.views.channels) == {"speech"} and versions.first == list(range(0, 96 * 3 + 1, 3))


def test_views_are_drawn_evenly_by_the_key_and_brought_only_with_one(viewed: Dataset) -> None:
    versions, drawn = viewed.views.channels["speech"], np.zeros(3)
    for key in range(60):
        stream = viewed.batch(ROWS, torch.tensor(key)).views["speech"]
        for place, row in enumerate(ROWS):
            steps = stream.steps[place][stream.mask[place]]
            stored = [versions.channel.sequences[versions.first[row] + each] for each in range(3)]
            (found,) = [each for each in range(3) if stored[each].shape == steps.shape and torch.equal(stored[each], steps)]
            drawn[found] += 1
    assert drawn / drawn.sum() == pytest.approx([1 / 3] * 3, abs=0.05)
    one, same, other = (viewed.batch(ROWS, torch.tensor(key)).views["speech"].steps for key in (7, 7, 8))
    assert torch.equal(one, same) and (one.shape != other.shape or not torch.equal(one, other))
    text = viewed.batch(ROWS, torch.tensor(7))
    assert torch.equal(text.views["text"].steps, text.streams["text"].steps)
    assert viewed.batch(ROWS).views == {}


def test_no_other_task_sees_a_view(config: Config, viewed: Dataset) -> None:
    model = build_model(config, viewed, torch.arange(48), 1)
    key = torch.tensor(11)
    with_views, without = viewed.batch(ROWS, key), viewed.batch(ROWS)
    (outputs, losses), (plain_outputs, plain_losses) = (model(batch, DropoutKey(key)) for batch in (with_views, without))
    for name in ("emotion", "dimensions"):
        assert torch.equal(outputs[name], plain_outputs[name]) and torch.equal(losses[name], plain_losses[name])
    assert losses["augmented_contrast"] > 0 and plain_losses["augmented_contrast"] == 0


def test_the_loss_of_a_view_reaches_stems_fusion_and_head(configure: Configure, viewed: Dataset) -> None:
    model, key = build_model(configure(*WAVEFORM, "model.fusion=bridge"), viewed, torch.arange(48), 1), torch.tensor(11)
    model(viewed.batch(ROWS, key), DropoutKey(key))[1]["augmented_contrast"].backward()
    reached = {name for name, value in model.named_parameters() if value.grad is not None and value.grad.any()}
    assert {"stems.speech.project", "stems.text.embed.weight"} <= reached
    assert any(name.startswith("fusion.") for name in reached)
    assert {name.split(".")[1] for name in reached if name.startswith("heads.")} == {"augmented_contrast"}


def test_an_utterance_is_nearer_to_its_view_after_training(configure: Configure, viewed: Dataset) -> None:
    config = configure(*WAVEFORM, "optim.learning_rate=0.01", "tasks.augmented_contrast.temperature=0.5", "model.dropout=0")
    course = begin_stage(config, viewed, new_model(config, viewed, range(48), 1), range(48), 1, 0, 8)
    losses = [train_epoch(config, viewed, course, epoch)["augmented_contrast"] for epoch in range(1, 9)]
    assert losses[-1] < 0.8 * losses[0]


def trained(config: Config, inputs: Dataset) -> dict[str, torch.Tensor]:
    training = fit(config, inputs, plan(config, dataset=inputs).folds.folds[0])
    while True:
        try:
            next(training)
        except StopIteration as stop:
            return stop.value.model.state_dict()


def poisoned(inputs: Dataset, rows: np.ndarray) -> Dataset:
    """Views that are nothing but NaN, in these rows alone."""
    versions, bad = inputs.views.channels["speech"], set(rows.tolist())
    sequences = [
        versions.channel.sequences[number] * (NAN if row in bad else 1.0)
        for row in range(len(inputs.corpus))
        for number in range(versions.first[row], versions.first[row + 1])
    ]
    channel = dataclasses.replace(versions.channel, sequences=sequences)
    return dataclasses.replace(
        inputs, views=dataclasses.replace(inputs.views, channels={"speech": versions._replace(channel=channel)})
    )


def test_development_and_test_parts_are_never_augmented(configure: Configure, viewed: Dataset) -> None:
    config = configure(*WAVEFORM, "optim.refit=false", "optim.monitor=loss")
    fold = plan(config, dataset=viewed).folds.folds[0]
    clean = trained(config, viewed)
    same = trained(config, poisoned(viewed, np.concatenate([fold.dev, fold.test])))
    assert all(torch.equal(clean[name], same[name]) for name in clean)
    model = build_model(config, viewed, torch.arange(48), 1)
    one, other = (predict(config, each, model, fold.test.tolist()) for each in (viewed, poisoned(viewed, fold.test)))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_the_same_seed_draws_the_same_views(config: Config, viewed: Dataset) -> None:
    one, again = trained(config, viewed), trained(config, viewed)
    assert all(torch.equal(one[name], again[name]) for name in one)


def test_off_means_that_nothing_is_stored_and_nothing_is_another(configure: Configure, inputs: Dataset) -> None:
    off = [f"{WAVEFORM[0].partition('=')[0]}=0", *WAVEFORM[2:]]
    made = load_dataset(configure(*off))
    assert made.views == StoredViews() and made.extra_content == ""
    assert plan(configure(*off)).keys == plan(configure()).keys
    assert load_dataset(configure(*CONTRAST)).views == StoredViews()
    with pytest.raises(SettingError, match="loaded for other conditions or views"):
        plan(configure(*WAVEFORM), dataset=inputs)


def columns(folder: Path, inputs: Dataset) -> Path:
    """A file of columns: one, two or no files for an utterance, the second a tone; two texts for every fifth."""
    for number, hertz in enumerate((300, 500)):
        tone = 0.2 * np.sin(2 * np.pi * hertz * np.arange(16_000) / 16_000)
        soundfile.write(folder / f"view{number}.wav", tone, 16_000)
    names = inputs.corpus.column("utterance")
    files = [["view0.wav", f"view0.wav; {folder / 'view1.wav'}", ""][row % 3] for row in range(96)]
    texts = ["so long | see, you; there" if row % 5 == 0 else "" for row in range(96)]
    file = folder / "columns.csv"
    pd.DataFrame({"utterance": names, "augmented_file": files, "augmented_text": texts, "asr": "x"}).to_csv(file, index=False)
    return file


def test_columns_name_views_for_speech_and_text(configure: Configure, inputs: Dataset, tmp_path: Path) -> None:
    file = columns(tmp_path, inputs)
    chosen = (*CONTRAST, "tasks.augmented_contrast.views=column", f"corpus.columns_file={file}")
    config = configure(*chosen)
    made = load_dataset(config)
    speech, text = (made.views.channels[name] for name in ("speech", "text"))
    assert [end - begin for begin, end in zip(speech.first, speech.first[1:], strict=False)] == [1, 2, 0] * 32
    assert text.first[:7] == [0, 2, 2, 2, 2, 2, 4]
    expected = text_channel(config, "text", ["u"], ["see, you; there"])
    assert torch.equal(text.channel.sequences[1], expected.sequences[0])
    there = made.targets["augmented_contrast"][:, 0] >= 0
    assert there.tolist() == [row % 3 < 2 or row % 5 == 0 for row in range(96)]
    batch = made.batch([2, 5], torch.tensor(3))
    assert torch.equal(batch.views["speech"].steps, batch.streams["speech"].steps)
    assert torch.equal(batch.views["text"].steps[0][batch.views["text"].mask[0]], made.channels["text"].sequences[2])
    state = trained(config, made)
    assert all(value.isfinite().all() for value in state.values())

    planned = plan(config, dataset=made)
    speech_alone = plan(configure(*chosen, "model.text=none"))
    assert set(speech_alone.dataset.views.channels) == {"speech"}
    soundfile.write(tmp_path / "view1.wav", np.random.default_rng(1).normal(0, 0.1, 8000), 16_000)
    again = plan(configure(*chosen))
    assert again.fingerprint != planned.fingerprint and again.folds.hash == planned.folds.hash == plan(configure()).folds.hash


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"other": "x"}, "views=column reads augmented_file or augmented_text, and there is no such column"),
        ({"augmented_file": ""}, "these are empty; fill them in"),
        ({"augmented_file": "nowhere.wav"}, "96 utterances have a version that cannot be used, .*: missing"),
    ],
)
def test_views_that_are_not_there_are_refused(
    cells: dict[str, str], message: str, configure: Configure, inputs: Dataset, tmp_path: Path
) -> None:
    file = tmp_path / "columns.csv"
    pd.DataFrame({"utterance": inputs.corpus.column("utterance"), **cells}).to_csv(file, index=False)
    with pytest.raises(CorpusError, match=message):
        load_dataset(configure(*CONTRAST, "tasks.augmented_contrast.views=column", f"corpus.columns_file={file}"))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["views=mirror"], "must be one of utterance, waveform, column"),
        (["augmentations=[]"], "must be at least one, each only once"),
        (["augmentations=[noise,noise]"], "must be at least one, each only once"),
        (["augmentations=[echo]"], "augmentations: 'echo' is not an augmentation"),
        (["views=waveform", "weight=1", "model.speech=none"], "views=waveform changes the speech, but model.speech=none"),
    ],
)
def test_knobs_of_views_are_checked(overrides: list[str], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        compose([each if each.startswith("model.") else f"tasks.augmented_contrast.{each}" for each in overrides])


def test_views_go_through_frozen_layers_once_as_the_utterances_do(configure: Configure, tmp_path: Path) -> None:
    folder = speech_checkpoint(tmp_path / "speech", "wavlm")
    encoder = ("model.speech=checkpoint", f"model.speech.path={folder}", "model.speech.tune=2", "model.text=none")
    config = configure(*WAVEFORM[:-1], "tasks.augmented_contrast.augmentations=[noise:5]", *encoder, "stages=two")
    inputs, rows, key = plan(config).dataset, list(range(8)), torch.tensor(3)
    model = new_model(config, inputs, rows, 1)
    stem = model.stems["speech"]
    assert isinstance(stem, TunedStem)
    plain = stem(inputs.batch(rows, key).views["speech"], DropoutKey(None)).steps
    for parameter in stem.top.parameters():
        parameter.requires_grad_(False)
    for trained_before in (False, True):
        seen = precompute_frozen(config, inputs, model, rows, trained_before)
        assert stem.skips
        assert torch.allclose(stem(seen.batch(rows, key).views["speech"], DropoutKey(None)).steps, plain, atol=2e-2)


def test_a_stage_without_the_task_is_brought_no_views(viewed: Dataset) -> None:
    assert viewed.for_tasks(["emotion"]).batch(ROWS, torch.tensor(1)).views == {}
    assert viewed.for_tasks(["emotion", "augmented_contrast"]) is viewed
