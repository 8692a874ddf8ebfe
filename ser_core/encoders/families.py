"""How the families of speech encoders differ: in their input, and in what runs before their transformer layers.

wav2vec2, hubert, wavlm, data2vec-audio   waveform (zero mean, unit variance) -> 7 convolutions -> projection -> layers
whisper                                   log-mel -> 2 convolutions -> + positions -> layers -> norm
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import gelu

from ser_core.audio import SAMPLE_RATE_HZ
from ser_core.errors import SettingError

KERNELS = (10, 3, 3, 3, 3, 2, 2)
STRIDES = (5, 2, 2, 2, 2, 2, 2)
"""Strides of the convolutions of wav2vec 2.0 (Baevski et al. 2020, 2006.11477), used if config.json has none."""


@dataclasses.dataclass(frozen=True)
class Family:
    """How to read one kind of encoder. `settings` is config.json, `preparation` is preprocessor_config.json or {}."""

    layers: tuple[str, int]
    """Setting with the number of transformer layers, and its default."""
    dim: tuple[str, int]
    """Setting with the width of a hidden state, and its default."""
    minimum_samples: Callable[[dict[str, Any]], int]
    """Settings -> shortest waveform."""
    prepare: Callable[[Float[np.ndarray, "samples"], dict[str, Any], dict[str, Any]], Tensor]
    """Waveform, settings, preparation -> input of `run`, float32, batch of one."""
    run: Callable[[Any, Tensor], Float[Tensor, "1 frames dim"]]
    """Model, inputs -> the encoder's output; `model.encoder.layers` are its transformer layers."""
    closes: Callable[[dict[str, Any]], bool]
    """Settings -> whether `model.encoder.layer_norm` comes after the layers (otherwise it comes before)."""


def receptive_field(settings: dict[str, Any]) -> int:
    """Returns the number of samples that one frame of stacked convolutions covers.

    >>> receptive_field({})
    400
    """
    samples = 1
    kernels, strides = settings.get("conv_kernel", KERNELS), settings.get("conv_stride", STRIDES)
    for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
        samples = (samples - 1) * stride + kernel
    return samples


def normalised(wave: np.ndarray, settings: dict[str, Any], preparation: dict[str, Any]) -> Tensor:
    """Returns the waveform [1 samples], at zero mean and unit variance unless the checkpoint was trained without."""
    if preparation.get("do_normalize", True):
        # 1e-7 as in transformers' Wav2Vec2FeatureExtractor.
        wave = (wave - wave.mean()) / np.sqrt(wave.var() + 1e-7)
    return torch.from_numpy(wave)[None]


def run_waveform(model: Any, inputs: Tensor) -> Tensor:
    frames = model.feature_extractor(inputs).transpose(1, 2)
    projected = model.feature_projection(frames)
    return model.encoder(projected[0] if isinstance(projected, tuple) else projected)[0]


def log_mel(wave: np.ndarray, settings: dict[str, Any], preparation: dict[str, Any]) -> Tensor:
    """Returns Whisper's spectrogram [1 mels frames] at its real length, 10 ms frames (Radford et al. 2022, 2212.04356).

    Raises SettingError for audio longer than the position table (30 s in every published checkpoint).
    """
    fft, hop = preparation.get("n_fft", 400), preparation.get("hop_length", 160)
    longest = settings.get("max_source_positions", 1500) * 2 * hop
    if len(wave) > longest:
        raise SettingError(
            f"this Whisper encoder reads at most {longest / SAMPLE_RATE_HZ:g} s and was given "
            f"{len(wave) / SAMPLE_RATE_HZ:.2f} s; set audio.max_seconds to {longest / SAMPLE_RATE_HZ:g} or less"
        )
    spectrum = torch.stft(torch.from_numpy(wave), fft, hop, window=torch.hann_window(fft), return_complex=True)
    # From here on as in OpenAI's code (whisper/audio.py): no last frame, 8 decades below the maximum, (x + 4) / 4.
    power = spectrum[:, :-1].abs().square()
    energies = (_whisper_filters(settings.get("num_mel_bins", 80), fft, hop) @ power).clamp(min=1e-10).log10()
    return ((energies.clamp(min=float(energies.max()) - 8) + 4) / 4)[None]


@functools.cache
def _whisper_filters(mels: int, fft: int, hop: int) -> Float[Tensor, "mels bins"]:
    from transformers import WhisperFeatureExtractor

    filters = WhisperFeatureExtractor(feature_size=mels, n_fft=fft, hop_length=hop).mel_filters
    return torch.as_tensor(filters, dtype=torch.float32).T.contiguous()


def run_whisper(model: Any, inputs: Tensor) -> Tensor:
    encoder = model.encoder
    frames = gelu(encoder.conv2(gelu(encoder.conv1(inputs)))).transpose(1, 2)
    # Positions of the real length. Whisper itself pads every input to 30 s.
    states = frames + encoder.embed_positions.weight[: frames.shape[1]]
    for layer in encoder.layers:
        output = layer(states, None)
        states = output[0] if isinstance(output, tuple) else output
    return encoder.layer_norm(states)


def _stable(settings: dict[str, Any]) -> bool:
    return bool(settings.get("do_stable_layer_norm", False))


WAVEFORM = Family(("num_hidden_layers", 12), ("hidden_size", 768), receptive_field, normalised, run_waveform, _stable)
WHISPER = Family(("encoder_layers", 4), ("d_model", 384), lambda settings: 400, log_mel, run_whisper, lambda settings: True)

FAMILIES = {
    "wav2vec2": WAVEFORM,
    "hubert": WAVEFORM,
    "wavlm": WAVEFORM,
    "data2vec-audio": WAVEFORM,
    "whisper": WHISPER,
}
"""By `model_type` of config.json."""
