"""The configuration tree on one screen. `ser options` prints it; an override such as optim.epochs=20 sets a leaf.

    seed  corpus  folds  audio  model(speech text fusion masking)  tasks(...)  weighting  stages  optim  conditions  run
Options with a file of their own (corpora, protocols, encoders, fusions, weightings) are chosen by name: weighting=dwa.
"""

import dataclasses
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, ClassVar

from ser_core.audio import Audio
from ser_core.batch import BATCHINGS
from ser_core.channels import CHANNELS
from ser_core.conditions import condition
from ser_core.config.default_store import DEFAULT_STORE
from ser_core.corpus import CORPORA, Corpus, CorpusOption
from ser_core.encoders.adapters import ADAPTERS
from ser_core.encoders.encoder import EncoderOption
from ser_core.encoders.integration import INTEGRATIONS
from ser_core.encoders.trainable import TrainableEncoder
from ser_core.errors import CorpusError, SettingError
from ser_core.folds import FOLDS, FoldsOption, make_folds
from ser_core.folds.dev import DEVELOPMENT
from ser_core.fusion import FUSIONS, FusionOption
from ser_core.masking import MASKINGS, MaskingOption
from ser_core.options import Option, Situation, at_least, location_field, one_of, within
from ser_core.stages import PARTS, STAGES, StagePlan, StagesOption, plan_stages
from ser_core.tasks import Tasks
from ser_core.weighting import WEIGHTINGS, WeightingOption


def encoder_groups() -> dict[str, tuple[dict[str, type[Any]], str]]:
    """Returns the groups of every channel: its encoder, and what goes inside the layers of encoders that have some."""
    groups: dict[str, tuple[dict[str, type[Any]], str]] = {}
    for name, kind in CHANNELS.items():
        groups[f"model.{name}"] = (kind.encoders, kind.default)
        if any(issubclass(option, TrainableEncoder) for option in kind.encoders.values()):
            groups |= {f"model.{name}.integration": (INTEGRATIONS, "none"), f"model.{name}.adapter": (ADAPTERS, "none")}
    return groups


GROUPS: dict[str, tuple[dict[str, type[Any]], str]] = {
    "corpus": (CORPORA, "demo"),
    "folds": (FOLDS, "lospo"),
    "folds.dev": (DEVELOPMENT, "auto"),
    **encoder_groups(),
    "model.fusion": (FUSIONS, "concat"),
    "model.masking": (MASKINGS, "none"),
    "weighting": (WEIGHTINGS, "fixed"),
    "stages": (STAGES, "one"),
}
"""Every node chosen by name: its table and its default. A nested node exists if the option chosen for its parent has it."""


def one_encoder_per_channel(option: type) -> type:
    """Gives a class of options an encoder for each channel, first, and the dropout of each channel, last."""
    own = dict(option.__annotations__)
    dropouts = {f"{name}_dropout": float | None for name in CHANNELS}
    option.__annotations__ = {**dict.fromkeys(CHANNELS, EncoderOption), **own, **dropouts}
    for name, kind in CHANNELS.items():
        sentence = {"sentence": kind.sentence}
        setattr(option, name, dataclasses.field(default_factory=EncoderOption, metadata=sentence))
        about = f"Share of dimensions dropped at the {name} channel, from 0 (none) to 0.9; null means model.dropout."
        setattr(option, f"{name}_dropout", dataclasses.field(default=None, metadata={"sentence": about}))
    return option


@dataclasses.dataclass(frozen=True)
@one_encoder_per_channel
class Model(Option):
    """The network between features and tasks: an encoder per channel (`speech`, `text`, ...), and the fields below."""

    key: ClassVar[str] = "model"
    fusion: FusionOption = dataclasses.field(default_factory=FusionOption)
    """How the channels become one vector."""
    masking: MaskingOption = dataclasses.field(default_factory=MaskingOption)
    """Whether training hides a channel from time to time."""
    width: int = 128
    """Width that every channel is projected to, at least 4."""
    dropout: float = 0.3
    """Share of dimensions dropped at the channels, in the fusion and before the heads, from 0 (none) to 0.9."""

    def __post_init__(self) -> None:
        at_least(self, "width", 4)
        for field in ("dropout", *(f"{name}_dropout" for name in CHANNELS)):
            if getattr(self, field) is not None:
                within(self, field, 0, 0.9)

    def without_effect(self, situation: Situation) -> dict[str, str]:
        silent = [name for name in CHANNELS if name not in self.channels]
        return {f"{name}_dropout": f"model.{name}=none, so there is no {name} channel" for name in silent}

    def channel_dropout(self, channel: str) -> float:
        """Returns the share of dimensions dropped at a channel."""
        own = getattr(self, f"{channel}_dropout")
        return self.dropout if own is None else own

    @property
    def channels(self) -> tuple[str, ...]:
        """Returns the names of the channels that the model reads."""
        return tuple(self.reads)

    @property
    def encoders(self) -> dict[str, EncoderOption]:
        """Returns the encoder of every channel, by name, including those that read nothing."""
        return {name: getattr(self, name) for name in CHANNELS}

    @property
    def reads(self) -> dict[str, str]:
        """Returns what each channel that the model reads is made from: audio, text or stored features."""
        return {name: option.reads for name, option in self.encoders.items() if option.reads}

    @property
    def tuned(self) -> tuple[TrainableEncoder, ...]:
        """Returns the encoders that have trained layers."""
        return tuple(option for option in self.encoders.values() if isinstance(option, TrainableEncoder) and option.tune)

    @property
    def parts(self) -> tuple[str, ...]:
        """Returns the parts of stages.PARTS that this model can train."""
        added = any({option.adapter.name, option.integration.name} != {"none"} for option in self.tuned)
        there = {"heads": True, "fusion": True, "adapters": added, "encoder": any(option.rate > 0 for option in self.tuned)}
        return tuple(part for part in PARTS if there[part])


@dataclasses.dataclass(frozen=True)
class Optim(Option):
    """How a fold is trained: AdamW with warm-up and learning rate decay, early stopping on the development part."""

    key: ClassVar[str] = "optim"
    epochs: int = 20
    """Maximum number of passes over the training part, at least 1."""
    patience: int = 5
    """Number of epochs without a better development score after which a fold stops, at least 1."""
    sampling: str = "shuffled"
    """How an epoch draws utterances: shuffled (each once) or balanced (with replacement, emotions equally often on average)."""
    monitor: str = "score"
    """Criterion that chooses the epoch, as a running mean over epochs: score (development UAR and mean CCC) or loss."""
    refit: bool = True
    """Whether the tested model is retrained on the training and development parts together, for the chosen number of epochs."""
    batch: int = 32
    """Utterances per step, at least 2."""
    batching: str = "count"
    """What fills a step: count (optim.batch utterances) or length (few long or many short utterances, at least two, padded to no
    more than optim.batch utterances of mean length; the more utterances a step holds, the less each one counts)."""
    accumulate: int = 1
    """Batches whose gradients are averaged into one step, at least 1. CCC and contrast still see one batch at a time."""
    learning_rate: float = 1.5e-3
    """Peak learning rate, above 0."""
    layer_rate: float = 10.0
    """Factor on the learning rate of the layer weights, at least 0; 0 keeps the plain mean of the layers."""
    warmup: float = 0.1
    """Share of all steps over which the rate rises from 0, from 0 (none) to 1."""
    schedule: str = "cosine"
    """Learning rate after the peak: cosine or linear (decay to 0 at the last step), or constant."""
    weight_decay: float = 0.05
    """Decoupled weight decay of matrices (never of biases, norms, tokens and layer weights), at least 0."""
    clip: float = 1.0
    """Maximum norm of the gradient, above 0."""
    mixup: float = 0.0
    """Share of steps in which pairs of utterances are mixed before the heads (ser_core/mixup.py), from 0 (none) to 1."""
    mixup_alpha: float = 0.2
    """Parameter of the Beta distribution of the shares in optim.mixup, above 0; 1 draws all shares equally often, small values
    keep mostly one of the two utterances."""
    pack: int = 1
    """Folds trained as one program, at least 0. 1 trains each fold alone. K stacks the first K folds, then the next K, and so
    on; it is part of the fold's identity, because the last bits of sums depend on what is stacked. 0 stacks all folds a worker
    trains, across configurations (cluster.pack); records may then differ in the last bits."""
    bf16: bool = True
    """Whether a GPU computes in bfloat16; a CPU always computes in float32."""

    def __post_init__(self) -> None:
        for field in ("epochs", "patience", "accumulate"):
            at_least(self, field, 1)
        for field, low in (("batch", 2), ("layer_rate", 0), ("weight_decay", 0), ("pack", 0)):
            at_least(self, field, low)
        within(self, "mixup", 0, 1)
        at_least(self, "mixup_alpha", 1e-3)
        for field in ("learning_rate", "clip"):
            at_least(self, field, 1e-12)
        within(self, "warmup", 0, 1)
        one_of(self, "batching", tuple(BATCHINGS))
        one_of(self, "schedule", ("cosine", "linear", "constant"))
        one_of(self, "monitor", ("score", "loss"))
        one_of(self, "sampling", ("shuffled", "balanced"))

    def without_effect(self, situation: Situation) -> dict[str, str]:
        config, folds, found = situation.config, situation.folds, dict[str, str]()
        stages = config.stages.all()
        for field in ("epochs", "patience", "batch"):
            if all(getattr(stage, field) is not None for stage in stages.values()):
                found[field] = f"every stage sets its own ({', '.join(f'stages.{name}.{field}' for name in stages)})"
        if self.patience >= max(stage.epochs or self.epochs for stage in stages.values()):
            found.setdefault("patience", f"no stage has more than {self.patience} epochs")
        if config.folds.dev.name == "none":
            unused = ("patience", "monitor", *(["refit"] if self.refit else []))
            found |= dict.fromkeys(unused, "folds.dev=none leaves no development set")
        elif self.refit and folds and not any(fold.joins for fold in folds.folds):
            found["refit"] = "this protocol never adds the development set to the training set (see the card)"
        if not any(getattr(option, "layers", "") == "weighted" for option in config.model.encoders.values()):
            found["layer_rate"] = "no channel uses a weighted sum of encoder layers (a checkpoint with layers=weighted does)"
        if self.mixup == 0:
            found["mixup_alpha"] = "optim.mixup=0 mixes nothing"
        if config.run.device == "cpu":
            found["bf16"] = "run.device=cpu always computes in float32"
        return found


@dataclasses.dataclass(frozen=True)
class Run(Option):
    """Where and how to run. Nothing here changes what is trained, so nothing here is part of a fold's identity."""

    key: ClassVar[str] = "run"
    store: str = location_field(DEFAULT_STORE)
    """Folder of records, studies, features and the tracking database."""
    device: str = "auto"
    """Where models train: auto (a GPU if one is available), cpu or cuda."""
    threads: int = 1
    """CPU threads of one trial, at least 1. The last bits of a sum may depend on the number of threads."""
    checkpoint_seconds: float = 60.0
    """Minimum seconds between two checkpoints of a fold, at least 0. A killed fold resumes from its last checkpoint."""
    on_bad_audio: str = "stop"
    """What happens when an audio file cannot be used: stop the run, or skip the file (in every part, counted in the record)."""
    keep_models: bool = False
    """Whether the model of each fold is kept, in models/folds of the store, for `ser predict`."""
    features_gb: float = 0.0
    """Limit for stored features in GB, at least 0 (no limit). Beyond it, the least recently used features are deleted."""

    def __post_init__(self) -> None:
        at_least(self, "threads", 1)
        at_least(self, "features_gb", 0)
        at_least(self, "checkpoint_seconds", 0)
        one_of(self, "device", ("auto", "cpu", "cuda"))
        one_of(self, "on_bad_audio", ("stop", "skip"))


@dataclasses.dataclass(frozen=True)
class Config(Option):
    """One experiment. Two lists of overrides that resolve to the same Config are the same experiment."""

    seed: int = 0
    """Seed of initial weights, batch order and dropout, at least 0."""
    corpus: CorpusOption = dataclasses.field(default_factory=CorpusOption)
    """Source of the utterances."""
    folds: FoldsOption = dataclasses.field(default_factory=FoldsOption)
    """How speakers are split into training, development and test parts."""
    audio: Audio = dataclasses.field(default_factory=Audio)
    """How files become waveforms."""
    model: Model = dataclasses.field(default_factory=Model)
    """The network."""
    tasks: Tasks = dataclasses.field(default_factory=Tasks)
    """What the model predicts, with weights."""
    weighting: WeightingOption = dataclasses.field(default_factory=WeightingOption)
    """How those weights change during training."""
    stages: StagesOption = dataclasses.field(default_factory=StagesOption)
    """The stages of training."""
    optim: Optim = dataclasses.field(default_factory=Optim)
    """How the model is trained."""
    conditions: list[str] = dataclasses.field(default_factory=list)
    """Extra conditions for scoring a trained fold: speech_only, without_text, text:COLUMN, or an augmentation like noise:10."""
    run: Run = dataclasses.field(default_factory=Run)
    """Where and how to run."""

    def __post_init__(self) -> None:
        at_least(self, "seed", 0)
        for name, stage in self.stages.all().items():
            for task, weight in stage.weights.given().items():
                if weight > 0 and task not in self.tasks.active():
                    raise SettingError(
                        f"stages.{name}.weights.{task} is {weight:g}, but tasks.{task}.weight=0 removes that task; "
                        f"set tasks.{task}.weight above 0 (stages.{name}.weights says what counts in this stage)"
                    )
        self._check_versions()

    def settled(self, corpus: Corpus, channels: Collection[str] = CHANNELS) -> "Config":
        """Returns the same experiment without tasks that corpus and channels do not support; requesting them changes nothing."""
        tasks = self.tasks.settled(corpus, channels)
        return dataclasses.replace(self, tasks=tasks, stages=self.stages.among(tasks.active()))

    def stage_plans(self) -> Sequence[StagePlan]:
        """Returns the stages in order, with every field filled in. Raises SettingError when a stage has no task."""
        weights = {name: task.weight for name, task in self.tasks.active().items()}
        return plan_stages(self.stages, self.optim, weights)

    def small_batches(self) -> list[str]:
        """Returns notices about losses over a batch that do not see the larger batch made by accumulation."""
        over_batches = [name for name, task in self.tasks.active().items() if task.over_batch]
        if self.optim.accumulate == 1 or not over_batches:
            return []
        return [
            f"optim.accumulate={self.optim.accumulate} averages gradients, but the loss of {' and '.join(over_batches)} "
            f"still compares the {self.optim.batch} utterances of one batch; a memory of earlier batches (tasks.*.memory) helps"
        ]

    def without_effect(self, situation: Situation) -> dict[str, str]:
        found = dict[str, str]()
        if "audio" not in self.model.reads.values():
            found |= dict.fromkeys(("audio", "run.on_bad_audio"), "model.speech=none reads no audio")
        if not any(option.reads and option.stores for option in self.model.encoders.values()):
            found["run.features_gb"] = "no channel has features to store"
        reads = [entry for entry in self.conditions if condition(entry).reads_text]
        if not reads and "column" not in self.tasks.stored:
            found["corpus.columns_file"] = (
                "nothing reads its columns; conditions=[text:COLUMN] does, or tasks.augmented_contrast.views=column with a weight"
            )
        if situation.folds and "folds.seed" in situation.given and not self._draws(situation):
            found["folds.seed"] = "this split is not random"
        return found

    def _draws(self, situation: Situation) -> bool:
        """Whether other seeds of the split give other folds."""
        card = {"content": ""}
        seeds = [dataclasses.replace(self.folds, seed=(self.folds.seed + step) % 2**32) for step in range(4)]
        try:
            return len({make_folds(situation.corpus, each, card).hash for each in seeds}) > 1
        except CorpusError:
            return True

    @property
    def cache(self) -> Path:
        """Returns the folder of the feature store, the demo corpus and the file hashes."""
        return Path(self.run.store) / "cache"

    def _check_versions(self) -> None:
        """Raises SettingError for a condition that the channels do not allow, and for what an active task does not allow."""
        for entry in self.conditions:
            condition(entry).check(self.model.reads)
            if self.conditions.count(entry) > 1:
                raise SettingError(f"conditions: {entry} is given twice; keep one")
        for task in self.tasks.active().values():
            task.check(self)
