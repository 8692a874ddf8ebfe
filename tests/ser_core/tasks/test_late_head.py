"""Late fusion: the prediction is the mean of what the channels predict alone, as probabilities or as ratings."""

import pytest
import torch

from ser_core.dataset.dataset import Dataset
from ser_core.keyed_dropout import DropoutKey
from ser_core.model import build_model
from ser_core.tasks.late_head import LateHead
from ser_core.training.evaluate import predict
from tests.conftest import Configure

ROWS, SILENT = list(range(0, 96, 7)), DropoutKey(None)


def test_probabilities_and_ratings_are_the_mean_over_channels(configure: Configure, inputs: Dataset) -> None:
    model = build_model(configure("model.fusion=late"), inputs, torch.arange(48), 1)
    batch = inputs.batch(ROWS)
    views = model.views(batch.streams, SILENT)
    outputs, losses = model(batch, SILENT)
    for name, read in (("emotion", lambda output: output.softmax(-1)), ("dimensions", lambda output: output)):
        late = model.heads[name]
        assert isinstance(late, LateHead) and len(late.heads) == 2
        alone = [head.out(part) for head, part in zip(late.heads, views.fused.chunk(2, -1), strict=True)]
        alone = [each.softmax(-1) if name == "emotion" else each.sigmoid() for each in alone]
        assert torch.allclose(read(outputs[name]), (alone[0] + alone[1]) / 2, atol=1e-6)
        assert losses[name].isfinite()


@pytest.mark.parametrize("learned", ["true", "false"])
def test_every_head_learns_and_tasks_without_predictions_read_all_channels(
    learned: str, configure: Configure, inputs: Dataset
) -> None:
    config = configure("model.fusion=late", f"model.fusion.learned={learned}", "tasks.contrast.weight=0.1")
    model = build_model(config, inputs, torch.arange(48), 1)
    assert not isinstance(model.heads["contrast"], LateHead)
    losses = model(inputs.batch(ROWS), DropoutKey(torch.tensor(3)))[1]
    sum(losses.values()).backward()
    idle = [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()]
    assert [name for name in idle if "heads" in name] == []
    assert any("shares" in name for name, _ in model.named_parameters()) == (learned == "true")
    assert len(predict(config, inputs, model, ROWS)) == len(ROWS)
