"""`ser export`: a complete folder or none, and a card that says what a user of a model hub has to know."""

import dataclasses
import importlib.util
from pathlib import Path

import jaxtyping
import pytest
from huggingface_hub import ModelCard
from typer.testing import CliRunner

from cluster.cli.main import app
from cluster.models.card import card, licence_file
from cluster.models.card_terms import Part, together
from ser_core.dataset.dataset import Dataset
from ser_core.errors import BridgeworkError
from ser_core.trained import load
from ser_core.trained.description import Description, read_description
from ser_core.trained.graph import Port
from ser_core.trained.write_onnx import PACKAGES
from tests.conftest import Configure
from tests.ser_core.encoders.checkpoints import speech_checkpoint
from tests.ser_core.trained.made import untrained

has_onnx = all(importlib.util.find_spec(name) for name in PACKAGES)
SCORES = {"uar": {"value": 0.61, "low": 0.5, "high": 1.04}, "recall.anger": {"value": 0.7, "low": 0.4, "high": 0.9}}


@pytest.fixture
def folder(configure: Configure, inputs: Dataset, tmp_path: Path) -> Path:
    return untrained(configure(), tmp_path / "model", dataset=inputs)


@pytest.fixture
def described(folder: Path) -> Description:
    """A description with scores, as `ser train` leaves it."""
    spread = {"uar": {"lowest": 0.4, "median": 0.6, "highest": 0.8}}
    groups = {"female": {"uar": 0.7, "recall.anger": 0.8}, "male": {"uar": 0.5, "recall.anger": 0.6}}
    notes = ["Reconstruction in Wan 2024 (Interspeech): fusion."]
    return dataclasses.replace(read_description(folder), expected=SCORES, groups=groups, speakers=spread, notes=notes)


def on(described: Description, corpus: str, licence: str, *encoders: str) -> Description:
    named = {f"channel {number}": {"checkpoint": name, "weights": "0"} for number, name in enumerate(encoders)}
    return dataclasses.replace(described, card={**described.card, "corpus": corpus, "licence": licence}, encoders=named)


def test_the_card_says_what_a_user_has_to_know(described: Description) -> None:
    text = card(described)
    for part in (
        *("## What it must not be used for", "inferring emotions at the workplace", "## Use", 'load("FOLDER")'),
        *("| UAR | 61.00 | 50.00 to 100.00 |", "| UAR | 70.00 | 50.00 |", "| UAR | 40.00 | 60.00 | 80.00 |"),
        *("Protocol: lospo, 4 folds. One fold per speaker.", "Development part: ", "96 utterances of 4 speakers (anger 24"),
        *("## Data and licence", "Commercial use: ", "The strictest part wins", "## Reconstructions and notes", "Wan 2024"),
    ):
        assert part in text, part
    assert "## ONNX" not in text
    ports = {"inputs": [Port("text", "int64 [words]")], "outputs": [Port("probabilities", "float32 [4]")]}
    assert "| input | text | int64 [words] |" in card(described, ports) and "BLAKE2b" in card(described, ports)


def test_the_hub_reads_the_head_of_the_card(described: Description) -> None:
    data = ModelCard(card(described)).data
    assert (data.license, data.library_name, data.pipeline_tag) == ("apache-2.0", "bridgework", "audio-classification")
    [result] = data.eval_results
    assert (result.dataset_type, result.metric_type, result.metric_value) == ("demo", "uar", 0.61)
    other = on(described, "ravdess", "CC BY-NC-SA 4.0: not for commercial use", "whisper-tiny")
    data = ModelCard(card(other)).data
    assert (data.license, data.license_link) == ("other", "LICENSE.md")
    assert "Commercial use: **not allowed** (Corpus ravdess)." in licence_file(other)
    hub = dataclasses.replace(other, encoders={"speech": {"checkpoint": "x", "weights": "0", "path": "openai/x"}})
    assert ModelCard(card(hub)).data.base_model == ["openai/x"]
    assert ModelCard(card(dataclasses.replace(described, expected={}))).data.eval_results is None


@pytest.mark.parametrize(
    ("corpus", "licence", "encoders", "wanted"),
    [
        ("emodb", "CC0-1.0", [], ["Commercial use: no known part forbids it.", "Passing on corpus emodb: allowed."]),
        ("emodb", "CC0-1.0", ["my-encoder"], ["Not known here: Encoder of the channel 0 channel, my-encoder."]),
        ("emodb", "CC0-1.0", ["wavlm-base"], ["The same licence for what you make from it: Encoder of the channel 0"]),
        ("emodb", "CC0-1.0", ["wav2vec2-large-robust-12-ft-emotion-msp-dim"], ["**not allowed** (Encoder of the channel 0"]),
        ("msp_podcast", "MSP-Podcast agreement", [], ["**not allowed** (Corpus msp_podcast)", "neither audio nor labels"]),
        ("table", "for academic use", [], ["**not allowed** (Corpus table)"]),
        ("table", "", [], ["Not known here: Corpus table."]),
    ],
)
def test_the_strictest_part_wins(
    corpus: str, licence: str, encoders: list[str], wanted: list[str], described: Description
) -> None:
    found = " ".join(together(on(described, corpus, licence, *encoders)))
    assert all(part in found for part in wanted), found


def test_an_unknown_licence_is_no_permission() -> None:
    assert "look it up before you use" in Part("Corpus x", "").sentence


def exported(*words: object) -> str:
    ran = CliRunner().invoke(app, ["export", *map(str, words)])
    if isinstance(ran.exception, BridgeworkError):
        return str(ran.exception)
    assert ran.exit_code == 0, ran.output
    return ran.stdout


def test_an_exported_folder_can_be_exported_again_and_a_failure_leaves_nothing(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = speech_checkpoint(tmp_path / "encoder", "hubert")
    model = untrained(configure(f"model.speech={encoder}", "model.text=none"), tmp_path / "model")
    exported(model, tmp_path / "one", "--with-encoder")
    exported(tmp_path / "one", tmp_path / "two", "--with-encoder")
    assert (tmp_path / "two" / "encoder-speech" / "config.json").is_file() and (tmp_path / "two" / "LICENSE.md").is_file()
    load(tmp_path / "two")
    exported(model, tmp_path / "bare")
    assert "say where it lies: --encoder speech=FOLDER" in exported(tmp_path / "bare", tmp_path / "three", "--with-encoder")
    assert exported(tmp_path / "bare", tmp_path / "three", "--with-encoder", f"--encoder=speech={encoder}")
    monkeypatch.setattr("cluster.models.export.card", lambda *_: 1 / 0)
    assert CliRunner().invoke(app, ["export", str(model), str(tmp_path / "four")]).exit_code == 1
    assert {place.name for place in tmp_path.iterdir()} == {"store", "encoder", "model", "one", "two", "bare", "three"}


@pytest.mark.skipif(has_onnx, reason="the extra is installed")
def test_without_the_extra_the_command_names_it(folder: Path, tmp_path: Path) -> None:
    assert "pip install 'bridgework[onnx]'" in exported(folder, tmp_path / "out", "--onnx")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not has_onnx, reason="needs the extra: pip install 'bridgework[onnx]'")
def test_onnx_from_the_command_line(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    assert "model.onnx answers as the model does" in exported(folder, tmp_path / "out", "--onnx")
    assert "| output | members | float32 [2, 4]" in (tmp_path / "out" / "README.md").read_text()
    assert (tmp_path / "out" / "model.onnx").stat().st_size > 10_000
