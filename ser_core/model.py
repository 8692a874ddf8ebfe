"""SpeechEmotionModel: one stem per channel, a fusion of all channels, and one prediction per task with weight > 0.

speech --stem--\\              /-- emotion
                fusion -- z --+--- dimensions
text   --stem--/              \\-- gender
"""

import dataclasses
import hashlib
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ser_core.batch import Batch, Stream
from ser_core.config.tree import Config
from ser_core.corpus import Corpus
from ser_core.dataset.channels import Channel
from ser_core.dataset.dataset import Dataset
from ser_core.encoders.stems import FeatureStem
from ser_core.encoders.tuned import TunedStem
from ser_core.errors import SettingError
from ser_core.fusion import Fusion
from ser_core.keyed_dropout import DropoutKey, number_sites
from ser_core.mixup import Mixup
from ser_core.tasks import Head, Memory, TaskOption, Views
from ser_core.tasks.late_head import LateHead

NOTHING: Mapping[str, Memory] = MappingProxyType({})
"""Memory when no head remembers anything."""


class SpeechEmotionModel(nn.Module):
    """Stems, fusion and heads. `forward` is a pure function of parameters, batch, dropout key and memory."""

    def __init__(
        self, stems: Mapping[str, nn.Module], fusion: Fusion, heads: Mapping[str, Head], mixup: Mixup | None = None
    ) -> None:
        super().__init__()
        self.stems = nn.ModuleDict(stems)
        self.fusion = fusion
        self.heads = nn.ModuleDict(heads)
        self.mixup = mixup
        number_sites(self)

    def forward(
        self, batch: Batch, noise: DropoutKey, memory: Mapping[str, Memory] = NOTHING, tasks: Collection[str] | None = None
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Returns output and loss of these tasks (default: all). `memory` holds what some heads remember of earlier batches."""
        views = self.views(batch.streams, noise)
        if batch.views:
            views = dataclasses.replace(views, other=self.views(batch.views, noise.other()))
        heads, vectors = self._read(views, noise, tasks)
        vectors, targets = self._mixed(heads, vectors, batch, noise)
        outputs = {name: head(dataclasses.replace(views, fused=vectors[name]), noise) for name, head in heads.items()}
        losses = {name: head.loss(outputs[name], targets[name], memory.get(name)) for name, head in heads.items()}
        return outputs, losses

    def outputs(self, views: Views, noise: DropoutKey, tasks: Collection[str] | None = None) -> dict[str, Any]:
        """Returns the output of these tasks (default: all) for what heads see of some utterances. Needs no targets."""
        heads, vectors = self._read(views, noise, tasks)
        return {name: head(dataclasses.replace(views, fused=vectors[name]), noise) for name, head in heads.items()}

    def _read(
        self, views: Views, noise: DropoutKey, tasks: Collection[str] | None
    ) -> tuple[dict[str, Head], dict[str, Float[Tensor, "batch width"]]]:
        """Returns the heads of these tasks, and the vector that each reads: the fused one, or features of another head."""
        heads = {name: cast(Head, head) for name, head in self.heads.items()}
        features = {task: vector for head in heads.values() for task, vector in head.features(views).items()}
        # A stage may leave out the task whose head is lent, but not the head itself.
        features |= {name: heads[head.borrows](views, noise) for name, head in heads.items() if head.borrows}
        heads = {name: head for name, head in heads.items() if tasks is None or name in tasks}
        return heads, {name: features.get(name, views.fused) for name in heads}

    def _mixed(
        self, heads: Mapping[str, Head], vectors: dict[str, Tensor], batch: Batch, noise: DropoutKey
    ) -> tuple[dict[str, Tensor], Mapping[str, Tensor]]:
        """Returns what each head reads and should predict, mixed by optim.mixup for the heads that can be trained on mixtures."""
        partners = self.mixup(len(batch.rows), noise) if self.mixup else None
        if partners is None:
            return vectors, batch.targets
        mixing = [name for name, head in heads.items() if head.mixes]
        targets = {name: heads[name].mix(batch.targets[name], partners) for name in mixing}
        return vectors | {name: partners.mix(vectors[name]) for name in mixing}, {**batch.targets, **targets}

    def sizes(self) -> dict[str, int]:
        """Returns `parameters` of the whole model, and `<task>.parameters`: how many fewer it needs without that task."""
        heads = {name: cast(Head, head) for name, head in self.heads.items()}
        found = {"parameters": _count(self.parameters())}
        for name, head in heads.items():
            lent = sum(_count(head.parts_of(other)) for other in heads)
            found[f"{name}.parameters"] = (
                _count(head.parameters()) - lent + sum(_count(one.parts_of(name)) for one in heads.values())
            )
        return found

    def views(self, raw: Mapping[str, Stream], noise: DropoutKey) -> Views:
        """Returns what heads see of these utterances."""
        streams = {name: cast(Stream, stem(raw[name], noise)) for name, stem in self.stems.items()}
        return Views(streams, self.fusion(streams, noise))


def _count(parameters: Iterable[nn.Parameter]) -> int:
    return sum(parameter.numel() for parameter in parameters)


def build_model(config: Config, dataset: Dataset, train: Tensor, seed: int) -> SpeechEmotionModel:
    """Builds a new model for this dataset. Parts fitted without gradients see only the rows of `train`."""
    tasks = config.tasks.settled(dataset.corpus, dataset.channels).active()
    if not tasks:
        raise SettingError(
            f"no task is left: every task has weight 0, or corpus {dataset.corpus.name} lacks the labels (or the "
            f"model lacks the channel) for the others"
        )
    model = assemble_model(config, dataset.corpus, dataset.channels, tasks, seed)
    for name, stem in model.stems.items():
        reader = stem.read if isinstance(stem, TunedStem) else stem
        if isinstance(reader, FeatureStem):
            reader.standardise_by(*dataset.channels[name].statistics(train))
    for name, head in model.heads.items():
        cast(Head, head).fit_targets(dataset.targets[name][train])
    return model


def assemble_model(
    config: Config, corpus: Corpus, channels: Mapping[str, Channel], tasks: Mapping[str, TaskOption], seed: int = 0
) -> SpeechEmotionModel:
    """Builds an untrained model with these tasks. Of the corpus it reads only the label scheme, of channels only their shape."""
    width, dropout = config.model.width, config.model.dropout
    before_heads = {name: dropout if task.dropout is None else task.dropout for name, task in tasks.items()}
    # Building a model neither depends on the global random state nor changes it.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        stems = {name: channel.stem(width, config.model.channel_dropout(name)) for name, channel in channels.items()}
        fusion = config.model.fusion.build(list(stems), width, dropout)
        heads = {name: _head(task, corpus, fusion, width, before_heads[name]) for name, task in tasks.items()}
    mixup = Mixup(config.optim.mixup, config.optim.mixup_alpha) if config.optim.mixup else None
    return SpeechEmotionModel(stems, config.model.masking.around(fusion, list(stems)), heads, mixup)


def _head(task: TaskOption, corpus: Corpus, fusion: Fusion, width: int, dropout: float) -> Head:
    """Builds the head of a task; one per part of the fused vector if the fusion is late and the task predicts from it."""
    if fusion.parts == 1 or not task.predicts or task.channels:
        return task.build(corpus, fusion.out_width, width, dropout)
    part = fusion.out_width // fusion.parts
    return LateHead([task.build(corpus, part, width, dropout) for _ in range(fusion.parts)], fusion.learned)


def derived_seed(seed: int, fold: int, purpose: str) -> int:
    """Returns a separate seed for each fold and purpose.

    >>> derived_seed(0, 1, "weights") == derived_seed(0, 1, "weights") != derived_seed(0, 2, "weights")
    True
    """
    digest = hashlib.sha256(f"{seed}/{fold}/{purpose}".encode()).digest()
    # 7 bytes: the number fits a generator's int64 seed and is never negative. A hash keeps nearby seeds independent.
    return int.from_bytes(digest[:7], "big")
