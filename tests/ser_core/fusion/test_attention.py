"""Attention is torch's own, to five decimals, and stacked attentions step as one."""

import pytest
import torch
from torch.func import functional_call, stack_module_state

from ser_core.fusion.attention import Attention


@pytest.mark.parametrize("heads", [1, 4])
@pytest.mark.parametrize("queries", [1, 6])
def test_attention_is_torchs(heads: int, queries: int) -> None:
    torch.manual_seed(0)
    ours = Attention(8, heads)
    theirs = torch.nn.MultiheadAttention(8, heads, batch_first=True)
    with torch.no_grad():
        parts = (ours.query, ours.key, ours.value)
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        theirs.out_proj.load_state_dict(ours.out.state_dict())
    query, key, value = torch.randn(3, queries, 8), torch.randn(3, 5, 8), torch.randn(3, 5, 8)
    mask = torch.arange(5)[None, :] < torch.tensor([5, 1, 3])[:, None]
    expected = theirs(query, key, value, key_padding_mask=~mask, need_weights=False)[0]
    assert torch.allclose(ours(query, key, value, mask), expected, atol=1e-5)


def test_gradients_are_torchs_too() -> None:
    torch.manual_seed(0)
    ours, mask = Attention(8, 2), torch.tensor([[True, True, False], [True, False, False]])
    steps = torch.randn(2, 3, 8, requires_grad=True)
    mine = torch.autograd.grad(ours(steps, steps, steps, mask).square().sum(), steps)[0]
    split = [part(steps).unflatten(-1, (2, 4)).transpose(1, 2) for part in (ours.query, ours.key, ours.value)]
    fused = torch.nn.functional.scaled_dot_product_attention(*split, attn_mask=mask[:, None, None, :])
    theirs = torch.autograd.grad(ours.out(fused.transpose(1, 2).flatten(2)).square().sum(), steps)[0]
    assert torch.allclose(mine, theirs, atol=1e-5)


def test_stacked_attentions_are_the_attentions_alone() -> None:
    torch.manual_seed(0)
    models, steps, mask = [Attention(8, 2) for _ in range(3)], torch.randn(2, 4, 8), torch.ones(2, 4).bool()
    state, _ = stack_module_state(models)  # type: ignore[arg-type]
    together = torch.func.vmap(lambda each: functional_call(models[0], each, (steps, steps, steps, mask)))(state)
    for index, model in enumerate(models):
        assert torch.allclose(together[index], model(steps, steps, steps, mask), atol=1e-6)
