"""MEDUSA's deep fusion against torch's own transformer layers, utterance by utterance, without padding."""

import torch
from torch import Tensor, nn

from ser_core.batch import pad
from ser_core.fusion.deepser import DeepSer, Leg
from ser_core.keyed_dropout import DropoutKey

WIDTH, HEADS = 12, 3


def torchs(layer: nn.Module) -> nn.TransformerEncoderLayer:
    """torch's layer with the weights of ours."""
    theirs = nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, 0.0, "gelu", 1e-12, batch_first=True)
    ours, parts, projections = dict(layer.named_parameters()), ("weight", "bias"), ("query", "key", "value")
    places = {
        "self_attn.out_proj": "attention.out",
        "linear1": "feedforward.inner",
        "linear2": "feedforward.outer",
        "norm1": "attention_norm",
        "norm2": "out_norm",
    }
    named = {f"{place}.{part}": ours[f"{name}.{part}"] for place, name in places.items() for part in parts}
    for part in parts:
        named[f"self_attn.in_proj_{part}"] = torch.cat([ours[f"attention.{name}.{part}"] for name in projections])
    theirs.load_state_dict(named)
    return theirs.eval()


def states(leg: Leg, steps: Tensor) -> list[Tensor]:
    first, _, last = leg.project
    found = [last(torch.relu(first(steps)))]  # type: ignore[operator]
    for layer in leg.layers:
        found.append(torchs(layer)(found[-1][None])[0])
    return found[1:]


def test_the_network_is_the_papers() -> None:
    torch.manual_seed(0)
    fusion = DeepSer(layers=2, heads=HEADS, feedforward=2).build(("speech", "text"), WIDTH, 0.0)
    for parameter in fusion.parameters():
        nn.init.normal_(parameter, std=0.3)
    speech, text = ([torch.randn(steps, WIDTH) for steps in lengths] for lengths in ((7, 3, 5), (2, 4, 1)))
    fused = fusion({"speech": pad(speech), "text": pad(text)}, DropoutKey(None))
    rows = []
    for one, other in zip(speech, text, strict=True):
        h1, h2 = states(fusion.legs["speech"], one)  # type: ignore[index, arg-type]
        g1, g2 = states(fusion.legs["text"], other)  # type: ignore[index, arg-type]
        f1 = states(fusion.joint[0], torch.cat([h1, g1]))[-1]  # type: ignore[index, arg-type]
        f2 = states(fusion.joint[1], torch.cat([h2, g2, f1]))[-1]  # type: ignore[index, arg-type]
        rows.append(torch.cat([h2.mean(0), g2.mean(0), f2.mean(0)]))
    assert fused.shape == (3, 3 * WIDTH)
    assert torch.allclose(fused, torch.stack(rows), atol=1e-4)
