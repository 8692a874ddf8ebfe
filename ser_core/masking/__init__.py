"""One file per method of hiding a channel in training. MASKINGS is the only list; `model/masking=NAME` chooses from it."""

from ser_core.masking.epoch import EpochMasking
from ser_core.masking.masking import MaskingOption
from ser_core.masking.none import NoMasking
from ser_core.masking.utterance import UtteranceMasking

MASKINGS: dict[str, type[MaskingOption]] = {"none": NoMasking, "epoch": EpochMasking, "utterance": UtteranceMasking}

__all__ = ["MASKINGS", "MaskingOption"]
