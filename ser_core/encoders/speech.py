"""Pre-trained speech encoders: wav2vec 2.0 and its relatives, w2v-BERT, Whisper, AST (families.py lists them).

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
from ser_core.encoders.encoder import Extractor, average_frames, half, weights_hash
from ser_core.encoders.families import FAMILIES
from ser_core.encoders.fronts import Below, Front, as_steps
from ser_core.encoders.trainable import FROM_INPUT, TrainableEncoder
from ser_core.encoders.tuned import TopLayers, Tuning
from ser_core.errors import SettingError
from ser_core.options import at_least

LOADING = threading.Lock()
"""Held while a speech encoder is loaded."""


@dataclasses.dataclass(frozen=True)
class SpeechCheckpoint(TrainableEncoder):
    """A pre-trained speech encoder, frozen or with trained upper layers."""

    key: ClassVar[str] = "model.speech"
    reads: ClassVar[str] = "audio"

    layers: str = "weighted"
    """Hidden states used: weighted (a learned sum of all), concat (side by side), last, or one number (0: embedding output)."""
    stride: int = 4
    """Consecutive frames (20 ms each) averaged into one step, at least 1."""
    train_convolutions: bool = False
    """Whether the convolutions (or projections) below the layers are trained too, from the waveform (or log-mel frames); needs
    tune=-1, and costs time and memory."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, "stride", 1)

    @property
    def below(self) -> str:
        return "train_convolutions" if self.train_convolutions else ""

    def extractor(self, device: torch.device) -> "SpeechExtractor":
        return self._extractor(device, self.layers, self.stride, self.tune)

    def lower(self, device: torch.device) -> Extractor:
        frozen = self._extractor(device, "last", 1, self.tune)
        if self.below:
            return SpeechInput(frozen)
        # Stride 1: the trained layers read every frame, and `strided` averages their output.
        return self._extractor(device, str(frozen.below), 1)

    def _extractor(self, device: torch.device, layers: str, stride: int, tune: int = 0) -> "SpeechExtractor":
        return SpeechExtractor(checkpoint.find(self.path, self.key), layers, stride, device, tune, self.key)

    def tuning(self, device: torch.device) -> Tuning | None:
        if not self.tune:
            return None
        source = self.extractor(device)
        return self.trained(functools.partial(source.top, bool(self.below)), self.stride, source.front if self.below else None)

    def notices(self) -> list[str]:
        return [f"{self.key}.train_convolutions=true trains the encoder from its own input{FROM_INPUT}"] if self.below else []

    def layers_trained(self) -> int:
        return self.extractor(torch.device("cpu")).trained


class SpeechExtractor:
    """Computes hidden states [time layers dim]. Reads the settings immediately and the weights on the first call.

    Raises SettingError if the folder holds another kind of model or fewer layers than requested.
    """

    def __init__(
        self,
        folder: Path,
        layers: str,
        stride: int,
        device: torch.device,
        tune: int = 0,
        key: str = SpeechCheckpoint.key,
    ) -> None:
        self.settings = checkpoint.read_json(folder, "config.json", key)
        kind = self.settings.get("model_type")
        if kind not in FAMILIES:
            raise SettingError(f"{key}.path: {folder} is of kind {kind}; supported are {', '.join(FAMILIES)}")
        self.folder, self.stride, self.device, self.family, self.key = folder, stride, device, FAMILIES[kind], key
        if tune and self.family.why_frozen:
            raise SettingError(f"{key}.tune: {kind} cannot be trained here, because {self.family.why_frozen}; set {key}.tune=0")
        self.preparation = checkpoint.preparation(folder, key)
        count = self.settings.get(*self.family.layers)
        self.below = checkpoint.tuned_layers(tune, count, key)
        self.trained = count - self.below
        self.numbers = checkpoint.chosen_layers(layers, count, key, self.below if tune else 0)
        self.complete = count in self.numbers
        self.shape = (len(self.numbers), self.settings.get(*self.family.dim))
        self.minimum_samples = self.family.minimum_samples(self.settings)
        self.side_by_side = device.type == "cpu"
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
            waves = [np.asarray(item, np.float32) for item in items]
            self._load(waves)
            states = (self.states(self.prepare(wave).to(self.device), len(wave)) for wave in waves)
            return [half(average_frames(state, self.stride), str(self.folder)) for state in states]

    @functools.cached_property
    def model(self) -> Any:
        """Returns the encoder without unused parts: a decoder, and layers above the highest requested one."""
        model: Any = checkpoint.load_model(self.folder, self.device, self.key)
        if hasattr(model, "decoder"):
            del model.decoder
        # At least one layer stays: state 0 is caught at its entrance.
        del model.get_submodule(self.family.stack)[max(1, self.numbers[-1]) :]
        return model

    def top(self, below_too: bool = False) -> TopLayers:
        """Returns a new copy of the layers above state `below`, for training; with `below_too`, tables they share train too."""
        family = self.family
        layers = family.layers_of(self.model, family.stack)
        closing = self.model.get_submodule(family.closing) if family.closes(self.settings) else None
        return TopLayers(layers[self.below :], closing, family.around(self.model, below_too))

    def front(self) -> Front:
        """Returns a new copy of everything below the layers, for training."""
        unused = [*checkpoint.constants(self.model), *self.family.beside(self.family.closes(self.settings))]
        return Front(Below(self.model, self.family.stack, self.family.run), torch.float32, self.family.time_axis, unused)

    def prepare(self, wave: Float[np.ndarray, "samples"]) -> Tensor:
        """Returns the input of the encoder for one waveform, a batch of one."""
        return self.family.prepare(wave, self.settings, self.preparation)

    def states(self, inputs: Tensor, samples: int = 0) -> Float[Tensor, "frames layers dim"]:
        """Returns the chosen hidden states of one prepared waveform, caught during the forward pass by the thread that runs it.

        Only a family of fixed length reads `samples`, the length of the waveform.
        """
        states: dict[int, Tensor] = {}
        self._caught.states = states
        output = self.family.run(self._watched, inputs)
        # The last state comes after the closing norm, which no hook of a layer sees.
        if self.complete:
            self._catch(self.numbers[-1], output)
        steps = self.family.steps
        return torch.stack([steps(states[number], self.settings, samples) for number in self.numbers], dim=1)

    def _load(self, waves: Sequence[np.ndarray]) -> None:
        """Loads the weights and whatever prepares the input, on the first call, in one thread.

        Several threads would load the weights at once, and transformers, which imports its parts when they are first used, may
        fail if two threads do that at once.
        """
        with LOADING:
            if "_watched" not in vars(self) and waves:
                self.prepare(waves[0])
                _ = self._watched

    @functools.cached_property
    def _watched(self) -> Any:
        """Returns the model with hooks that pass every state to `_catch`."""
        layers = self.model.get_submodule(self.family.stack)
        layers[0].register_forward_pre_hook(lambda layer, inputs: self._catch(0, inputs))
        for number, layer in enumerate(layers, start=1):
            layer.register_forward_hook(lambda layer, inputs, output, k=number: self._catch(k, output))
        return self.model

    def _catch(self, number: int, state: Any) -> None:
        if number in self.numbers:
            self._caught.states[number] = (state[0] if isinstance(state, tuple) else state)[0]


class SpeechInput:
    """Computes the prepared input of an encoder, such as a normalised waveform [samples 1 1], to train the encoder from there."""

    shape = (1, 1)

    def __init__(self, frozen: SpeechExtractor) -> None:
        self.frozen, self.minimum_samples, self.side_by_side = frozen, frozen.minimum_samples, True

    def identity(self) -> dict[str, Any]:
        return {**self.frozen.identity(), "layers": "input", "dtype": "float32"}

    def __call__(self, items: Sequence[np.ndarray | str]) -> list[Tensor]:
        prepared = (self.frozen.prepare(np.asarray(item, np.float32)) for item in items)
        return [as_steps(each, self.frozen.family.time_axis) for each in prepared]
