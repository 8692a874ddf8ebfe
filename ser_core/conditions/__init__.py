"""The extra conditions under which a trained fold is tested: one file per condition. CONDITIONS is the only list.

    speech_only  features_only    all other channels are hidden, as in masking; nothing is retrained
    without_text                  one channel is hidden
    text:asr                      another text, from the column `asr`
    noise:10  codec:gsm  ...      the audio after an augmentation, with separate noise for each utterance
An entry of `conditions` is NAME or NAME:VALUE. Its scores are called METRIC@ENTRY, for example uar@noise:10.
"""

from ser_core.augment import AUGMENTATIONS
from ser_core.channels import CHANNELS
from ser_core.conditions.condition import Condition
from ser_core.conditions.degraded import Degraded
from ser_core.conditions.only import SUFFIX, Only
from ser_core.conditions.other_text import OtherText
from ser_core.conditions.without import PREFIX, Without
from ser_core.errors import SettingError

CONDITIONS: dict[str, type[Condition]] = {
    **{f"{name}{SUFFIX}": Only for name in CHANNELS},
    **{f"{PREFIX}{name}": Without for name in CHANNELS},
    "text": OtherText,
    **dict.fromkeys(AUGMENTATIONS, Degraded),
}


def condition(entry: str) -> Condition:
    """Returns the condition that an entry names. Raises SettingError for an unknown one."""
    name = entry.partition(":")[0]
    if name not in CONDITIONS:
        raise SettingError(f"conditions: {entry!r} is not a condition; choose from {', '.join(CONDITIONS)}")
    return CONDITIONS[name](entry)


__all__ = ["CONDITIONS", "Condition", "condition"]
