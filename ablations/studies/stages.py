"""Do stages of fine-tuning help, and what should each train?

    ser ablate stages model.speech=FOLDER model.speech.tune=2
All variants train the same total number of epochs: one stage with optim.epochs, or two that share them. A frozen encoder is
thawed only if model.speech.tune or model.text.tune selects layers. Gao et al. 2024 (ICASSP) report 74.92 UA for all, then all,
and 76.54 for all, then adapters only (LoRA here, unless you set model.speech.adapter).
"""

from collections.abc import Sequence

from ablations.study import Study
from ablations.variant import Variant
from ser_core.config.tree import Config
from ser_core.corpus import Corpus
from ser_core.encoders.trainable import TrainableEncoder


def variants(config: Config, corpus: Corpus) -> Sequence[Variant]:
    """Returns one stage first, then two stages that share its epochs."""
    first = max(1, config.optim.epochs // 2)
    two = ("stages=two", f"stages.first.epochs={first}", f"stages.second.epochs={max(1, config.optim.epochs - first)}")
    trained = {name: option for name in config.model.channels if (option := encoder(config, name)) and option.tune}
    adapted = ("stages.first.trains=[heads,fusion,encoder]", "stages.second.trains=[heads,fusion,adapters]")
    added = [f"model.{name}.adapter=lora" for name, option in trained.items() if option.adapter.name == "none"]
    thawed = [
        Variant("two: frozen, then thawed", (*two, "stages.first.trains=[heads,fusion]")),
        Variant("two: all, then adapters", (*two, *adapted, *added)),
    ]
    return [
        Variant("one", ("stages=one",)),
        Variant("two: all, then all", two),
        *(thawed if trained else []),
        Variant("two: all, then heads", (*two, "stages.second.trains=[heads]")),
    ]


def encoder(config: Config, channel: str) -> TrainableEncoder | None:
    """Returns the option of a channel's encoder if it is a checkpoint, else None."""
    option = getattr(config.model, channel)
    return option if isinstance(option, TrainableEncoder) else None


STUDY = Study(name="stages", question="Do two stages of training beat one, and what should each train?", variants=variants)
