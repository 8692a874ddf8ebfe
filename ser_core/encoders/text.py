"""Pre-trained text encoders: BERT and its relatives.

    text -> tokens, with special tokens at both ends -> transformer layers -> chosen hidden states [tokens layers dim]

The special tokens ([CLS] and [SEP], <s> and </s>) are kept as steps. Many of these encoders were trained to summarise a text
in the first one, and they give an empty text at least one step. Each text runs alone, unpadded, in float32.
"""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ser_core.encoders import checkpoint
from ser_core.encoders.encoder import half, weights_hash
from ser_core.encoders.trainable import TrainableEncoder
from ser_core.encoders.tuned import TopLayers, Tuning
from ser_core.errors import SettingError
from ser_core.options import within


@dataclasses.dataclass(frozen=True)
class Kind:
    """What config.json calls the size of an encoder, and how many positions of its table are not for tokens."""

    layers: str = "num_hidden_layers"
    dim: str = "hidden_size"
    reserved: int = 0
    tunable: bool = False
    """Whether `model.encoder.layer` can run layer by layer with nothing but a mask, so that its top can be trained."""


KINDS = {
    **{name: Kind(tunable=True) for name in ("bert", "electra")},
    **{name: Kind() for name in ("albert", "deberta", "deberta-v2", "modernbert")},
    # The positions of RoBERTa and its relatives begin after the index of the padding, at 2.
    **{name: Kind(reserved=2, tunable=True) for name in ("roberta", "xlm-roberta", "camembert")},
    "mpnet": Kind(reserved=2),
    "distilbert": Kind("n_layers", "dim"),
}
"""By `model_type` of config.json."""


@dataclasses.dataclass(frozen=True)
class TextCheckpoint(TrainableEncoder):
    """A pre-trained text encoder, frozen or with trained upper layers."""

    key: ClassVar[str] = "model.text"

    max_tokens: int = 128
    """Maximum number of tokens per text, including special tokens, 3 to 512; the rest is cut off."""

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, "max_tokens", 3, 512)

    def extractor(self, device: torch.device) -> "TextExtractor":
        return TextExtractor(checkpoint.find(self.path, self.key), self.layers, self.max_tokens, device, self.tune)

    def lower(self, device: torch.device) -> "TextExtractor":
        below = self.extractor(device).below
        return TextExtractor(checkpoint.find(self.path, self.key), str(below), self.max_tokens, device)

    def tuning(self, device: torch.device) -> Tuning | None:
        return self.trained(self.extractor(device).top, 1) if self.tune else None

    def layers_trained(self) -> int:
        return self.extractor(torch.device("cpu")).trained


class TextExtractor:
    """Computes hidden states [tokens layers dim]. Reads the settings immediately and the weights on the first call.

    Raises SettingError if the folder holds another kind of model, fewer layers, or room for fewer tokens.
    """

    minimum_samples = 0
    side_by_side = False
    """A tokenizer is not thread-safe."""

    def __init__(self, folder: Path, layers: str, max_tokens: int, device: torch.device, tune: int = 0) -> None:
        key = TextCheckpoint.key
        settings = checkpoint.read_json(folder, "config.json", key)
        self.kind = settings.get("model_type", "")
        if self.kind not in KINDS:
            raise SettingError(f"{key}.path: {folder} is of kind {self.kind}; supported are {', '.join(KINDS)}")
        kind = KINDS[self.kind]
        room = settings.get("max_position_embeddings", 512) - kind.reserved
        if max_tokens > room:
            raise SettingError(f"{key}.max_tokens must be at most {room} for this checkpoint, got {max_tokens}")
        self.folder, self.max_tokens, self.device = folder, max_tokens, device
        if tune and not kind.tunable:
            able = ", ".join(name for name, each in KINDS.items() if each.tunable)
            raise SettingError(f"{key}.tune: layers of kind {self.kind} cannot be trained here; those of {able} can")
        self.below = checkpoint.tuned_layers(tune, settings[kind.layers], key)
        self.trained = settings[kind.layers] - self.below
        self.numbers = checkpoint.chosen_layers(layers, settings[kind.layers], key, self.below if tune else 0)
        self.shape = (len(self.numbers), settings[kind.dim])

    def identity(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "weights": weights_hash(self.folder),
            "layers": self.numbers,
            "max_tokens": self.max_tokens,
            "marks": "kept",
            "dtype": "float32, stored as float16",
            "padding": "none",
        }

    def __call__(self, items: Sequence[np.ndarray | str]) -> list[Tensor]:
        with torch.no_grad():
            return [half(self._states(str(item)), str(self.folder)) for item in items]

    @functools.cached_property
    def model(self) -> Any:
        return checkpoint.load_model(self.folder, self.device, TextCheckpoint.key)

    @functools.cached_property
    def tokenizer(self) -> Any:
        return checkpoint.load_tokenizer(self.folder, TextCheckpoint.key)

    def top(self) -> TopLayers:
        """Returns a new copy of the layers above state `below`, for training."""
        layers = self.model.encoder.layer
        return TopLayers(layers[self.below :], None, layers[0])

    def _states(self, text: str) -> Float[Tensor, "tokens layers dim"]:
        tokens = self.tokenizer(text, truncation=True, max_length=self.max_tokens, return_tensors="pt")
        states = self.model(**tokens.to(self.device), output_hidden_states=True).hidden_states
        return torch.stack([states[number][0] for number in self.numbers], dim=1)
