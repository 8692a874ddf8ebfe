"""model.onnx answers as the folder that it was made from, for speech of several lengths, real and synthetic."""

import importlib.util
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jaxtyping
import numpy as np
import pytest
import torch

from ser_core.audio import load as load_audio
from ser_core.dataset.dataset import Dataset
from ser_core.encoders.words import word_numbers
from ser_core.errors import SettingError
from ser_core.fusion import FUSIONS
from ser_core.trained import EmotionModel, load
from ser_core.trained.graph_fronts import Power, front_of
from ser_core.trained.write_onnx import PACKAGES, TOLERANCE, check_onnx, write_onnx
from tests.conftest import Configure
from tests.ser_core.encoders.checkpoints import all_speech, all_text, speech_checkpoint, text_checkpoint
from tests.ser_core.trained.made import untrained
from tests.shared_material import shared

MISSING = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
needs_onnx = pytest.mark.skipif(bool(MISSING), reason=f"needs the extra: pip install 'bridgework[onnx]' ({', '.join(MISSING)})")
TASKS = ("tasks.dimensions.weight=1", "tasks.gender.weight=0.1", "tasks.transcript.weight=0.1", "model.masking=utterance")
WHISPER = ("models", "whisper-tiny.en-encoder")


@pytest.fixture(autouse=True)
def symbolic_shapes() -> Iterator[None]:
    """Lengths are symbols while torch traces, which the checks of types that tests switch on take for no numbers."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def session(file: Path) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])


def gap(model: EmotionModel, run: Any, file: Path, text: str = "", end: float = math.nan) -> float:
    """Largest difference of any answer about this part of a file."""
    found, given = model(file, text, end=end), {}
    if "speech" in model.extractors:
        given["speech"] = load_audio(file, math.nan, end, model.config.audio)
    if "text" in model.config.model.channels:
        extractor = model.extractors.get("text")
        words = word_numbers(text, 64) if extractor is None else extractor.tokens(text)["input_ids"][0]
        given["text" if extractor is None else "text_tokens"] = words.numpy()
    names = [each.name for each in run.get_outputs()]
    answers = dict(zip(names, run.run(None, given), strict=True))
    gaps = [np.abs(answers["probabilities"] - list(found.probabilities.values())).max()]
    best = list(found.probabilities).index(found.emotion)
    gaps.append(abs(answers["members"][:, best].std(ddof=1) - found.spread))
    if found.dimensions:
        gaps.append(np.abs(answers["dimensions"] - list(found.dimensions.values())).max())
    if "gender" in found.others:
        assert ["female", "male"][answers["gender"].argmax()] == found.others["gender"]
    return float(max(gaps))


@needs_onnx
def test_synthetic_speech_and_words(configure: Configure, inputs: Dataset, tmp_path: Path) -> None:
    model = load(untrained(configure(*TASKS), tmp_path / "model", dataset=inputs))
    ports = write_onnx(model, tmp_path / "model.onnx")
    run = session(tmp_path / "model.onnx")
    assert [port.name for port in ports["outputs"]] == ["probabilities", "members", "dimensions", "gender"]
    for row, end in ((0, math.nan), (1, 0.05), (2, 0.3), (3, 1.0)):
        one = inputs.corpus.table.iloc[row]
        assert gap(model, run, Path(one.file), one.text, end) < TOLERANCE
    assert gap(model, run, Path(one.file), "...") < TOLERANCE, "a text without words"
    about = run.get_modelmeta().custom_metadata_map
    assert json.loads(about["outputs"])["probabilities"].endswith("of anger, happiness, neutral, sadness")
    content = (tmp_path / "model.onnx").read_bytes()
    assert str(tmp_path).encode() not in content and b"site-packages" not in content and b".py" not in content


@needs_onnx
@pytest.mark.shared
def test_real_speech_through_a_real_encoder(configure: Configure, tmp_path: Path) -> None:
    config = configure(f"model.speech={shared(*WHISPER)}", "model.text=none")
    model = load(untrained(config, tmp_path / "model"))
    write_onnx(model, tmp_path / "model.onnx")
    run = session(tmp_path / "model.onnx")
    files = sorted(shared("data", "emodb", "flac").glob("*.flac"))[:3]
    assert max(gap(model, run, file, end=end) for file in files for end in (0.1, 0.9, math.nan)) < TOLERANCE


def test_a_missing_extra_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingError, match=r"ONNX needs onnx, onnxruntime, onnxscript: pip install 'bridgework\[onnx\]'"):
        check_onnx()


@needs_onnx
def test_a_file_that_answers_otherwise_is_refused(configure: Configure, inputs: Dataset, tmp_path: Path, monkeypatch) -> None:
    model = load(untrained(configure("model.text=none"), tmp_path / "model"))
    right = Power.forward
    monkeypatch.setattr(Power, "forward", lambda power, wave: 2 * right(power, wave))
    with pytest.raises(SettingError, match="the answers of the file differ by"):
        write_onnx(model, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


@needs_onnx
@pytest.mark.slow
@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion(fusion: str, configure: Configure, inputs: Dataset, tmp_path: Path) -> None:
    words = ("tasks.gender.weight=0.1", "tasks.style.weight=0.1", "tasks.self_contrast.weight=0.1")
    model = load(untrained(configure(*words, f"model.fusion={fusion}"), tmp_path / "model", dataset=inputs))
    write_onnx(model, tmp_path / "model.onnx")
    one = inputs.corpus.table.iloc[0]
    assert gap(model, session(tmp_path / "model.onnx"), Path(one.file), one.text) < TOLERANCE


@needs_onnx
@pytest.mark.slow
@pytest.mark.parametrize("tune", [0, 1])
@pytest.mark.parametrize("family", [*all_speech(), *all_text()])
def test_every_family_of_encoders(family: str, tune: int, configure: Configure, tmp_path: Path) -> None:
    """`write_onnx` compares the file with the model's own encoder; an encoder outside the graph is read by its states."""
    channel, other = ("speech", "text") if family in all_speech() else ("text", "speech")
    path = (speech_checkpoint if channel == "speech" else text_checkpoint)(tmp_path / "encoder", family)
    # The position table of a tiny Whisper covers 3 s.
    words = (f"model.{channel}={path}", f"model.{other}=none", f"model.{channel}.tune={tune}", "audio.max_seconds=3")
    model = load(untrained(configure(*words, *(["model.text.max_tokens=32"] * (channel == "text"))), tmp_path / "model"))
    torch.manual_seed(0)
    [port] = write_onnx(model, tmp_path / "model.onnx")["inputs"]
    outside = front_of(model.extractors[channel]) is None
    assert port.name == (f"{channel}_states" if outside else {"speech": "speech", "text": "text_tokens"}[channel])
