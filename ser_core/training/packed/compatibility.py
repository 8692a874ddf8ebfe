"""Which models can be trained as one program: those with one structure, built from operations that torch.func.vmap can batch.

why_not_packed(config, dataset) == ""  and  equal structure_of(config, dataset, model)  -->  one stack
"""

import json

from ser_core.config.compose import as_dict
from ser_core.config.tree import Config
from ser_core.dataset.dataset import Dataset
from ser_core.masking.epoch import EpochMasking
from ser_core.model import SpeechEmotionModel

OF_EACH = ("seed", "corpus", "folds", "audio", "optim", "stages", "conditions", "run")
"""Settings in which stacked models may differ: each has its own order, schedule, decay, clipping and patience."""


def why_not_packed(config: Config, dataset: Dataset) -> str:
    """Explains why models of this settled configuration are trained one by one; "" if they can be stacked."""
    tasks = config.tasks.active()
    unbatched = [name for name, task in tasks.items() if not task.batches]
    if unbatched:
        return f"tasks.{unbatched[0]} has a loss without a batching rule"
    if len(config.stage_plans()) > 1:
        return "there are several stages, and each trains different parts"
    if any(channel.tuning is not None for channel in dataset.channels.values()):
        return "layers of an encoder are trained, and one such model keeps the device busy"
    if config.optim.accumulate > 1:
        return "optim.accumulate uses several batches per step"
    if config.weighting.monitor:
        return "weighting.monitor=true needs a separate gradient for each task"
    weighting = config.weighting.build()
    if len(tasks) > 1 and not weighting.batched:
        needs = "the losses again after each step" if weighting.reads_update else "a separate gradient for each task"
        return f"weighting={config.weighting.name} needs {needs}"  # type: ignore[attr-defined]
    if isinstance(config.model.masking, EpochMasking) and len(dataset.channels) > 1:
        return "model.masking=epoch freezes different layers in each model"
    return ""


def structure_of(config: Config, dataset: Dataset, model: SpeechEmotionModel) -> str:
    """Returns a string that is equal for models that can be stacked: the same layers, shapes, tasks and constants."""
    tree = {name: part for name, part in as_dict(config).items() if name not in OF_EACH}
    # Weights may differ, because they are data of each model (its weighting state). A weight of 0 leaves out a head.
    tree["tasks"] = {name: {**task, "weight": 1.0} for name, task in tree["tasks"].items() if task["weight"] > 0}
    shapes = [(name, str(value.dtype), str(value.device), tuple(value.shape)) for name, value in model.state_dict().items()]
    trained = [name for name, value in model.named_parameters() if value.requires_grad]
    counted = list(config.stage_plans()[0].weights)
    read = {name: [channel.layers, channel.size] for name, channel in dataset.channels.items()}
    return json.dumps([tree, shapes, trained, counted, read, list(dataset.views.channels), config.optim.bf16], sort_keys=True)
