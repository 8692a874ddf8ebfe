"""Does fusion beat each channel alone, and does each channel earn its place?

    ser ablate modality
    ser ablate modality model.features=FOLDER/        three channels: each alone, and each left out
With two channels, leaving one out is the other alone, so only the variants with one channel are trained.
"""

from ablations.study import Study
from ablations.variant import Variant
from ser_core.channels import CHANNELS
from ser_core.config.tree import Config
from ser_core.corpus import Corpus


def variants(config: Config, corpus: Corpus) -> list[Variant]:
    """Returns all channels, each channel alone and, from three channels on, all but each."""
    channels = config.model.channels
    alone = {f"{name} only": [other for other in channels if other != name] for name in channels}
    less = {f"without {name}": [name] for name in channels if len(channels) > 2}
    named = {name: tuple(f"model.{other}=none" for other in left_out) for name, left_out in (alone | less).items()}
    return [Variant(" + ".join(channels)), *(Variant(name, overrides) for name, overrides in named.items())]


STUDY = Study(
    name="modality",
    question="Does the model need all its channels?",
    channels=2,
    masks={f"{name} only": f"{name}_only" for name in CHANNELS} | {f"without {name}": f"without_{name}" for name in CHANNELS},
    variants=variants,
)
