"""Encoders without layers of their own: decoders and AST are read frozen, any other text encoder is trained as a whole."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ser_core.batch import pad
from ser_core.encoders.adapters import Bottleneck, Lora
from ser_core.encoders.encoder import average_frames, weights_hash
from ser_core.encoders.integration import AriRe2
from ser_core.encoders.speech import SpeechCheckpoint
from ser_core.encoders.stems import FeatureStem
from ser_core.encoders.text import TextCheckpoint
from ser_core.encoders.tuned import TunedStem
from ser_core.errors import SettingError
from tests.ser_core.encoders.checkpoints import (
    DECODERS,
    DIM,
    LAYERS,
    WHOLE,
    spectrogram_checkpoint,
    speech_checkpoint,
    text_checkpoint,
)

CPU = torch.device("cpu")
TEXTS = ["i am so happy !", "sad", "am i sadder"]


def text_states(path: Path, text: str) -> torch.Tensor:
    """The hidden states [tokens layers dim] of transformers."""
    from transformers import AutoModel, AutoTokenizer

    with torch.no_grad():
        model: Any = AutoModel.from_pretrained(path).eval()
        return torch.stack(
            model(**AutoTokenizer.from_pretrained(path)(text, return_tensors="pt"), output_hidden_states=True).hidden_states, 2
        )[0]


@pytest.mark.parametrize("family", [*DECODERS, *WHOLE])
def test_any_encoder_or_decoder_of_text_gives_the_states_of_transformers(tmp_path: Path, family: str) -> None:
    path = text_checkpoint(tmp_path / "it", family)
    option = TextCheckpoint(path=str(path), layers="weighted", max_tokens=32)
    assert option.extractor(CPU).shape == (LAYERS + 1, DIM)
    for text, ours in zip(TEXTS, option.extractor(CPU)(TEXTS), strict=True):
        torch.testing.assert_close(ours.float(), text_states(path, text), atol=3e-3, rtol=2e-3)


def test_a_text_is_one_step_if_asked(tmp_path: Path) -> None:
    path = str(text_checkpoint(tmp_path / "it", "llama"))
    tokens, mean, last = (
        TextCheckpoint(path=path, max_tokens=32, pool=pool).extractor(CPU) for pool in ("tokens", "mean", "last")
    )
    for every, one, other in zip(tokens(TEXTS), mean(TEXTS), last(TEXTS), strict=True):
        assert torch.equal(other, every[-1:])
        torch.testing.assert_close(one.float(), every.float().mean(0, keepdim=True), atol=2e-3, rtol=2e-3)
    assert len({str(each.identity()) for each in (tokens, mean, last)}) == 3 and "pool" not in tokens.identity()


def test_a_decoder_reads_an_empty_text_as_one_mark(tmp_path: Path) -> None:
    """Its tokenizer may mark neither end."""
    from transformers import AutoTokenizer

    path = text_checkpoint(tmp_path / "it", "gpt2")
    tokenizer: Any = AutoTokenizer.from_pretrained(path)
    tokenizer.backend_tokenizer.post_processor = None
    tokenizer.save_pretrained(path)
    extractor = TextCheckpoint(path=str(path), max_tokens=32).extractor(CPU)
    extractor.tokenizer.pad_token = None
    with pytest.raises(SettingError, match=r"has no token for an empty text; give it a bos_token or an eos_token"):
        extractor([""])
    tokenizer.add_special_tokens({"bos_token": "[CLS]"})
    tokenizer.save_pretrained(path)
    (steps,) = TextCheckpoint(path=str(path), max_tokens=32).extractor(CPU)([""])
    assert steps.shape == (1, 1, DIM)


@pytest.mark.parametrize("samples", [400, 5_000, 9_999, 20_480])
def test_a_spectrogram_transformer_gives_its_states_over_time(tmp_path: Path, samples: int) -> None:
    """Patches of transformers' encoder, averaged over frequency, up to the end of the utterance."""
    from transformers import ASTFeatureExtractor, ASTModel

    path = spectrogram_checkpoint(tmp_path / "it")
    wave = np.random.default_rng(samples).normal(size=samples).astype("f4")
    option = SpeechCheckpoint(path=str(path), layers="weighted", stride=1)
    (ours,) = option.extractor(CPU)([wave])
    inputs = ASTFeatureExtractor.from_pretrained(path)(wave, sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        found = ASTModel.from_pretrained(path).eval()(**inputs, output_hidden_states=True)
    states = torch.stack([*found.hidden_states[:-1], found.last_hidden_state], dim=2)[0]
    frequencies, times = (32 - 16) // 10 + 1, (128 - 16) // 10 + 1
    # A patch begins every 10 frames, and a frame every 160 samples.
    real = min(times, len(range(0, 1 + (samples - 400) // 160, 10)))
    over_time = states[2:].reshape(frequencies, times, LAYERS + 1, DIM).mean(0)[:real]
    torch.testing.assert_close(ours.float(), over_time, atol=4e-3, rtol=3e-3)
    (strided,) = SpeechCheckpoint(path=str(path), layers="last", stride=2).extractor(CPU)([wave])
    torch.testing.assert_close(strided.float(), average_frames(over_time[:, -1:], 2), atol=4e-3, rtol=3e-3)


@pytest.mark.parametrize("family", WHOLE)
@pytest.mark.parametrize("checkpointing", [False, True])
def test_an_encoder_without_layers_is_trained_as_a_whole(tmp_path: Path, family: str, checkpointing: bool) -> None:
    path = str(text_checkpoint(tmp_path / "it", family))
    option = TextCheckpoint(path=path, layers="weighted", max_tokens=32, tune=-1, checkpointing=checkpointing)
    tuning = option.tuning(CPU)
    assert tuning is not None
    stem = TunedStem(tuning, FeatureStem(LAYERS + 1, DIM, 4, 0.0))
    states = stem.states(pad(option.lower(CPU)(TEXTS)))
    for steps, mask, frozen in zip(states.steps, states.mask, option.extractor(CPU)(TEXTS), strict=True):
        assert int(mask.sum()) == len(frozen)
        torch.testing.assert_close(steps[: len(frozen)], frozen.float(), atol=3e-3, rtol=2e-3)
    (states.steps[states.mask] * torch.linspace(-1, 1, DIM)).tanh().sum().backward()
    parts = list(stem.parts())
    assert parts and all(part.depth == 0 and part.kind == "encoder" and part.factor == option.rate for part in parts)
    # RoFormer's positions are sines.
    idle = [name for name, each in stem.front.named_parameters() if each.grad is None]  # type: ignore[union-attr]
    assert all("embed_positions" in name for name in idle)
    (notice,) = option.notices()
    assert "cannot be split into layers, so all of it is trained from token numbers; no stored states" in notice


def test_lora_in_a_whole_encoder_starts_there_and_learns_alone(tmp_path: Path) -> None:
    path = str(text_checkpoint(tmp_path / "it", "roformer"))
    found = []
    for adapter in ({}, {"adapter": Lora(rank=2), "rate": 0.0}):
        option = TextCheckpoint(path=path, layers="weighted", max_tokens=32, tune=-1, **adapter)  # type: ignore[arg-type]
        tuning = option.tuning(CPU)
        assert tuning is not None
        stem = TunedStem(tuning, FeatureStem(LAYERS + 1, DIM, 4, 0.0))
        found.append(stem.states(pad(option.lower(CPU)(TEXTS))))
    assert torch.equal(found[0].steps, found[1].steps)
    found[1].steps.square().sum().backward()
    learned = {name for name, each in stem.front.named_parameters() if each.grad is not None}  # type: ignore[union-attr]
    assert learned and all("lora_" in name for name in learned)
    assert len([name for name in learned if "lora_B" in name]) == 4 * LAYERS


def text(path: str, **fields: Any) -> TextCheckpoint:
    return TextCheckpoint(path=path, max_tokens=32, **fields)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda it: text(it["llama"], tune=2),
            r"text\.tune: llama cannot be trained here, because it is a decoder.*set .*tune=0",
        ),
        (
            lambda it: text(it["roformer"], tune=2),
            r"layers of kind roformer cannot .*; set model\.text\.tune=-1 to train the whole",
        ),
        (
            lambda it: text(it["roformer"], tune=-1, adapter=Bottleneck()),
            r"adapter=bottleneck needs separate layers",
        ),
        (
            lambda it: text(it["roformer"], tune=-1, integration=AriRe2()),
            r"integration=ari_re2 needs separate layers",
        ),
        (
            lambda it: text(it["bert"], tune=-1, pool="mean"),
            r"pool=mean pools frozen states: set model\.text\.tune=0",
        ),
        (lambda it: text(it["bert"], pool="first"), r"pool must be one of tokens, mean, last; got .first"),
        (
            lambda it: text(it["bert"], tune=2, train_embeddings=True),
            r"train_embeddings=true .* needs model\.text\.tune=-1",
        ),
        (
            lambda it: SpeechCheckpoint(path=it["hubert"], train_convolutions=True),
            r"train_convolutions=true .* model\.speech\.tune=-1",
        ),
        (
            lambda it: SpeechCheckpoint(path=it["ast"], tune=-1),
            r"cannot be trained here, because it always reads a whole spectrogram",
        ),
        (lambda it: text(it["whisper"]), r"is of kind whisper; supported are bert"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_a_remedy(tmp_path: Path, make: Any, message: str) -> None:
    families = ("llama", "roformer", "bert", "hubert", "whisper")
    places = {
        name: str((speech_checkpoint if name in ("hubert", "whisper") else text_checkpoint)(tmp_path / name, name))
        for name in families
    }
    places["ast"] = str(spectrogram_checkpoint(tmp_path / "ast"))

    with pytest.raises(SettingError, match=message):
        option = make(places)
        option.tuning(CPU) if option.tune else option.extractor(CPU)


def test_longer_audio_than_the_spectrogram_is_refused(tmp_path: Path) -> None:
    extractor = SpeechCheckpoint(path=str(spectrogram_checkpoint(tmp_path / "it"))).extractor(CPU)
    with pytest.raises(
        SettingError, match=r"reads at most 1\.295 s and was given 2\.00 s; set audio\.max_seconds to 1\.28 or less"
    ):
        extractor([np.ones(32_000, np.float32)])


def test_the_notice_of_a_switch_says_what_it_costs(tmp_path: Path) -> None:
    path = str(speech_checkpoint(tmp_path / "it", "hubert"))
    (notice,) = SpeechCheckpoint(path=path, tune=-1, train_convolutions=True).notices()
    assert notice.startswith("model.speech.train_convolutions=true trains the encoder from its own input; no stored states")
    assert SpeechCheckpoint(path=path, tune=-1).notices() == []


@pytest.mark.parametrize("left", [(), ("spm.model",), ("tokenizer.model",)])
def test_a_tokenizer_that_cannot_be_read_is_refused_with_a_remedy(tmp_path: Path, left: tuple[str, ...]) -> None:
    """DeBERTa-v3 is published with a vocabulary of sentencepiece; without one, transformers makes a tokenizer of no words."""
    path = text_checkpoint(tmp_path / "it", "deberta-v3")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (path / name).unlink()
    for name in left:
        (path / name).write_bytes(b"not read here")
    with pytest.raises(SettingError, match=r"holds no (usable )?tokenizer \(.*\); add a tokenizer\.json, which AutoTokenizer"):
        TextCheckpoint(path=str(path), max_tokens=32).extractor(CPU)(["sad"])


def test_a_vocabulary_counts_where_no_tokenizer_json_replaces_it(tmp_path: Path) -> None:
    path = text_checkpoint(tmp_path / "it", "deberta-v3")
    before = weights_hash(path)
    (path / "spm.model").write_bytes(b"one")
    assert weights_hash(path) == before
    (path / "tokenizer.json").unlink()
    without = weights_hash(path)
    (path / "spm.model").write_bytes(b"the other")
    assert len({before, without, weights_hash(path)}) == 3
