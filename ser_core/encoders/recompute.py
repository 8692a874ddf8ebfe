"""Two ways to run a layer in training: keep its activations for the backward pass, or compute them again there.

kept        forward --activations--> backward          recomputed        forward --input--> forward again --> backward
"""

import functools
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint


def plainly(layer: nn.Module, states: Tensor, around: dict[str, Any]) -> Any:
    """Applies a layer to states and keeps its activations for the backward pass."""
    return layer(states, **around)


def recomputed(layer: nn.Module, states: Tensor, around: dict[str, Any]) -> Any:
    """Applies a layer and recomputes its activations in the backward pass (Chen et al. 2016, arXiv 1604.06174).

    It holds on to the layer's current weights, because by then `functional_call` may have replaced them.
    """
    if not torch.is_grad_enabled():
        return plainly(layer, states, around)
    weights = {**dict(layer.named_parameters()), **dict(layer.named_buffers())}
    again = functools.partial(functional_call, layer, weights, kwargs=around)
    return checkpoint(again, (states,), use_reentrant=False, preserve_rng_state=False)
