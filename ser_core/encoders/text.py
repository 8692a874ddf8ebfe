"""Pre-trained text encoders: BERT and its relatives, and decoders such as Llama as frozen embeddings.

    text -> tokens, with special tokens at both ends -> transformer layers -> chosen hidden states [tokens layers dim]

The special tokens ([CLS] and [SEP], <s> and </s>) are kept as steps. Many of these encoders were trained to summarise a text
in the first one, and they give an empty text at least one step. A decoder has read the whole text only at the last token.
Each text runs alone, unpadded, in float32.
"""

import dataclasses
import functools
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ser_core.encoders import checkpoint
from ser_core.encoders.around import Around
from ser_core.encoders.encoder import Extractor, half, weights_hash
from ser_core.encoders.fronts import Below, Front, Whole, as_steps
from ser_core.encoders.text_families import KINDS, kind_of
from ser_core.encoders.trainable import FROM_INPUT, TrainableEncoder
from ser_core.encoders.tuned import TopLayers, Tuning
from ser_core.errors import SettingError
from ser_core.options import one_of, within

POOLS: dict[str, Callable[[Float[Tensor, "tokens layers dim"]], Float[Tensor, "steps layers dim"]]] = {
    "tokens": lambda states: states,
    "mean": lambda states: states.mean(0, keepdim=True),
    "last": lambda states: states[-1:],
}
"""States of all tokens -> the steps of a text, by the name of model.text.pool."""


@dataclasses.dataclass(frozen=True)
class TextCheckpoint(TrainableEncoder):
    """A pre-trained text encoder, frozen or with trained upper layers."""

    key: ClassVar[str] = "model.text"
    reads: ClassVar[str] = "text"

    max_tokens: int = 128
    """Maximum number of tokens per text, including special tokens, 3 to 512; the rest is cut off."""
    pool: str = "tokens"
    """Steps of a text: tokens (each is a step), or one step for all: mean, or last (the last token, as suits decoders)."""
    train_embeddings: bool = False
    """Whether the embeddings below the layers are trained too, from token numbers; needs tune=-1, and costs time and memory."""

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, "max_tokens", 3, 512)
        one_of(self, "pool", tuple(POOLS))
        if self.tune and self.pool != "tokens":
            raise SettingError(
                f"{self.key}.pool={self.pool} pools frozen states: set {self.key}.tune=0, or {self.key}.pool=tokens"
            )

    @property
    def below(self) -> str:
        return "train_embeddings" if self.train_embeddings else ""

    def extractor(self, device: torch.device) -> "TextExtractor":
        folder = checkpoint.find(self.path, self.key)
        return TextExtractor(folder, self.layers, self.max_tokens, device, self.tune, self.pool)

    def lower(self, device: torch.device) -> Extractor:
        frozen = self.extractor(device)
        if self.below or frozen.kind.whole:
            return TokenNumbers(frozen)
        return TextExtractor(frozen.folder, str(frozen.below), self.max_tokens, device)

    def tuning(self, device: torch.device) -> Tuning | None:
        if not self.tune:
            return None
        source = self.extractor(device)
        if source.kind.whole:
            self._check_inside(source.name)
        front = source.front if self.below or source.kind.whole else None
        return self.trained(functools.partial(source.top, bool(self.below)), 1, front)

    def _check_inside(self, kind: str) -> None:
        """Raises SettingError for an addition that belongs to separate layers."""
        allowed = {"integration": ("none",), "adapter": ("none", "lora")}
        for group, names in allowed.items():
            if (chosen := getattr(self, group).name) not in names:
                raise SettingError(
                    f"{self.key}.{group}={chosen} needs separate layers, and an encoder of kind {kind} has none here; "
                    f"use {self.key}.{group}={names[-1]}, or a checkpoint of one of {', '.join(KINDS)}"
                )

    def layers_trained(self) -> int:
        return self.extractor(torch.device("cpu")).trained

    def notices(self) -> list[str]:
        if not self.tune:
            return []
        source = self.extractor(torch.device("cpu"))
        if source.kind.whole:
            why = f"an encoder of kind {source.name} cannot be split into layers, so all of it is trained from token numbers"
        else:
            why = f"{self.key}.train_embeddings=true trains the encoder from token numbers"
        return [f"{why}{FROM_INPUT}"] if source.kind.whole or self.below else []


class TextExtractor:
    """Computes hidden states [tokens layers dim]. Reads the settings immediately and the weights on the first call.

    Raises SettingError if the folder holds another kind of model, fewer layers, or room for fewer tokens.
    """

    minimum_samples = 0
    side_by_side = False

    def __init__(
        self, folder: Path, layers: str, max_tokens: int, device: torch.device, tune: int = 0, pool: str = "tokens"
    ) -> None:
        key = TextCheckpoint.key
        self.kind, settings = kind_of(folder, checkpoint.read_json(folder, "config.json", key), key)
        self.name = settings["model_type"]
        room = settings.get("max_position_embeddings", 512) - self.kind.reserved
        if max_tokens > room:
            raise SettingError(f"{key}.max_tokens must be at most {room} for this checkpoint, got {max_tokens}")
        self.folder, self.max_tokens, self.device, self.pool = folder, max_tokens, device, pool
        # One thread at a time loads the weights, and a tokenizer is not thread-safe.
        self._alone = threading.Lock()
        if tune:
            self._check_trained(tune)
        count = self.kind.count(settings)
        self.below = checkpoint.tuned_layers(tune, count, key)
        self.trained = count - self.below
        self.numbers = checkpoint.chosen_layers(layers, count, key, self.below if tune else 0)
        self.shape = (len(self.numbers), settings[self.kind.dim])

    def _check_trained(self, tune: int) -> None:
        """Raises SettingError if this kind cannot be trained, or not in part."""
        key = TextCheckpoint.key
        if self.kind.why_frozen:
            raise SettingError(
                f"{key}.tune: {self.name} cannot be trained here, because {self.kind.why_frozen}; set {key}.tune=0"
            )
        if self.kind.whole and tune != -1:
            raise SettingError(
                f"{key}.tune: layers of kind {self.name} cannot be trained apart from those below; set {key}.tune=-1 to train "
                f"the whole encoder, or use one of {', '.join(KINDS)}"
            )

    def identity(self) -> dict[str, Any]:
        return {
            "kind": self.name,
            "weights": weights_hash(self.folder),
            "layers": self.numbers,
            "max_tokens": self.max_tokens,
            "marks": "kept",
            "dtype": "float32, stored as float16",
            "padding": "none",
            **({} if self.pool == "tokens" else {"pool": self.pool}),
        }

    def __call__(self, items: Sequence[np.ndarray | str]) -> list[Tensor]:
        with self._alone, torch.no_grad():
            read = ({name: values.to(self.device) for name, values in self.tokens(str(item)).items()} for item in items)
            return [half(self.states(tokens), str(self.folder)) for tokens in read]

    @functools.cached_property
    def model(self) -> Any:
        return checkpoint.load_model(self.folder, self.device, TextCheckpoint.key)

    @functools.cached_property
    def tokenizer(self) -> Any:
        return checkpoint.load_tokenizer(self.folder, TextCheckpoint.key)

    def top(self, below_too: bool = False) -> TopLayers:
        """Returns a new copy of the layers above state `below`, for training; with `below_too`, tables they share train too."""
        if self.kind.whole:
            return TopLayers([], None, Around(None))
        layers = self.kind.layers_of(self.model, self.kind.stack)
        closing = self.model.get_submodule(self.kind.closing) if self.kind.closing else None
        return TopLayers(layers[self.below :], closing, self.kind.around(self.model, below_too))

    def front(self) -> Front:
        """Returns a new copy of the embeddings, or of the whole encoder, for training."""
        unused = checkpoint.constants(self.model)
        if self.kind.whole:
            return Front(Whole(self.model, self.numbers, _all_states), torch.int64, 1, unused)
        return Front(Below(self.model, self.kind.stack, _run), torch.int64, 1, [*unused, *self.kind.beside()])

    def tokens(self, text: str) -> dict[str, Tensor]:
        """Returns what the encoder reads of a text, [1 tokens] each, at least one token. Raises SettingError without any."""
        found = self.tokenizer(text, truncation=True, max_length=self.max_tokens, return_tensors="pt")
        if found["input_ids"].shape[-1]:
            return dict(found)
        # Some tokenizers of decoders mark neither end of a text, and an empty one then has no token.
        marks = (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id, self.tokenizer.pad_token_id)
        mark = next((number for number in marks if number is not None), None)
        if mark is None:
            raise SettingError(
                f"{TextCheckpoint.key}.path: the tokenizer of {self.folder} has no token for an empty text; "
                "give it a bos_token or an eos_token in tokenizer_config.json"
            )
        return {"input_ids": torch.tensor([[mark]]), "attention_mask": torch.ones(1, 1, dtype=torch.int64)}

    def states(self, tokens: dict[str, Tensor]) -> Float[Tensor, "steps layers dim"]:
        """Returns the chosen hidden states of what `tokens` returned, pooled as model.text.pool says."""
        states = self.model(**tokens, output_hidden_states=True).hidden_states
        return POOLS[self.pool](torch.stack([states[number][0] for number in self.numbers], dim=1))


class TokenNumbers:
    """Computes the input of an encoder, token numbers [tokens 1 1], for an encoder that is trained from there."""

    minimum_samples, shape, side_by_side = 0, (1, 1), False

    def __init__(self, frozen: TextExtractor) -> None:
        self.frozen = frozen

    def identity(self) -> dict[str, Any]:
        return {**self.frozen.identity(), "layers": "input", "dtype": "int32"}

    def __call__(self, items: Sequence[np.ndarray | str]) -> list[Tensor]:
        return [as_steps(self.frozen.tokens(str(item))["input_ids"].to(torch.int32), 1) for item in items]


def _run(model: Any, tokens: Tensor) -> Any:
    return model(input_ids=tokens)


def _all_states(model: Any, tokens: Tensor) -> Sequence[Tensor]:
    return model(input_ids=tokens, output_hidden_states=True).hidden_states
