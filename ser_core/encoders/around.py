"""What a transformer layer reads besides the states: the mask of the padding, and positions if the family adds them inside.

    states, mask --Around--> the keyword arguments of each layer
Tables of positions belong to all layers together, so they keep their pre-trained values like the embeddings below the layers.
They are trained only together with everything below the layers (train_convolutions, train_embeddings).
"""

import copy
import re
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

FAR = -1e4
"""Value added to the attention scores of padding steps."""
EVERYTHING = re.compile("")
Arguments = dict[str, Any]
"""Keyword arguments of one layer."""


class Around(nn.Module):
    """The padding alone, which is all that BERT, wav2vec 2.0, Whisper and their relatives need."""

    owned: ClassVar[str] = ""
    """Pattern of the parameters between input and layers that no state below the layers depends on; "" for none."""

    def __init__(self, model: Any, trained: bool = False) -> None:
        """Copies what the layers share from a loaded `model`. Unless `trained`, all of it becomes buffers."""
        super().__init__()
        self.take(model)
        if not trained:
            freeze(self)

    def take(self, model: Any) -> None:
        """Copies the parts of the model that all layers share."""

    def forward(
        self, states: Float[Tensor, "batch time dim"], mask: Bool[Tensor, "batch time"], layers: Sequence[nn.Module]
    ) -> list[Arguments]:
        """Returns the arguments of each of these layers."""
        return [self.shared(states, mask)] * len(layers)

    def shared(self, states: Float[Tensor, "batch time dim"], mask: Bool[Tensor, "batch time"]) -> Arguments:
        """Returns the arguments that all layers share."""
        return {"attention_mask": added_to_scores(states, mask)}


class WavlmAround(Around):
    """WavLM's position biases, which its first layer keeps for all layers.

    The layers scale them by a gate above 1, so scores of padding stay very low.
    """

    table: Float[Tensor, "buckets heads"]

    def take(self, model: Any) -> None:
        attention = model.encoder.layers[0].attention
        self.table = nn.Parameter(attention.rel_attn_embed.weight.detach().clone())
        self.buckets = attention._relative_positions_bucket

    def shared(self, states: Tensor, mask: Tensor) -> Arguments:
        steps = torch.arange(states.shape[1], device=states.device)
        places = self.buckets(steps[None, :] - steps[:, None])
        biases = nn.functional.embedding(places, self.table).permute(2, 0, 1)
        return {"attention_mask": None, "position_bias": (biases + added_to_scores(states, mask)).flatten(0, 1)}


class DebertaAround(Around):
    """DeBERTa's table of relative positions, which every layer projects by itself (He et al., arXiv 2006.03654, 2111.09543)."""

    owned: ClassVar[str] = r"^model\.encoder\.(rel_embeddings|LayerNorm|conv)\."

    def take(self, model: Any) -> None:
        self.encoder = without(model.encoder, "layer", "conv")

    def forward(self, states: Tensor, mask: Tensor, layers: Sequence[nn.Module]) -> list[Arguments]:
        shared = self.shared(states, mask)
        return [{**shared, "real": mask} if hasattr(layer, "convolution") else shared for layer in layers]

    def shared(self, states: Tensor, mask: Tensor) -> Arguments:
        # True where a key may be read. These layers fill the other scores in themselves.
        read = mask[:, None, None, :]
        places, table = self.encoder.get_rel_pos(states), self.encoder.get_rel_embedding()
        return {"attention_mask": read, "relative_pos": places, "rel_embeddings": table}


class MpnetAround(Around):
    """MPNet's biases by relative position (Song et al. 2020, arXiv 2004.09297)."""

    owned: ClassVar[str] = r"^model\.encoder\.relative_attention_bias\."

    def take(self, model: Any) -> None:
        self.encoder = without(model.encoder, "layer")

    def shared(self, states: Tensor, mask: Tensor) -> Arguments:
        return {"attention_mask": added_to_scores(states, mask), "position_bias": self.encoder.compute_position_bias(states)}


class ModernBertAround(Around):
    """ModernBERT's rotary positions and its two kinds of layers: global, and local within a window (arXiv 2412.13663)."""

    def take(self, model: Any) -> None:
        self.rotary = copy.deepcopy(model.rotary_emb)
        self.reach: int = model.config.sliding_window
        """How many steps to either side a local layer reads."""

    def forward(self, states: Tensor, mask: Tensor, layers: Sequence[nn.Module]) -> list[Arguments]:
        steps = torch.arange(states.shape[1], device=states.device)
        near = (steps[None, :] - steps[:, None]).abs() <= self.reach
        padding = added_to_scores(states, mask)
        masks = {"full_attention": padding, "sliding_attention": padding + torch.where(near, 0.0, FAR).to(states.dtype)}
        kinds = [str(layer.attention_type) for layer in layers]
        places = {kind: self.rotary(states, steps[None, :], kind) for kind in set(kinds)}
        return [{"attention_mask": masks[kind], "position_embeddings": places[kind]} for kind in kinds]


class ConformerAround(Around):
    """Relative or rotary positions of a conformer, and the real steps, because its convolutions must not read the padding."""

    # transformers builds this convolution, but no conformer reads it.
    owned: ClassVar[str] = r"^model\.encoder\.pos_conv_embed\."

    def take(self, model: Any) -> None:
        self.positions = copy.deepcopy(model.encoder.embed_positions)
        # Rotary positions keep what they last computed, perhaps on another device.
        if hasattr(self.positions, "cached_sequence_length"):
            self.positions.cached_sequence_length = None

    def shared(self, states: Tensor, mask: Tensor) -> Arguments:
        places = self.positions(states) if self.positions is not None else None
        padding = added_to_scores(states, mask)
        return {"attention_mask": padding, "relative_position_embeddings": places, "conv_attention_mask": mask}


def added_to_scores(states: Float[Tensor, "batch time dim"], mask: Bool[Tensor, "batch time"]) -> Float[Tensor, "batch 1 1 time"]:
    """Returns what to add to attention scores so that no step attends to padding.

    Not -inf: a row without any real step would become NaN.
    """
    return torch.where(mask, 0.0, FAR).to(states.dtype)[:, None, None, :]


def without(module: nn.Module, *children: str) -> Any:
    """Returns a copy of a module whose named children, if it has them, are None."""
    # deepcopy takes what its memo already holds for an object instead of copying the object.
    return copy.deepcopy(
        module, {id(getattr(module, name)): None for name in children if getattr(module, name, None) is not None}
    )


def freeze(module: nn.Module, names: re.Pattern[str] = EVERYTHING) -> None:
    """Turns parameters whose name matches into buffers, so that nothing can train them and they still move between devices."""
    for name, parameter in list(module.named_parameters()):
        if names.search(name):
            owner, _, own = name.rpartition(".")
            holder = module.get_submodule(owner)
            delattr(holder, own)
            holder.register_buffer(own, parameter.detach())
