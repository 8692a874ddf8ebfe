"""Codecs: the waveform is encoded in a lossy format in memory and decoded again, all by libsndfile.

16 kHz --(telephone: 8 kHz)--> encoder --> bytes --> decoder --> 16 kHz, same length as before
"""

import io
from typing import ClassVar

import soundfile
import torch
from jaxtyping import Float
from torch import Tensor
from torchaudio.functional import resample

from ser_core.audio import SAMPLE_RATE_HZ
from ser_core.augment.augmentation import Augmentation
from ser_core.errors import SettingError

CODECS: dict[str, tuple[str, str, int]] = {
    "mulaw": ("WAV", "ULAW", 8000),
    "gsm": ("WAV", "GSM610", 8000),
    "mp3": ("MP3", "MPEG_LAYER_III", SAMPLE_RATE_HZ),
    "vorbis": ("OGG", "VORBIS", SAMPLE_RATE_HZ),
    "opus": ("OGG", "OPUS", SAMPLE_RATE_HZ),
}
"""Container, codec and rate in Hz: two telephone codecs (ITU-T G.711, GSM 06.10) and three internet codecs."""


class Codec(Augmentation):
    """Encoding and decoding."""

    unit: ClassVar[str] = "the codec's name"

    def check(self, entry: str) -> None:
        if self.value and self.value not in CODECS:
            raise SettingError(f"{entry}: the value is {self.unit}, one of {', '.join(CODECS)}; got {self.value!r}")

    def changed(self, wave: Float[Tensor, "samples"], generator: torch.Generator) -> Float[Tensor, "samples"]:
        name = self.value or list(CODECS)[int(torch.randint(len(CODECS), (), generator=generator))]
        container, subtype, rate = CODECS[name]
        written = io.BytesIO()
        sent = resample(wave, SAMPLE_RATE_HZ, rate).clamp(-1, 1).numpy()
        soundfile.write(written, sent, rate, format=container, subtype=subtype)
        written.seek(0)
        received = torch.from_numpy(soundfile.read(written, dtype="float32")[0])
        changed = resample(received, rate, SAMPLE_RATE_HZ)[: len(wave)]
        return torch.nn.functional.pad(changed, (0, len(wave) - len(changed)))
