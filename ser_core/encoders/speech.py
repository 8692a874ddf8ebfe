"""Pre-trained speech encoders: wav2vec 2.0, HuBERT, WavLM, data2vec, Whisper.

    waveform -> (normalise | log-mel) -> convolutions -> transformer layers -> chosen hidden states -> mean of `stride`

Each utterance runs alone and unpadded. Its features therefore never depend on other utterances, the wav2vec 2.0 models with
group norm (which have no mask) are exact, and Whisper, with its position table cut to the real length, costs a tenth of the
usual 30 s. Layers above the highest requested one do not run. Computed in float32 on every device, stored as float16.
"""

import dataclasses
import functools
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ser_core.encoders import checkpoint
from ser_core.encoders.encoder import average_frames, half, weights_hash
from ser_core.encoders.families import FAMILIES
from ser_core.encoders.trainable import TrainableEncoder
from ser_core.encoders.tuned import TopLayers, Tuning
from ser_core.errors import SettingError
from ser_core.options import at_least


@dataclasses.dataclass(frozen=True)
class SpeechCheckpoint(TrainableEncoder):
    """A pre-trained speech encoder, frozen or with trained upper layers."""

    key: ClassVar[str] = "model.speech"

    layers: str = "weighted"
    """Hidden states used: weighted (a learned sum of all), concat (side by side), last, or one number (0: embedding output)."""
    stride: int = 4
    """Consecutive frames (20 ms each) averaged into one step, at least 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, "stride", 1)

    def extractor(self, device: torch.device) -> "SpeechExtractor":
        return SpeechExtractor(checkpoint.find(self.path, self.key), self.layers, self.stride, device, self.tune)

    def lower(self, device: torch.device) -> "SpeechExtractor":
        frozen = SpeechExtractor(checkpoint.find(self.path, self.key), "last", 1, device, self.tune)
        # Stride 1: the trained layers read every frame, and `strided` averages their output.
        return SpeechExtractor(frozen.folder, str(frozen.below), 1, device)

    def tuning(self, device: torch.device) -> Tuning | None:
        return self.trained(self.extractor(device).top, self.stride) if self.tune else None

    def layers_trained(self) -> int:
        return self.extractor(torch.device("cpu")).trained


class SpeechExtractor:
    """Computes hidden states [time layers dim]. Reads the settings immediately and the weights on the first call.

    Raises SettingError if the folder holds another kind of model or fewer layers than requested.
    """

    def __init__(self, folder: Path, layers: str, stride: int, device: torch.device, tune: int = 0) -> None:
        key = SpeechCheckpoint.key
        self.settings = checkpoint.read_json(folder, "config.json", key)
        kind = self.settings.get("model_type")
        if kind not in FAMILIES:
            raise SettingError(f"{key}.path: {folder} is of kind {kind}; supported are {', '.join(FAMILIES)}")
        self.folder, self.stride, self.device, self.family = folder, stride, device, FAMILIES[kind]
        self.preparation = checkpoint.preparation(folder, key)
        count = self.settings.get(*self.family.layers)
        self.below = checkpoint.tuned_layers(tune, count, key)
        self.trained = count - self.below
        self.numbers = checkpoint.chosen_layers(layers, count, key, self.below if tune else 0)
        self.complete = count in self.numbers
        self.shape = (len(self.numbers), self.settings.get(*self.family.dim))
        self.minimum_samples = self.family.minimum_samples(self.settings)
        self.side_by_side = device.type == "cpu"
        self._loading = threading.Lock()
        # Threads share the model and its hooks, so each thread catches the states of its own utterance.
        self._caught = threading.local()

    def identity(self) -> dict[str, Any]:
        return {
            "kind": self.settings["model_type"],
            "weights": weights_hash(self.folder),
            "layers": self.numbers,
            "stride": self.stride,
            "dtype": "float32, stored as float16",
            "padding": "none",
        }

    def __call__(self, items: Sequence[np.ndarray | str]) -> list[Tensor]:
        # cuDNN may round convolutions to TF32 on newer GPUs; features would then depend on the device.
        with torch.no_grad(), torch.backends.cudnn.flags(allow_tf32=False):
            states = (self._states(np.asarray(item, np.float32)) for item in items)
            return [half(average_frames(state, self.stride), str(self.folder)) for state in states]

    @functools.cached_property
    def model(self) -> Any:
        """Returns the encoder without unused parts: a decoder, and layers above the highest requested one."""
        model: Any = checkpoint.load_model(self.folder, self.device, SpeechCheckpoint.key)
        if hasattr(model, "decoder"):
            del model.decoder
        # At least one layer stays: state 0 is caught at its entrance.
        del model.encoder.layers[max(1, self.numbers[-1]) :]
        return model

    def top(self) -> TopLayers:
        """Returns a new copy of the layers above state `below`, for training."""
        encoder = self.model.encoder
        closing = encoder.layer_norm if self.family.closes(self.settings) else None
        return TopLayers(encoder.layers[self.below :], closing, encoder.layers[0])

    def _states(self, wave: Float[np.ndarray, "samples"]) -> Float[Tensor, "frames layers dim"]:
        """Returns the chosen hidden states of one waveform, caught during the forward pass by the thread that runs it."""
        # The first call loads the weights. Without the lock, several threads would load them at once.
        with self._loading:
            model = self._watched
        states: dict[int, Tensor] = {}
        self._caught.states = states
        output = self.family.run(model, self.family.prepare(wave, self.settings, self.preparation).to(self.device))
        # The last state comes after the closing norm, which no hook of a layer sees.
        if self.complete:
            self._catch(self.numbers[-1], output)
        return torch.stack([states[number] for number in self.numbers], dim=1)

    @functools.cached_property
    def _watched(self) -> Any:
        """Returns the model with hooks that pass every state to `_catch`."""
        layers = self.model.encoder.layers
        layers[0].register_forward_pre_hook(lambda layer, inputs: self._catch(0, inputs))
        for number, layer in enumerate(layers, start=1):
            layer.register_forward_hook(lambda layer, inputs, output, k=number: self._catch(k, output))
        return self.model

    def _catch(self, number: int, state: Any) -> None:
        if number in self.numbers:
            self._caught.states[number] = (state[0] if isinstance(state, tuple) else state)[0]
