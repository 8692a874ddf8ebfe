"""Laws of the frozen encoders, over tiny random checkpoints of every family."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ser_core.audio import Audio, load
from ser_core.encoders import SPEECH, TEXT, LogMel, NoSpeech, NoText, SpeechCheckpoint, TextCheckpoint, Words
from ser_core.encoders.encoder import average_frames, half, weights_hash
from ser_core.errors import SettingError
from ser_core.options import field_sentences
from tests.ser_core.encoders import checkpoints
from tests.shared_material import shared

CPU = torch.device("cpu")
WAVES = [
    (0.1 * np.random.default_rng(samples).standard_normal(samples)).astype(np.float32)
    for samples in (8_000, 400, 5_001, 11_456, 720)
]
TEXTS = ["I am so happy!", "sadder", "", "am i so sad sad sad sad"]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads that wait for each other cost more than these models do."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folder of a random checkpoint by family."""
    place = tmp_path_factory.mktemp("checkpoints")
    speech = {family: checkpoints.speech_checkpoint(place / family, family) for family in checkpoints.SPEECH}
    return {**speech, "bert": checkpoints.text_checkpoint(place / "bert")}


def extract(folder: Path, waves: list[np.ndarray], layers: str = "weighted", stride: int = 1) -> list[Tensor]:
    return SpeechCheckpoint(path=str(folder), layers=layers, stride=stride).extractor(CPU)(waves)


@pytest.mark.parametrize("option", [*SPEECH.values(), *TEXT.values()])
def test_every_option_is_found_by_its_name_and_explains_every_field(option: type[Any]) -> None:
    table = SPEECH if option.key == "model.speech" else TEXT
    assert table[option().name] is option
    assert set(field_sentences(option)) == {field.name for field in dataclasses.fields(option)}


@pytest.mark.parametrize("family", checkpoints.SPEECH)
def test_features_of_an_utterance_do_not_depend_on_its_neighbours(folders: dict[str, Path], family: str) -> None:
    extractor = SpeechCheckpoint(path=str(folders[family]), stride=2).extractor(CPU)
    waves = [wave for wave in WAVES if len(wave) >= extractor.minimum_samples]
    together = extractor(waves)
    backwards = extractor(waves[::-1])[::-1]
    for wave, one, other in zip(waves, together, backwards, strict=True):
        assert one.dtype == torch.float16
        assert one.shape[1:] == extractor.shape == (checkpoints.LAYERS + 1, checkpoints.DIM)
        assert len(one) >= 1
        assert torch.equal(one, other)
        assert torch.equal(one, extractor([wave])[0])


@pytest.mark.parametrize("family", checkpoints.SPEECH)
def test_one_layer_is_a_slice_of_all_layers(folders: dict[str, Path], family: str) -> None:
    waves = [wave for wave in WAVES if len(wave) > 400]
    every = extract(folders[family], waves)
    for number in range(checkpoints.LAYERS + 1):
        for whole, one in zip(every, extract(folders[family], waves, str(number)), strict=True):
            assert torch.equal(one, whole[:, number : number + 1])
    for whole, last in zip(every, extract(folders[family], waves, "last"), strict=True):
        assert torch.equal(last, whole[:, -1:])


@pytest.mark.parametrize("family", [name for name in checkpoints.SPEECH if not name.startswith(("whisper", "wav2vec2-bert"))])
def test_hidden_states_are_those_of_transformers(folders: dict[str, Path], family: str) -> None:
    from transformers import AutoModel, Wav2Vec2FeatureExtractor

    model = AutoModel.from_pretrained(folders[family])
    prepare = Wav2Vec2FeatureExtractor(do_normalize=True)
    for wave, ours in zip(WAVES, extract(folders[family], WAVES), strict=True):
        inputs = prepare(wave, sampling_rate=16_000, return_tensors="pt").input_values
        with torch.no_grad():
            theirs = model(inputs, output_hidden_states=True)
        states = [*theirs.hidden_states[:-1], theirs.last_hidden_state]
        torch.testing.assert_close(ours.float(), torch.stack(states, 2)[0], atol=3e-3, rtol=2e-3)


@pytest.mark.parametrize("family", ["whisper", "whisper-encoder-only"])
def test_whisper_without_padding_is_the_encoder_with_its_positions_cut(folders: dict[str, Path], family: str) -> None:
    from transformers import WhisperFeatureExtractor, WhisperModel

    wave = np.tile(WAVES[0], 3)[: 320 * 70]
    mel = WhisperFeatureExtractor()(wave, sampling_rate=16_000, return_tensors="np", padding="do_not_pad")
    encoder: Any = WhisperModel.from_pretrained(folders[family]).eval().get_encoder()
    encoder.config.max_source_positions = 70
    encoder.embed_positions = torch.nn.Embedding.from_pretrained(encoder.embed_positions.weight[:70])
    with torch.no_grad():
        theirs = encoder(torch.as_tensor(np.asarray(mel["input_features"])), output_hidden_states=True)
    states = [*theirs.hidden_states[:-1], theirs.last_hidden_state]
    (ours,) = extract(folders[family], [wave])
    assert len(ours) == 70
    torch.testing.assert_close(ours.float(), torch.stack(states, 2)[0], atol=3e-3, rtol=2e-3)


def test_whisper_refuses_more_than_its_positions_cover(folders: dict[str, Path]) -> None:
    with pytest.raises(SettingError, match=r"at most 3 s and was given 3\.10 s; set audio\.max_seconds to 3 or less"):
        extract(folders["whisper"], [np.ones(49_600, np.float32)])


def test_the_other_checkpoint_makes_other_features(folders: dict[str, Path], tmp_path: Path) -> None:
    other = checkpoints.speech_checkpoint(tmp_path / "other", "hubert", seed=1)
    assert weights_hash(other) != weights_hash(folders["hubert"])
    assert not torch.equal(extract(other, WAVES)[0], extract(folders["hubert"], WAVES)[0])


@pytest.mark.parametrize("stride", [1, 2, 4, 7, 100])
@pytest.mark.parametrize("frames", [1, 4, 5, 28])
def test_averaging_keeps_the_mean_of_each_group(frames: int, stride: int) -> None:
    values = torch.randn(frames, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(frames))
    steps = average_frames(values, stride)
    sizes = torch.tensor([min(stride, frames - first) for first in range(0, frames, stride)], dtype=torch.float64)
    assert len(steps) == -(-frames // stride)
    torch.testing.assert_close((steps * sizes[:, None, None]).sum(0) / frames, values.mean(0))
    torch.testing.assert_close(steps[-1], values[(len(steps) - 1) * stride :].mean(0))


def test_text_is_cut_marked_and_independent_of_its_neighbours(folders: dict[str, Path]) -> None:
    option = TextCheckpoint(path=str(folders["bert"]), max_tokens=6, layers="weighted")
    extractor = option.extractor(CPU)
    together = extractor(TEXTS)
    assert [len(steps) for steps in together] == [6, 4, 2, 6]
    for text, steps in zip(TEXTS, together, strict=True):
        assert steps.shape[1:] == extractor.shape == (checkpoints.LAYERS + 1, checkpoints.DIM)
        assert torch.equal(steps, extractor([text])[0])
    for number, layers in ((2, "2"), (checkpoints.LAYERS, "last")):
        chosen = dataclasses.replace(option, layers=layers).extractor(CPU)(TEXTS)
        assert all(torch.equal(one, all_[:, [number]]) for one, all_ in zip(chosen, together, strict=True))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (SpeechCheckpoint(), "model.speech.path is empty; give"),
        (TextCheckpoint(), "model.text.path is empty; give"),
        (SpeechCheckpoint(path="/no/such/place"), "there is no folder /no/such/place; put the checkpoint there"),
        (SpeechCheckpoint(path="BERT"), "is of kind bert; supported are wav2vec2, hubert, wavlm, data2vec-audio"),
        (TextCheckpoint(path="HUBERT"), "is of kind hubert; supported are bert"),
        (SpeechCheckpoint(path="HUBERT", layers="4"), "model.speech.layers must be 0 to 3 for this checkpoint, got 4"),
        (TextCheckpoint(path="BERT"), "model.text.max_tokens must be at most 32 for this checkpoint, got 128"),
        (SpeechCheckpoint(path="EMPTY"), "holds no config.json"),
    ],
)
def test_a_wrong_checkpoint_is_refused_with_a_remedy(folders: dict[str, Path], tmp_path: Path, option: Any, message: str) -> None:
    places = {"BERT": folders["bert"], "HUBERT": folders["hubert"], "EMPTY": tmp_path}
    option = dataclasses.replace(option, path=str(places.get(option.path, option.path)))
    with pytest.raises(SettingError, match=message):
        option.extractor(CPU)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SpeechCheckpoint(layers="first"), "model.speech.layers must be weighted, concat, last or a layer number"),
        (lambda: SpeechCheckpoint(layers="-1"), "model.speech.layers must be weighted, concat, last or a layer number"),
        (lambda: TextCheckpoint(max_tokens=1), "model.text.max_tokens must be from 3 to 512, got 1"),
        (lambda: LogMel(level="loud"), "model.speech.level must be one of rms, peak, none"),
        (lambda: Words(buckets=1), "model.text.buckets must be at least 2"),
    ],
)
def test_values_out_of_range_are_refused(make: Any, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        make()


def test_a_hub_name_that_cannot_be_fetched_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def offline(*names: Any, **settings: Any) -> str:
        raise OSError("no route to the hub\nsecond line")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(SettingError, match=r"nobody/nothing is neither a local folder .* \(no route to the hub\)"):
        SpeechCheckpoint(path="nobody/nothing").extractor(CPU)


def test_a_hub_name_is_read_from_its_snapshot(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked: list[bool] = []

    def snapshot(name: str, allow_patterns: list[str], local_files_only: bool) -> str:
        asked.append(local_files_only)
        if local_files_only:
            raise FileNotFoundError("not in the cache")
        return str(folders["hubert"])

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    option = SpeechCheckpoint(path="some/hubert")
    assert option.identity() == SpeechCheckpoint(path=str(folders["hubert"])).identity()
    assert option.extractor(CPU).shape == (4, 16)
    assert asked == [True, False]


def test_missing_weights_are_refused_and_not_replaced_by_random_ones(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = checkpoints.speech_checkpoint(tmp_path, "hubert")
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layers.1.attention.k_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(SettingError, match=r"lacks 1 of the encoder's weights, such as encoder\.layers\.1"):
        extract(folder, WAVES)


def test_another_sample_rate_is_refused(tmp_path: Path) -> None:
    folder = checkpoints.speech_checkpoint(tmp_path, "hubert")
    (folder / "preprocessor_config.json").write_text(json.dumps({"sampling_rate": 8000}))
    with pytest.raises(SettingError, match="was trained at 8000 Hz; only 16000 Hz is supported"):
        SpeechCheckpoint(path=str(folder)).extractor(CPU)


def test_a_checkpoint_trained_on_raw_levels_is_not_normalised(tmp_path: Path) -> None:
    folder = checkpoints.speech_checkpoint(tmp_path, "wav2vec2-layer")
    loud, soft = extract(folder, [WAVES[0], WAVES[0] / 8])
    assert torch.allclose(loud, soft, atol=1e-2)
    before = weights_hash(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"do_normalize": False}))
    raw = extract(folder, [WAVES[0]])[0]
    assert not torch.allclose(loud, raw, atol=1e-2)
    assert weights_hash(folder) != before


def test_identity_follows_the_content_and_not_the_place(folders: dict[str, Path], tmp_path: Path) -> None:
    here = SpeechCheckpoint(path=str(folders["wavlm"]))
    moved = SpeechCheckpoint(path=str(checkpoints.speech_checkpoint(tmp_path / "elsewhere", "wavlm")))
    assert here.identity() == moved.identity()
    assert here.extractor(CPU).identity() == moved.extractor(CPU).identity()
    changed = dataclasses.replace(here, stride=2)
    assert changed.extractor(CPU).identity() != here.extractor(CPU).identity()


def test_features_beyond_half_precision_are_refused() -> None:
    with pytest.raises(SettingError, match=r"some encoder .* \(largest 7e\+04"):
        half(torch.full((1, 1, 1), 7e4), "some encoder")


def test_options_without_an_extractor_say_so() -> None:
    for option in (Words(), NoText(), NoSpeech()):
        assert option.extractor(CPU) is None
        assert option.identity() == {}


@pytest.mark.shared
@pytest.mark.parametrize(("model", "dim"), [("whisper-tiny.en-encoder", 384), ("whisper-base-encoder", 512)])
def test_real_whisper_hears_real_speech(model: str, dim: int) -> None:
    extractor = SpeechCheckpoint(path=str(shared("models", model)), layers="2").extractor(CPU)
    nan = float("nan")
    waves = [load(shared("data", "emodb", "flac", name), nan, nan, Audio()) for name in ("03a01Fa.flac", "03a01Wa.flac")]
    for wave, steps in zip(waves, extractor(waves), strict=True):
        seconds = len(wave) / 16_000
        assert abs(len(steps) - seconds * 50 / 4) <= 1
        assert steps.shape[1:] == (1, dim)
        assert torch.isfinite(steps).all()
        assert 0.01 < float(steps.float().std()) < 20


@pytest.mark.shared
def test_real_sentences_that_mean_the_same_lie_close() -> None:
    extractor = TextCheckpoint(path=str(shared("models", "all-MiniLM-L6-v2"))).extractor(CPU)
    sentences = ["I am so angry with you!", "You make me furious.", "The tablecloth is lying on the fridge."]
    angry, furious, tablecloth = (steps.float().mean((0, 1)) for steps in extractor(sentences))
    assert torch.cosine_similarity(angry, furious, 0) > torch.cosine_similarity(angry, tablecloth, 0) + 0.2
