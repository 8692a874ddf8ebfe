"""MMER's two contrasts share one projection of the utterances: both losses against their formulas, written out in numbers."""

import dataclasses
import math

import pytest
import torch
from torch import Tensor, nn

from ser_core.batch import Batch, Stream
from ser_core.config.compose import compose
from ser_core.errors import SettingError
from ser_core.fusion.concat import Concat
from ser_core.keyed_dropout import DropoutKey
from ser_core.model import SpeechEmotionModel
from ser_core.options import Situation
from ser_core.tasks import Tasks
from ser_core.tasks.augmented_contrast import AugmentedContrast
from ser_core.tasks.contrast import Contrast
from tests.ser_core.tasks.made import BARE, CORPUS, leaf

WIDTH, TAU = 6, 0.07
SCL = Contrast(weight=0.1, variant="paper_code", hidden=5, projection=4, temperature=TAU, memory=0)
ACL = AugmentedContrast(
    weight=0.1, variant="paper_code", hidden=5, projection=4, temperature=TAU, memory=0, views="waveform", anchors="contrast"
)
SILENT = DropoutKey(None)


class Given(nn.Module):
    def forward(self, raw: Stream, noise: DropoutKey) -> Stream:
        return raw


def model_of(acl: AugmentedContrast = ACL) -> SpeechEmotionModel:
    torch.manual_seed(0)
    heads = {"contrast": SCL.build(CORPUS, WIDTH, WIDTH, 0.0), "augmented_contrast": acl.build(CORPUS, WIDTH, WIDTH, 0.0)}
    return SpeechEmotionModel({"speech": Given()}, Concat(normalise=False).build(("speech",), WIDTH, 0.0), heads)


def batch_of() -> tuple[Batch, Tensor, Tensor]:
    """Eight utterances with their versions, and the fused vectors z and z' of both, which are means over frames."""
    frames, versions = leaf(WIDTH).detach(), leaf(WIDTH, seed=1).detach()
    mask = torch.ones(frames.shape[:2], dtype=torch.bool)
    targets = {"contrast": SCL.targets(CORPUS), "augmented_contrast": ACL.targets(CORPUS)}
    batch = Batch({"speech": Stream(frames, mask)}, targets, torch.arange(8), {"speech": Stream(versions, mask)})
    return batch, frames.mean(1), versions.mean(1)


def projected(module: nn.Module, vectors: Tensor) -> list[list[float]]:
    """W2 gelu(W1 z + b1) + b2 with the exact GELU, x Phi(x), in plain numbers."""
    first, last = module.hidden[0], module.out  # type: ignore[index]
    inner = vectors.double() @ first.weight.double().T + first.bias.double()  # type: ignore[union-attr, operator]
    inner = inner * 0.5 * (1 + torch.erf(inner / math.sqrt(2)))
    return (inner @ last.weight.double().T + last.bias.double()).tolist()  # type: ignore[union-attr, operator]


def dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def log_share(scores: list[float], place: int) -> float:
    return scores[place] - math.log(sum(math.exp(score) for score in scores))


def test_both_losses_are_the_authors_with_one_projection() -> None:
    model, (batch, z, seen) = model_of(), batch_of()
    _, losses = model(batch, SILENT)
    h = projected(model.heads["contrast"], z)
    views = projected(model.heads["augmented_contrast"].view, seen)  # type: ignore[arg-type]
    groups = batch.targets["contrast"][:, 0].tolist()
    known = [row for row in range(8) if groups[row] >= 0]
    pairs = [(i, j) for i in known for j in known if groups[i] == groups[j]]  # i = j too, as in their code
    scl = -sum(log_share([dot(h[i], h[j]) for j in known], known.index(k)) for i, k in pairs) / len(pairs) / TAU
    acl = -sum(log_share([dot(h[i], other) / TAU for other in views], i) for i in range(8)) / 8
    assert losses["contrast"].item() == pytest.approx(scl, rel=1e-5)
    assert losses["augmented_contrast"].item() == pytest.approx(acl, rel=1e-5)


def test_augmented_contrast_trains_the_lent_projection_and_has_none_of_its_own() -> None:
    model, (batch, *_) = model_of(), batch_of()
    model(batch, SILENT, tasks=["augmented_contrast"])[1]["augmented_contrast"].backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())
    own = {name.split(".")[2] for name, _ in model.named_parameters() if name.startswith("heads.augmented_contrast.")}
    assert own == {"view"}
    apart = model_of(dataclasses.replace(ACL, anchors="own"))
    lent = sum(parameter.numel() for parameter in model.heads["contrast"].parameters())
    assert sum(p.numel() for p in apart.parameters()) - sum(p.numel() for p in model.parameters()) == lent


def test_without_the_other_contrast_it_has_its_own_projection() -> None:
    both = dataclasses.replace(Tasks(), contrast=SCL, augmented_contrast=ACL)
    assert both.settled(CORPUS).augmented_contrast.anchors == "contrast"
    alone = dataclasses.replace(both, contrast=dataclasses.replace(SCL, weight=0.0))
    assert alone.settled(CORPUS).augmented_contrast.anchors == "own"
    unable = both.settled(BARE)
    assert list(unable.active()) == ["augmented_contrast"] and unable.augmented_contrast.anchors == "own"


def test_what_cannot_be_shared_is_refused_or_said() -> None:
    shared = ["tasks.contrast.weight=.1", "tasks.augmented_contrast.weight=.1", "tasks.augmented_contrast.anchors=contrast"]
    with pytest.raises(SettingError, match=r"set tasks\.augmented_contrast\.projection=9"):
        compose([*shared, "tasks.augmented_contrast.variant=paper_code", "tasks.contrast.projection=9"])
    standard = compose(shared).tasks.augmented_contrast
    assert not standard.build(CORPUS, WIDTH, WIDTH, 0.0).borrows
    assert list(standard.without_effect(Situation(compose(shared), CORPUS, None, {}))) == ["augmentations", "anchors"]
