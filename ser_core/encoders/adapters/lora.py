"""LoRA (Hu et al. 2021, arXiv 2106.09685) in every attention projection of the trained layers.

    y = x W + scale * x A B        A [dim rank] random, B [rank dim] 0 at the start: y = x W exactly
It uses the library peft. WavLM passes the weights of its projections directly to torch's attention and bypasses any module
around them, so there the weights themselves are parametrised: W + scale * B A. Gao et al. 2024 (ICASSP) use rank 64 in every
multi-head attention. There is no dropout.
"""

import dataclasses
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization

from ser_core.encoders.adapters.adapter import AdapterOption
from ser_core.errors import SettingError
from ser_core.options import at_least

PROJECTIONS = [
    *("q_proj", "k_proj", "v_proj", "out_proj"),  # wav2vec 2.0, HuBERT, WavLM, Whisper: WavLM takes these four by itself
    *("query", "key", "value", "attention.output.dense"),  # BERT, RoBERTa, ELECTRA, data2vec
    *("query_proj", "key_proj", "value_proj", "in_proj"),  # DeBERTa v2 and v3; in_proj is all three in DeBERTa
    *("linear_q", "linear_k", "linear_v", "linear_out"),  # conformers
    *("q_lin", "k_lin", "v_lin", "out_lin"),  # DistilBERT
    *("attn.q", "attn.k", "attn.v", "attn.o"),  # MPNet
    "attention.dense",  # ALBERT
    *("attn.Wqkv", "attn.Wo"),  # ModernBERT
]
"""Attention projections, as transformers names them."""


@dataclasses.dataclass(frozen=True)
class Lora(AdapterOption):
    """A low-rank update next to every projection of the attention (Hu et al. 2021)."""

    name: str = "lora"
    """This option's name."""
    rank: int = 64
    """Rank of the update, at least 1."""
    scale: float = 1.0
    """Factor on the update (alpha over rank in the paper's terms), above 0."""

    def __post_init__(self) -> None:
        at_least(self, "rank", 1)
        at_least(self, "scale", 1e-6)

    def adapt(self, layers: nn.ModuleList) -> None:
        weights_alone = [layer.attention for layer in layers if hasattr(getattr(layer, "attention", None), "gru_rel_pos_linear")]
        for attention in weights_alone:
            for name in PROJECTIONS[:4]:
                projection = cast(nn.Linear, getattr(attention, name))
                update = WeightUpdate(projection.in_features, projection.out_features, self.rank, self.scale)
                register_parametrization(projection, "weight", update)
        if not weights_alone:
            from peft import LoraConfig, inject_adapter_in_model

            settings = LoraConfig(r=self.rank, lora_alpha=self.scale * self.rank, target_modules=PROJECTIONS)  # type: ignore[arg-type]
            try:
                inject_adapter_in_model(settings, layers)
            except ValueError as error:
                # An encoder that is trained as a whole may be of any kind.
                raise SettingError(
                    f"adapter={self.name} finds no attention projection that it knows in this encoder; use adapter=none, or "
                    "another checkpoint"
                ) from error


class WeightUpdate(nn.Module):
    """W + scale * B A, with A initialised as in peft."""

    def __init__(self, inputs: int, outputs: int, rank: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.lora_A = nn.Parameter(torch.empty(rank, inputs))
        self.lora_B = nn.Parameter(torch.zeros(outputs, rank))
        nn.init.kaiming_uniform_(self.lora_A, a=5**0.5)

    def forward(self, weight: Float[Tensor, "outputs inputs"]) -> Float[Tensor, "outputs inputs"]:
        return weight + self.scale * (self.lora_B @ self.lora_A)
