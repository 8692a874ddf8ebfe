"""What speech and text checkpoints share: which hidden states are read, and how the upper layers are trained.

path, layers                       which states of which checkpoint
tune, rate, decay, checkpointing   how many layers are trained, and how; subclasses add a switch for what is below the layers
integration, adapter               additions between the layers, and inside each
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from ser_core.encoders import checkpoint
from ser_core.encoders.adapters import AdapterOption
from ser_core.encoders.encoder import EncoderOption, weights_hash
from ser_core.encoders.fronts import Front
from ser_core.encoders.integration import IntegrationOption
from ser_core.encoders.stems import ConcatenatedStem, FeatureStem
from ser_core.encoders.tuned import TopLayers, Tuning
from ser_core.errors import SettingError
from ser_core.options import Situation, at_least, location_field, within

FROM_INPUT = "; no stored states replace any part of it, so every epoch runs all of it, one utterance at a time"
"""What it costs to train below the layers, or an encoder as a whole."""


@dataclasses.dataclass(frozen=True)
class TrainableEncoder(EncoderOption):
    """Base of the checkpoints, frozen or with trained upper layers."""

    name: str = "checkpoint"
    """The name of this option."""
    path: str = location_field("")
    """Folder of the checkpoint, or its name on the Hugging Face hub."""
    layers: str = "last"
    """Hidden states used: weighted (a learned sum of all), concat (side by side), last, or one number (0: embedding output)."""
    tune: int = 0
    """Number of upper transformer layers to train, at least -1: 0 none, -1 all. The layers below are frozen."""
    rate: float = 0.02
    """Factor on optim.learning_rate for the uppermost trained layer, from 0 (keeps its pre-trained weights) to 1."""
    decay: float = 0.9
    """Factor on the rate from each trained layer to the one below it, from 0.001 to 1."""
    integration: IntegrationOption = dataclasses.field(default_factory=IntegrationOption)
    """How states of lower trained layers reach the layers above them (reconstructions)."""
    adapter: AdapterOption = dataclasses.field(default_factory=AdapterOption)
    """Addition inside each trained layer; with rate=0 only the addition is trained."""
    checkpointing: bool = False
    """Whether the backward pass recomputes the trained layers: less memory, more time, the same gradients."""

    def __post_init__(self) -> None:
        checkpoint.check_layers(self.layers, self.key)
        at_least(self, "tune", -1)
        within(self, "rate", 0, 1)
        within(self, "decay", 1e-3, 1)
        if self.tune and self.layers not in (*checkpoint.MIXED, "last"):
            raise SettingError(
                f"{self.key}.tune trains the uppermost layers, so {self.key}.layers must be weighted, concat or last"
            )
        if self.below and self.tune != -1:
            raise SettingError(f"{self.key}.{self.below}=true trains what is below all layers, so it needs {self.key}.tune=-1")
        inside = {"integration": self.integration.name, "adapter": self.adapter.name}
        for group, name in inside.items():
            if name != "none" and not self.tune:
                raise SettingError(
                    f"{self.key}.{group}={name} needs trained layers: add {self.key}.tune=2, or -1 for all of them"
                )
        if self.tune and not self.rate and set(inside.values()) == {"none"}:
            raise SettingError(f"{self.key}.rate=0 trains nothing: add {self.key}.adapter=lora, or set {self.key}.tune=0")

    @classmethod
    def reads_path(cls, path: str) -> bool:
        return True

    def without_effect(self, situation: Situation) -> dict[str, str]:
        frozen = f"{self.key}.tune=0 trains no layer of this encoder"
        idle = {} if self.tune else dict.fromkeys(("rate", "decay", "checkpointing"), frozen)
        kept = f"{self.key}.rate=0 keeps all pre-trained weights"
        return idle | ({self.below: kept} if self.below and not self.rate else {})

    @property
    def below(self) -> str:
        """Returns the field that switches on training below the layers; "" while it is off."""
        return ""

    @property
    def reader(self) -> type[FeatureStem]:
        return ConcatenatedStem if self.layers == "concat" else FeatureStem

    def trained(self, top: Callable[[], TopLayers], stride: int, front: Callable[[], Front] | None = None) -> Tuning:
        """Returns how these layers, and what `front` runs below them, are trained."""
        last = self.layers == "last"
        return Tuning(top, stride, last, self.rate, self.decay, self.integration, self.adapter, self.checkpointing, front)

    def layers_trained(self) -> int:
        """Returns the number of layers that `tune` means for this checkpoint. Raises SettingError if it cannot be read."""
        raise NotImplementedError

    def identity(self) -> dict[str, Any]:
        """Returns the weights' hash in place of their path and the layer count for -1; idle settings get a fixed value."""
        untuned = {} if self.tune else {"rate": 0, "decay": 0}
        tune = self.layers_trained() if self.tune < 0 else self.tune
        # Checkpointing changes memory and time but not the gradients, so it does not count.
        return {"path": weights_hash(checkpoint.find(self.path, self.key)), "tune": tune, "checkpointing": False, **untuned}
