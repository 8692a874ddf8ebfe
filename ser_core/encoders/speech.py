"""Pre-trained speech encoders: wav2vec 2.0, HuBERT, WavLM, data2vec, Whisper.

waveform -> (normalise | log-mel) -> convolutions -> transformer layers -> chosen hidden states -> mean of `stride` frames

One utterance at a time and unpadded: its features never depend on its neighbours, the group-norm wav2vec 2.0 family
(which knows no mask) is exact, and Whisper, with its position table cut to the real length, costs a tenth of the usual
30 s. Layers above the highest one asked for are not run. float32, stored as float16.
"""

import dataclasses
import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ser_core.audio import SAMPLE_RATE_HZ
from ser_core.encoders import checkpoint
from ser_core.encoders.encoder import EncoderOption, Extractor, average_frames, half, weights_hash
from ser_core.errors import SettingError
from ser_core.options import at_least, location


@dataclasses.dataclass(frozen=True)
class Family:
    """What config.json calls the size of an encoder, with the defaults of transformers."""

    layers: tuple[str, int] = ("num_hidden_layers", 12)
    dim: tuple[str, int] = ("hidden_size", 768)
    reads: str = "waveform"


FAMILIES = {
    "wav2vec2": Family(),
    "hubert": Family(),
    "wavlm": Family(),
    "data2vec-audio": Family(),
    "whisper": Family(("encoder_layers", 4), ("d_model", 384), "log-mel"),
}
"""By `model_type` of config.json."""
KERNELS = (10, 3, 3, 3, 3, 2, 2)
STRIDES = (5, 2, 2, 2, 2, 2, 2)
WHISPER_MINIMUM_SAMPLES = 400


@dataclasses.dataclass(frozen=True)
class SpeechCheckpoint(EncoderOption):
    """A frozen pre-trained speech encoder."""

    key: ClassVar[str] = "model.speech"

    name: str = "checkpoint"
    """The name of this option."""
    path: str = location("")
    """Folder of the checkpoint, or its name on the Hugging Face hub."""
    layers: str = "weighted"
    """Hidden states used: weighted (a learned sum of all), last, or one number, where 0 is the embedding output."""
    stride: int = 4
    """Consecutive frames (20 ms each) averaged into one step, at least 1."""

    def __post_init__(self) -> None:
        checkpoint.check_layers(self.layers, self.key)
        at_least(self, "stride", 1)

    def extractor(self, device: torch.device) -> Extractor:
        folder = checkpoint.find(self.path, self.key)
        settings = checkpoint.settings(folder, self.key)
        kind = settings.get("model_type", "without a model_type")
        if kind not in FAMILIES:
            raise SettingError(f"{self.key}.path: {folder} is {kind}; supported are {', '.join(FAMILIES)}")
        reader = WhisperExtractor if FAMILIES[kind].reads == "log-mel" else WaveformExtractor
        return reader(folder, settings, self.layers, self.stride, device)

    def identity(self) -> dict[str, Any]:
        return {"path": weights_hash(checkpoint.find(self.path, self.key))}


class SpeechExtractor:
    """Base of the two readers below: reads config.json at once, and the weights when it is first called."""

    minimum_samples: int
    key = SpeechCheckpoint.key

    def __init__(self, folder: Path, settings: dict[str, Any], layers: str, stride: int, device: torch.device) -> None:
        self.folder, self.settings, self.layers, self.stride, self.device = folder, settings, layers, stride, device
        family = FAMILIES[settings["model_type"]]
        self.numbers = checkpoint.chosen_layers(layers, settings.get(*family.layers), self.key)
        self.whole = self.numbers[-1] == settings.get(*family.layers)
        self.shape = (len(self.numbers), settings.get(*family.dim))
        self.preparation = _preparation(folder, self.key)

    def identity(self) -> dict[str, Any]:
        return {
            "kind": self.settings["model_type"],
            "weights": weights_hash(self.folder),
            "layers": self.numbers,
            "stride": self.stride,
            "dtype": "float32, stored as float16",
            "padding": "none",
        }

    def __call__(self, items: Sequence[np.ndarray] | Sequence[str]) -> list[Tensor]:
        with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
            states = (self._states(np.asarray(item, np.float32)) for item in items)
            return [half(average_frames(state, self.stride), str(self.folder)) for state in states]

    @functools.cached_property
    def model(self) -> nn.Module:
        """The encoder, without the layers that nobody asked for."""
        model = self._encoder(checkpoint.load_model(self.folder, self.device, self.key))
        layers = self._stack(model)
        del layers[max(1, self.numbers[-1]) :]
        return model

    def _states(self, wave: Float[np.ndarray, "samples"]) -> Float[Tensor, "frames layers dim"]:
        """The chosen hidden states of one waveform; 20 ms frames."""
        states: dict[int, Tensor] = {}

        def keep(number: int, state: Any) -> None:
            if number in self.numbers:
                states[number] = (state[0] if isinstance(state, tuple) else state)[0]

        layers = self._stack(self.model)
        hooks = [layers[0].register_forward_pre_hook(lambda _, inputs: keep(0, inputs))]
        hooks += [
            layer.register_forward_hook(lambda _, inputs, output, number=number: keep(number, output))
            for number, layer in enumerate(layers, start=1)
        ]
        try:
            output = self._run(torch.from_numpy(self._prepare(wave)).to(self.device)[None])
        finally:
            for hook in hooks:
                hook.remove()
        if self.whole:
            keep(self.numbers[-1], output)
        return torch.stack([states[number] for number in self.numbers], dim=1)

    def _encoder(self, model: nn.Module) -> nn.Module:
        """The part of a loaded model that is run."""
        raise NotImplementedError

    def _stack(self, model: nn.Module) -> nn.ModuleList:
        """Its transformer layers."""
        raise NotImplementedError

    def _prepare(self, wave: Float[np.ndarray, "samples"]) -> np.ndarray:
        """What the encoder reads, float32."""
        raise NotImplementedError

    def _run(self, inputs: Tensor) -> Tensor:
        """The encoder's output [1 frames dim]."""
        raise NotImplementedError
