"""How should the model use the states of a speech encoder's trained layers?

    ser ablate layers model.speech=../shared/models/whisper-base-encoder model.speech.tune=2
Compares the last state with a weighted sum, a concatenation of all states, and three reconstructions of augmented residual
integration (Wan et al. 2024, arXiv 2412.20707, whose equations are not known), over the same trained layers. The study needs
trained layers: set model.speech to a checkpoint, and set model.speech.tune (-1 trains all its layers).
"""

from collections.abc import Sequence

from ablations.study import Study
from ablations.variant import Variant
from ser_core.config.tree import Config
from ser_core.corpus import Corpus
from ser_core.encoders.integration import INTEGRATIONS
from ser_core.encoders.trainable import TrainableEncoder
from ser_core.errors import SettingError


def variants(config: Config, corpus: Corpus) -> Sequence[Variant]:
    """Returns the last state first. Raises SettingError if no layer of a speech encoder is trained."""
    speech = config.model.speech
    if not isinstance(speech, TrainableEncoder) or not speech.tune:
        raise SettingError(
            f"study layers compares trained layers of a speech encoder, but model.speech={speech.name} has none: "  # type: ignore[attr-defined]
            "add model.speech=CHECKPOINT (its folder or name on the hub) and model.speech.tune=2 (-1: all its layers)"
        )
    read = {name: (f"model.speech.layers={name}", "model.speech.integration=none") for name in ("last", "weighted", "concat")}
    inside = {name: ("model.speech.layers=last", f"model.speech.integration={name}") for name in INTEGRATIONS if name != "none"}
    return [Variant(name, overrides) for name, overrides in {**read, **inside}.items()]


STUDY = Study(
    name="layers",
    question="Does any use of the trained layers' states (ARI: three reconstructions) beat the last state alone?",
    variants=variants,
    notes=(
        "weighted has one projection per layer, so it can represent the same functions as concat; the two learn differently.",
        "ari_head has one selection of layers for all tasks; in the paper each task may have its own.",
    ),
)
