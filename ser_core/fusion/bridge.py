"""Bridge tokens (Ispas et al. 2023, arXiv 2401.00536): learned queries that read one channel through the other.

    s, t --self-attention--> s', t'
    e_s = MHA(Q=tokens_s, K=s', V=t')     e_t = MHA(Q=tokens_t, K=t', V=s')     z = mean(mean e_s, mean e_t)
`kv_mode=split` pairs step j of one channel with step j of the other, so the shorter channel is padded with zeros to the length
of the longer one. The paper does not say whether that padding is masked, and it describes no residual, normalisation or
feed-forward part around the bridge. Leaving them out is a reconstruction; each has a setting that is off by default.
It pads before the self-attention: with `pad_first`, padding steps take part in the self-attention of their channel and come out
of it refined, so that a value behind the last word is no longer zero. By default, self-attention sees real steps only.
With three or four channels, the other channel is the next in the order of ser_core/channels, and the first for the last one. A
single channel is its own other channel.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ser_core.batch import Stream
from ser_core.fusion.attention import Attention, refinement
from ser_core.fusion.fusion import Fusion, FusionOption, Searched, means
from ser_core.fusion.layers import FeedForward
from ser_core.keyed_dropout import Dropout, DropoutKey
from ser_core.options import Situation, at_least, one_of


@dataclasses.dataclass(frozen=True)
class Bridge(FusionOption):
    """Settings of the bridge, a reconstruction where the paper is silent."""

    joins: ClassVar[str] = "Pairwise, in a ring: a channel's tokens read it through the next one; a single one through itself."
    searched: ClassVar[Searched] = {
        "tokens": (1, 4, 8, 16, 30, 64),
        "refine": (0, 1, 2),
        "kv_mode": ("split", "same", "concat"),
        "residual": (True, False),
        "norm": (True, False),
        "feedforward": (0, 4),
        "skip": (True, False),
    }
    name: str = "bridge"
    """This option's name."""
    tokens: int = 8
    """Learned tokens in each of the two groups, at least 1 (the paper uses 30 without a sweep)."""
    heads: int = 4
    """Attention heads, at least 1; must divide model.width."""
    refine: int = 1
    """Self-attention layers on each channel before the bridge, at least 0 (none)."""
    kv_mode: str = "split"
    """What a group reads: split (keys of its channel, values of the other, as in the paper), same (both of the other), or
    concat (both of both channels)."""
    mask_padding: bool = False
    """Whether, with kv_mode=split, attention masks the zeros that pad the shorter channel."""
    pad_first: bool = False
    """Whether the shorter channel is padded before the self-attention (as in the paper) rather than after; only with
    kv_mode=split and mask_padding=false."""
    residual: bool = False
    """Whether a residual connection adds the tokens to what they read; also around the feed-forward part."""
    norm: bool = False
    """Whether layer normalisation comes before the attention (tokens and channels) and before the feed-forward part."""
    feedforward: int = 0
    """Width of a feed-forward part after the attention, in multiples of model.width, at least 0; 0 leaves it out."""
    skip: bool = True
    """Whether the heads also read the mean of each channel in addition to the tokens; false is as in the paper."""

    def __post_init__(self) -> None:
        at_least(self, "tokens", 1)
        at_least(self, "heads", 1)
        at_least(self, "refine", 0)
        at_least(self, "feedforward", 0)
        one_of(self, "kv_mode", ("split", "same", "concat"))

    def without_effect(self, situation: Situation) -> dict[str, str]:
        if self.pads_first or not self.pad_first:
            return {}
        why = "mask_padding=true hides the padding" if self.kv_mode == "split" else f"kv_mode={self.kv_mode} needs no padding"
        return {"pad_first": f"model.fusion.{why}"}

    @property
    def pads_first(self) -> bool:
        """Whether padding takes part in the self-attention: only if the bridge would read it, too."""
        return self.pad_first and self.kv_mode == "split" and not self.mask_padding

    def build(self, channels: Sequence[str], width: int, dropout: float) -> Fusion:
        settings: dict[str, Any] = {**self.settings(), "pad_first": self.pads_first}
        return BridgeFusion(channels=channels, width=width, dropout=dropout, **settings)


class BridgeFusion(Fusion):
    """One group of tokens per channel. A single channel is its own other channel."""

    def __init__(
        self,
        channels: Sequence[str],
        width: int,
        tokens: int,
        heads: int,
        refine: int,
        kv_mode: str,
        mask_padding: bool,
        pad_first: bool,
        residual: bool,
        norm: bool,
        feedforward: int,
        skip: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.kv_mode, self.mask_padding, self.residual, self.skip = kv_mode, mask_padding, residual, skip
        self.pad_first = pad_first
        self.out_width = width + len(channels) * width * skip
        self.other = {name: channels[(index + 1) % len(channels)] for index, name in enumerate(channels)}
        self.refine = refinement(channels, width, heads, refine)
        self.tokens = nn.ParameterDict({name: nn.Parameter(0.02 * torch.randn(tokens, width)) for name in channels})
        self.attentions = nn.ModuleDict({name: Attention(width, heads) for name in channels})
        self.norms, self.token_norms = _norms(channels, width, norm), _norms(channels, width, norm)
        self.inner_norms = _norms(channels if feedforward else (), width, norm)
        self.feedforwards = nn.ModuleDict({name: FeedForward(width, feedforward) for name in channels if feedforward})
        self.dropout = Dropout(dropout)

    def layers_of(self, channel: str) -> Sequence[nn.Module]:
        return [self.refine[channel]]

    def forward(self, streams: Mapping[str, Stream], noise: DropoutKey) -> Float[Tensor, "batch out"]:
        read = aligned(streams) if self.pad_first else streams
        refined = {name: self.refine[name](stream) for name, stream in read.items()}
        normed = {name: stream.like(self.norms[name](stream.steps)) for name, stream in refined.items()}
        tokens = [self._read(name, stream, normed[self.other[name]]) for name, stream in normed.items()]
        fused = self.dropout(torch.stack([group.mean(1) for group in tokens]).mean(0), noise)
        return torch.cat([fused, means(streams)], dim=-1) if self.skip else fused

    def _read(self, name: str, own: Stream, other: Stream) -> Float[Tensor, "batch tokens width"]:
        """Returns the output of a channel's group of tokens."""
        key, value, mask = self._keys_and_values(own, other)
        tokens = self.tokens[name].expand(len(key), -1, -1)
        read = self.attentions[name](self.token_norms[name](tokens), key, value, mask)
        read = tokens + read if self.residual else read
        if name not in self.feedforwards:
            return read
        inner = self.feedforwards[name](self.inner_norms[name](read))
        return read + inner if self.residual else inner

    def _keys_and_values(self, own: Stream, other: Stream) -> tuple[Tensor, Tensor, Tensor]:
        """Returns keys, values [batch keys width] and a mask of real keys [batch keys]."""
        if self.kv_mode == "same":
            return other.steps, other.steps, other.mask
        if self.kv_mode == "concat":
            steps, mask = torch.cat([own.steps, other.steps], 1), torch.cat([own.mask, other.mask], 1)
            return steps, steps, mask
        longest = max(own.steps.shape[1], other.steps.shape[1])
        own, other = lengthen(own, longest), lengthen(other, longest)
        return own.steps, other.steps, own.mask & other.mask if self.mask_padding else own.mask | other.mask


def _norms(channels: Sequence[str], width: int, norm: bool) -> nn.ModuleDict:
    return nn.ModuleDict({name: nn.LayerNorm(width) if norm else nn.Identity() for name in channels})


def aligned(streams: Mapping[str, Stream]) -> dict[str, Stream]:
    """Pads every channel of an utterance with zeros to its longest channel. These zeros count as real steps."""
    longest = max(stream.steps.shape[1] for stream in streams.values())
    padded = {name: lengthen(stream, longest) for name, stream in streams.items()}
    real = torch.stack([stream.mask for stream in padded.values()]).any(0)
    return {name: Stream(stream.steps, real) for name, stream in padded.items()}


def lengthen(stream: Stream, time: int) -> Stream:
    """Pads the stream with zeros to `time` steps."""
    missing = time - stream.steps.shape[1]
    pad = torch.nn.functional.pad
    return Stream(pad(stream.steps, (0, 0, 0, missing)), pad(stream.mask, (0, missing)))
