"""Dropout whose mask is a pure function of a key: the same key gives the same mask, alone or batched over models.

    key (one number per step and model) + site (one number per layer) + position  --integer hash-->  uniform in [0, 1)
The hash is SplitMix64 (Steele et al. 2014), in int64 arithmetic that wraps.
"""

import dataclasses
import functools
import math
from typing import Any, cast

import torch
from torch import Tensor, nn

_INCREMENT = -7046029254386353131
_MULTIPLIERS = (-4658895280553007687, -7723592293110705685)


def uniform(key: Tensor, site: int, shape: tuple[int, ...]) -> Tensor:
    """Returns numbers in [0, 1) that `key` (int64 scalar) and `site` determine. A longer shape begins with the same numbers.

    >>> torch.equal(uniform(torch.tensor(7), 1, (2, 3)), uniform(torch.tensor(7), 1, (2, 3)))
    True
    """
    return cast(Tensor, _Uniform.apply(key, site, shape))


class _Uniform(torch.autograd.Function):
    """`uniform` with a batching rule. On a CPU it draws for one model after the other, so that the numbers stay in cache."""

    @staticmethod
    def forward(key: Tensor, site: int, shape: tuple[int, ...]) -> Tensor:
        return _drawn(key[None], site, shape)[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> tuple[Tensor, int]:
        key, site, shape = args
        keys = key.movedim(in_dims[0], 0)
        if key.device.type != "cpu" or keys.ndim > 1:
            return _drawn(keys, site, shape), 0
        return torch.cat([_drawn(one, site, shape) for one in keys.split(1)]), 0


def _drawn(keys: Tensor, site: int, shape: tuple[int, ...]) -> Tensor:
    """Returns [*keys *shape]: two numbers from each 64 bits of SplitMix, one per half."""
    count = math.prod(shape)
    state = _positions((count + 1) // 2, keys.device) + (keys ^ site << 48).unsqueeze(-1)
    state.bitwise_xor_(_shift(state, 30)).mul_(_MULTIPLIERS[0])
    state.bitwise_xor_(_shift(state, 27)).mul_(_MULTIPLIERS[1])
    state.bitwise_xor_(_shift(state, 31))
    halves = (state.view(torch.int32) >> 8).bitwise_and_((1 << 24) - 1)[..., :count]
    return halves.to(torch.float32).mul_(2.0**-24).reshape(*keys.shape, *shape)


@functools.lru_cache(maxsize=32)
def _positions(count: int, device: torch.device) -> Tensor:
    """Returns what the positions 1, 2, ... add to a state."""
    return torch.arange(1, count + 1, device=device) * _INCREMENT


def _shift(state: Tensor, bits: int) -> Tensor:
    """Shifts int64 to the right logically."""
    return (state >> bits).bitwise_and_((1 << (64 - bits)) - 1)


@dataclasses.dataclass(frozen=True)
class DropoutKey:
    """The randomness of one training step. `DropoutKey(None)` means no dropout (evaluation)."""

    key: Tensor | None

    def other(self) -> "DropoutKey":
        """Returns an independent DropoutKey of the same step, for a second view of the same utterances."""
        return DropoutKey(None if self.key is None else ~self.key)


class Site(nn.Module):
    """Base of the layers that draw random numbers. Each layer has its own number."""

    site: int = 0


class Dropout(Site):
    """Drops the same dimensions of an utterance at all its steps, and scales up the others."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, values: Tensor, noise: DropoutKey) -> Tensor:
        if noise.key is None or self.rate == 0:
            return values
        shape = (values.shape[0], *(1 for _ in values.shape[1:-1]), values.shape[-1])
        kept = uniform(noise.key, self.site, shape) >= self.rate
        return values * kept.to(values.dtype) / (1 - self.rate)


class ElementDropout(Dropout):
    """Drops every number separately, as torch's own dropout does, and scales up the others.

    The numbers that are dropped depend on the shape, so on the padding of the batch; with `Dropout` they do not.
    """

    def forward(self, values: Tensor, noise: DropoutKey) -> Tensor:
        if noise.key is None or self.rate == 0:
            return values
        kept = uniform(noise.key, self.site, tuple(values.shape)) >= self.rate
        return values * kept.to(values.dtype) / (1 - self.rate)


def number_sites(model: nn.Module) -> None:
    """Gives every layer that draws random numbers its own site, so that their masks are independent."""
    sites = [module for module in model.modules() if isinstance(module, Site)]
    for number, module in enumerate(sites, start=1):
        module.site = number
