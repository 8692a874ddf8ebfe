"""One file per augmentation of a waveform. AUGMENTATIONS is the only list; an entry is NAME or NAME:VALUE, such as noise:10.

    noise      drawn separately for each utterance, within the bounds in its file        noise:10      10 dB for all of them
The draw depends only on the utterance and the entry, so the same features serve every seed and every trial.
"""

import hashlib

import numpy as np
import torch

from ser_core.augment.augmentation import Augmentation
from ser_core.augment.codec import Codec
from ser_core.augment.noise import Noise
from ser_core.augment.pink_noise import PinkNoise
from ser_core.augment.pitch import Pitch
from ser_core.augment.reverberation import Reverberation
from ser_core.augment.speed import Speed
from ser_core.errors import SettingError

AUGMENTATIONS: dict[str, type[Augmentation]] = {
    "speed": Speed,
    "pitch": Pitch,
    "noise": Noise,
    "pink_noise": PinkNoise,
    "reverberation": Reverberation,
    "codec": Codec,
}
EDITION = 1
"""Increased by one when an augmentation with the same name and value changes; its features are then extracted again."""


def augmentation(entry: str, key: str) -> Augmentation:
    """Returns the augmentation of an entry. `key` is the setting, for messages. Raises SettingError for an unknown one."""
    name, colon, value = entry.partition(":")
    if name not in AUGMENTATIONS or (colon and not value):
        raise SettingError(f"{key}: {entry!r} is not an augmentation; write NAME or NAME:VALUE with {', '.join(AUGMENTATIONS)}")
    found = AUGMENTATIONS[name](value)
    found.check(f"{key}: {entry}")
    return found


def augment(wave: np.ndarray, entry: str, utterance: str) -> np.ndarray:
    """Applies the entry to a waveform [samples] at 16 kHz. `utterance` identifies the audio and seeds the draw."""
    digest = hashlib.sha256(f"{utterance} {entry}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    changed = augmentation(entry, "augmentation").changed(torch.from_numpy(wave), generator)
    return np.ascontiguousarray(changed.numpy(), np.float32)


__all__ = ["AUGMENTATIONS", "EDITION", "Augmentation", "augment", "augmentation"]
