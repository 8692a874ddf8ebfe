"""MMER's fusion network against an independent computation from SYSTEMS 2.1, utterance by utterance, without our layers."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ser_core.batch import Stream, pad
from ser_core.fusion.mmer import Mmer, maximum
from ser_core.keyed_dropout import DropoutKey

WIDTH, HEADS = 12, 3
Weights = dict[str, Tensor]
MAPPED = {"T'": "refine.text", "CME1": "audio_asks_text", "CME2": "text_asks_mixed", "CME3": "text_asks_audio"}
"""The paper's layers and the names of their weights."""


def bert_layer(weights: Weights, asking: Tensor, asked: Tensor) -> Tensor:
    """Devlin et al. 2019: LN(x + FFN(x)) with x = LN(s1 + MHA(Q = s1, K = V = s2)); [steps width] each."""

    def linear(name: str, steps: Tensor) -> Tensor:
        return F.linear(steps, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def norm(name: str, steps: Tensor) -> Tensor:
        return F.layer_norm(steps, (WIDTH,), weights[f"{name}.weight"], weights[f"{name}.bias"], eps=1e-12)

    query, key, value = (
        linear(f"attention.{name}", steps).reshape(len(steps), HEADS, -1).permute(1, 0, 2)
        for name, steps in (("query", asking), ("key", asked), ("value", asked))
    )
    weight = torch.softmax(torch.einsum("hqd,hkd->hqk", query, key) / (WIDTH // HEADS) ** 0.5, dim=-1)
    heard = torch.einsum("hqk,hkd->qhd", weight, value).reshape(len(asking), WIDTH)
    first = norm("attention_norm", asking + linear("attention.out", heard))
    return norm("out_norm", first + linear("feedforward.outer", F.gelu(linear("feedforward.inner", first))))


def recomputed(state: Weights, audio: Tensor, text: Tensor) -> Tensor:
    """z of one utterance from audio A [frames width] and text T [words width], without padding."""

    def part(name: str) -> Weights:
        prefix = f"{MAPPED[name]}."
        return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}

    def linear(name: str, steps: Tensor) -> Tensor:
        return F.linear(steps, state[f"{name}.weight"], state[f"{name}.bias"])

    text = bert_layer(part("T'"), text, text)
    p = bert_layer(part("CME1"), linear("asking_audio", audio), text)
    r = bert_layer(part("CME2"), text, p)
    s = bert_layer(part("CME3"), text, linear("asked_audio", audio))
    s = torch.sigmoid(linear("gate", torch.cat([r, s], 1))) * s
    m = linear("pooled", torch.cat([r, s], 1).max(0).values)
    return torch.cat([audio.max(0).values, m])


def test_the_network_is_the_papers() -> None:
    torch.manual_seed(0)
    fusion = Mmer(heads=HEADS, feedforward=2).build(("speech", "text"), WIDTH, 0.0)
    for parameter in fusion.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    speech, text = ([torch.randn(steps, WIDTH) for steps in lengths] for lengths in ((7, 3, 5), (2, 4, 1)))
    fused = fusion({"speech": pad(speech), "text": pad(text)}, DropoutKey(None))
    expected = torch.stack([recomputed(fusion.state_dict(), *each) for each in zip(speech, text, strict=True)])
    assert fused.shape == expected.shape == (3, 2 * WIDTH)
    assert torch.allclose(fused, expected, atol=1e-5)


def test_the_maximum_is_over_real_steps_even_where_all_are_below_the_zeros_of_padding() -> None:
    stream = Stream(torch.tensor([[[-3.0], [-2.0], [0.0]]]), torch.tensor([[True, True, False]]))
    assert maximum(stream).tolist() == [[-2.0]]


def test_the_audios_maximum_goes_past_the_fusion() -> None:
    fusion = Mmer().build(("speech", "text"), 8, 0.0)
    speech, text = torch.randn(1, 5, 8), torch.randn(1, 2, 8)
    streams = {"speech": Stream(speech, torch.ones(1, 5).bool()), "text": Stream(text, torch.ones(1, 2).bool())}
    assert torch.equal(fusion(streams, DropoutKey(None))[:, :8], speech.amax(1))
