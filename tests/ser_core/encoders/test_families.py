"""What every family promises, for each line of the two tables: frozen it is transformers' encoder, trained it starts from there.

The reference is the plain forward pass of transformers over one utterance, hidden state by hidden state.
"""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ser_core.batch import Stream, pad
from ser_core.encoders.adapters import ADDED, Lora
from ser_core.encoders.families import FAMILIES
from ser_core.encoders.speech import SpeechCheckpoint
from ser_core.encoders.stems import FeatureStem
from ser_core.encoders.text import TextCheckpoint
from ser_core.encoders.text_families import KINDS
from ser_core.encoders.tuned import TunedStem
from tests.ser_core.encoders.checkpoints import DIM, LAYERS, all_speech, all_text, speech_checkpoint, text_checkpoint

CPU = torch.device("cpu")
WAVES = [0.3 * np.random.default_rng(row).normal(size=size).astype("f4") for row, size in enumerate((8_000, 1_205, 5_003))]
TEXTS = ["i am so happy !", "sad", "am i so sadder i am so happy"]
FAMILY_NAMES = [*all_speech(), *all_text()]
LOWEST_PROJECTIONS = {"deberta": 2, "modernbert": 2}
"""Attention projections of a layer, if not four: some families compute query, key and value in one."""


class Made:
    """A random checkpoint, its option, and what transformers computes from each utterance."""

    def __init__(self, folder: Path, family: str) -> None:
        from transformers import AutoModel

        self.family, self.speech = family, family in all_speech()
        path = str(speech_checkpoint(folder, family) if self.speech else text_checkpoint(folder, family))
        self.items: list[Any] = WAVES if self.speech else TEXTS
        self.model = AutoModel.from_pretrained(path).eval()
        self.path, self.folder = path, folder

    def option(self, **fields: Any) -> SpeechCheckpoint | TextCheckpoint:
        if self.speech:
            return SpeechCheckpoint(**{"path": self.path, "layers": "weighted", "stride": 1, **fields})
        return TextCheckpoint(**{"path": self.path, "layers": "weighted", "max_tokens": 32, **fields})

    def switched(self, **fields: Any) -> SpeechCheckpoint | TextCheckpoint:
        """The option that also trains what is below the layers."""
        return self.option(tune=-1, **{"train_convolutions" if self.speech else "train_embeddings": True}, **fields)

    @torch.no_grad()
    def reference(self) -> list[Tensor]:
        """The hidden states [time layers dim] of each utterance."""
        return [self._states(item) for item in self.items]

    def _states(self, item: Any) -> Tensor:
        model: Any = self.model
        if "whisper" in self.family:
            return whisper_states(model, item)
        inputs = self._inputs(item)
        found = model(**inputs, output_hidden_states=True)
        states = torch.stack([*found.hidden_states[:-1], found.last_hidden_state], dim=2)[0]
        # A last frame without a partner is padded and masked by transformers, and left out here.
        return states[: int(inputs["attention_mask"].sum())] if "wav2vec2-bert" in self.family else states

    def _inputs(self, item: Any) -> Any:
        from transformers import AutoTokenizer, SeamlessM4TFeatureExtractor, Wav2Vec2FeatureExtractor

        if not self.speech:
            return AutoTokenizer.from_pretrained(self.path)(item, return_tensors="pt")
        if "wav2vec2-bert" not in self.family:
            return Wav2Vec2FeatureExtractor(do_normalize=True)(item, sampling_rate=16_000, return_tensors="pt")
        return SeamlessM4TFeatureExtractor()(item, sampling_rate=16_000, return_tensors="pt")

    def stem(self, option: SpeechCheckpoint | TextCheckpoint) -> TunedStem:
        tuning = option.tuning(CPU)
        assert tuning is not None
        torch.manual_seed(1)
        return TunedStem(tuning, FeatureStem(LAYERS + 1, DIM, 4, 0.0))


def whisper_states(model: Any, wave: np.ndarray) -> Tensor:
    """Whisper's encoder with its positions cut to the length of the utterance."""
    from transformers import WhisperFeatureExtractor

    wave = wave[: len(wave) // 320 * 320]
    mel = WhisperFeatureExtractor()(wave, sampling_rate=16_000, return_tensors="np", padding="do_not_pad")["input_features"]
    encoder = copy.deepcopy(model.get_encoder())
    encoder.config.max_source_positions = len(wave) // 320
    encoder.embed_positions = torch.nn.Embedding.from_pretrained(encoder.embed_positions.weight[: len(wave) // 320])
    found = encoder(torch.as_tensor(np.asarray(mel)), output_hidden_states=True)
    return torch.stack([*found.hidden_states[:-1], found.last_hidden_state], dim=2)[0]


@pytest.fixture(scope="module", params=FAMILY_NAMES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("checkpoint"), request.param)


def test_every_line_of_the_tables_is_tested() -> None:
    import transformers

    tested = {getattr(transformers, name).config_class.model_type for name, _ in (*all_speech().values(), *all_text().values())}
    assert tested == {kind for kind, family in FAMILIES.items() if not family.why_frozen} | set(KINDS)


def test_frozen_states_are_those_of_transformers(made: Made) -> None:
    if "whisper" in made.family:
        made.items = [wave[: len(wave) // 320 * 320] for wave in WAVES]
    for ours, theirs in zip(made.option().extractor(CPU)(made.items), made.reference(), strict=True):
        torch.testing.assert_close(ours.float(), theirs, atol=3e-3, rtol=2e-3)


@pytest.mark.parametrize("below", [0, 1, LAYERS - 1])
def test_trained_layers_start_as_those_of_transformers_in_every_padded_utterance(made: Made, below: int) -> None:
    """In float32, from the states of transformers, so that no rounding hides a position or a step of padding that is read."""
    found = made.reference()
    stem = made.stem(made.option(tune=LAYERS - below))
    lower = pad([states[:, below] for states in found])
    # What stands at the padding must not matter.
    lower.steps[~lower.mask] = 7.0
    with torch.no_grad():
        ours = torch.stack(stem.top(lower.steps, lower.mask), dim=2)
    for steps, theirs in zip(ours, found, strict=True):
        torch.testing.assert_close(steps[: len(theirs)], theirs[:, below:], atol=2e-5, rtol=2e-5)


def test_lora_starts_there_too_and_alone_has_gradients_in_every_projection(made: Made) -> None:
    lower = pad([states[:, 0] for states in made.reference()])
    plain, lora = made.stem(made.option(tune=-1)), made.stem(made.option(tune=-1, rate=0.0, adapter=Lora(rank=2)))
    for one, other in zip(plain.top(lower.steps, lower.mask), lora.top(lower.steps, lower.mask), strict=True):
        assert torch.equal(one[lower.mask], other[lower.mask])
    weights = torch.linspace(-1, 1, DIM)
    sum((state[lower.mask] * weights).tanh().sum() for state in lora.top(lower.steps, lower.mask)).backward()  # type: ignore[union-attr]
    learned = {name for name, each in lora.top.named_parameters() if each.grad is not None}
    assert learned == {name for name, each in lora.top.named_parameters() if each.requires_grad}
    assert learned and all(ADDED.search(name) for name in learned)
    projections = [name for name in learned if "lora_B" in name]
    assert len(projections) == len(lora.top.layers) * LOWEST_PROJECTIONS.get(made.family, 4)
    moving = [
        name for name, each in lora.top.named_parameters() if name in projections and each.grad is not None and each.grad.any()
    ]
    assert set(moving) == set(projections)


def raw_of(made: Made, option: SpeechCheckpoint | TextCheckpoint) -> Stream:
    return pad(option.lower(CPU)(made.items))


def test_below_the_layers_it_starts_as_the_frozen_encoder_and_everything_has_a_gradient(made: Made) -> None:
    option = made.switched()
    stem = made.stem(option)
    states = stem.states(raw_of(made, option))
    for steps, mask, frozen in zip(states.steps, states.mask, option.extractor(CPU)(made.items), strict=True):
        assert int(mask.sum()) == len(frozen)
        torch.testing.assert_close(steps[: len(frozen)], frozen.float(), atol=3e-3, rtol=2e-3)
    parts = list(stem.parts())
    assert stem.front is not None
    trained = [*stem.top.parameters(), *stem.front.parameters()]
    assert {id(part.parameter) for part in parts} == {id(each) for each in trained}
    weights = torch.linspace(-1, 1, DIM)
    (states.steps[states.mask] * weights).tanh().sum().backward()
    idle = [name for name, each in stem.named_parameters() if not name.startswith("read.") and each.grad is None]
    # WavLM's lowest layer keeps a table that all layers read from `biases`.
    assert idle == ["top.layers.0.attention.rel_attn_embed.weight"] * (made.family == "wavlm")
    lowest = {part.depth for part in parts}
    assert max(lowest) == LAYERS and 0 in lowest
    # Whisper's positions are sines.
    assert not [name for name, _ in stem.named_parameters() if "whisper" in made.family and "embed_positions" in name]


def test_recomputed_below_the_layers_has_the_same_gradients(made: Made) -> None:
    found = []
    for again in (False, True):
        option = made.switched(checkpointing=again)
        stem = made.stem(option)
        stem.states(raw_of(made, option)).steps.square().sum().backward()
        found.append([each.grad for each in stem.front.parameters()])  # type: ignore[union-attr]
    assert all(one is other if one is None else torch.equal(one, other) for one, other in zip(*found, strict=True))
