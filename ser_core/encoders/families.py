"""How the families of speech encoders differ: in their input, and in what runs before their transformer layers.

wav2vec2, hubert, wavlm, unispeech, ...   waveform (zero mean, unit variance) -> 7 convolutions -> projection -> layers
wav2vec2-conformer                        the same -> conformer layers -> norm
wav2vec2-bert                             pairs of log-mel frames (Kaldi) -> projection -> conformer layers
whisper                                   log-mel -> 2 convolutions -> + positions -> layers -> norm
audio-spectrogram-transformer             log-mel (Kaldi) padded to 10.24 s -> patches -> layers -> norm; frozen only
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
from ser_core.encoders.around import ConformerAround, WavlmAround
from ser_core.encoders.stacks import Stack, conformer_layers
from ser_core.errors import SettingError

KERNELS = (10, 3, 3, 3, 3, 2, 2)
STRIDES = (5, 2, 2, 2, 2, 2, 2)
"""Strides of the convolutions of wav2vec 2.0 (Baevski et al. 2020, 2006.11477), used if config.json has none."""
FRAME, HOP = 400, 160
"""Window and hop of Kaldi's log-mel frames, in samples: 25 and 10 ms."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Family(Stack):
    """How to read one kind of encoder. `settings` is config.json, `preparation` is preprocessor_config.json or {}."""

    stack: str = "encoder.layers"
    """The transformer layers, a ModuleList."""
    layers: tuple[str, int] = ("num_hidden_layers", 12)
    """Setting with the number of transformer layers, and its default."""
    dim: tuple[str, int] = ("hidden_size", 768)
    """Setting with the width of a hidden state, and its default."""
    minimum_samples: Callable[[dict[str, Any]], int]
    """Settings -> shortest waveform."""
    prepare: Callable[[Float[np.ndarray, "samples"], dict[str, Any], dict[str, Any]], Tensor]
    """Waveform, settings, preparation -> input of `run`, float32, batch of one."""
    run: Callable[[Any, Tensor], Float[Tensor, "1 frames dim"]]
    """Model, inputs -> the encoder's output."""
    closing: str = "encoder.layer_norm"
    """The norm after the last layer."""
    closes: Callable[[dict[str, Any]], bool] = lambda settings: True
    """Settings -> whether `closing` comes after the layers (otherwise it comes before, or there is none)."""
    steps: Callable[[Float[Tensor, "tokens dim"], dict[str, Any], int], Float[Tensor, "frames dim"]] = (
        lambda state, settings, samples: state
    )
    """A hidden state, settings, length of the waveform -> its steps in time."""
    time_axis: int = 1
    """Axis of time in the prepared input."""
    why_frozen: str = ""
    """Why its layers cannot be trained; "" if they can."""


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
    longest = longest_log_mel(settings, preparation)
    if len(wave) > longest:
        raise SettingError(
            f"this Whisper encoder reads at most {longest / SAMPLE_RATE_HZ:g} s and was given "
            f"{len(wave) / SAMPLE_RATE_HZ:.2f} s; set audio.max_seconds to {longest / SAMPLE_RATE_HZ:g} or less"
        )
    spectrum = torch.stft(torch.from_numpy(wave), fft, hop, window=torch.hann_window(fft), return_complex=True)
    # From here on as in OpenAI's code (whisper/audio.py): no last frame, 8 decades below the maximum, (x + 4) / 4.
    filters = whisper_filters(settings.get("num_mel_bins", 80), fft, hop)
    return whisper_spectrogram(spectrum[:, :-1].abs().square(), filters)


def longest_log_mel(settings: dict[str, Any], preparation: dict[str, Any]) -> int:
    """Returns how many samples Whisper's table of positions covers."""
    return settings.get("max_source_positions", 1500) * 2 * preparation.get("hop_length", 160)


def whisper_spectrogram(
    power: Float[Tensor, "bins frames"], filters: Float[Tensor, "mels bins"]
) -> Float[Tensor, "1 mels frames"]:
    """Returns Whisper's input for a power spectrum."""
    energies = (filters @ power).clamp(min=1e-10).log10()
    return ((torch.maximum(energies, energies.max() - 8) + 4) / 4)[None]


@functools.cache
def whisper_filters(mels: int, fft: int, hop: int) -> Float[Tensor, "mels bins"]:
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


@functools.cache
def _pairs_of_mels(mels: int, stride: int) -> Any:
    from transformers import SeamlessM4TFeatureExtractor

    return SeamlessM4TFeatureExtractor(feature_size=mels, num_mel_bins=mels, stride=stride)


def stacked_log_mel(wave: np.ndarray, settings: dict[str, Any], preparation: dict[str, Any]) -> Tensor:
    """Returns w2v-BERT's input [1 frames mels * 2]: log-mel frames of 10 ms, each band at zero mean and unit variance, in pairs.

    A last frame without a partner is left out; transformers pads it and then masks it (Communication et al. 2023, 2312.05187).
    """
    extractor = _pairs_of_mels(preparation.get("num_mel_bins", 80), preparation.get("stride", 2))
    found = extractor(wave, sampling_rate=SAMPLE_RATE_HZ, pad_to_multiple_of=None, padding=False, return_tensors="np")
    return torch.as_tensor(np.asarray(found["input_features"], np.float32))


def run_frames(model: Any, inputs: Tensor) -> Tensor:
    return model.encoder(model.feature_projection(inputs)[0])[0]


def fixed_log_mel(wave: np.ndarray, settings: dict[str, Any], preparation: dict[str, Any]) -> Tensor:
    """Returns AST's spectrogram [1 frames mels], padded with zeros to its fixed length (Gong et al. 2021, 2104.01778).

    Computed as transformers' ASTFeatureExtractor does without torchaudio. Raises SettingError for longer audio.
    """
    from transformers.audio_utils import spectrogram, window_function

    longest, mels = settings.get("max_length", 1024), settings.get("num_mel_bins", 128)
    seconds = (longest * HOP + FRAME - HOP) / SAMPLE_RATE_HZ
    if ast_frames(len(wave)) > longest:
        raise SettingError(
            f"this spectrogram transformer reads at most {seconds:g} s and was given {len(wave) / SAMPLE_RATE_HZ:.2f} s; "
            f"set audio.max_seconds to {longest * HOP / SAMPLE_RATE_HZ:g} or less"
        )
    window, form = window_function(FRAME, "hann", periodic=False), {"power": 2.0, "center": False, "preemphasis": 0.97}
    energies = spectrogram(
        *(wave, window, FRAME, HOP, 512),
        **form,
        mel_filters=_kaldi_filters(mels),
        log_mel="log",
        mel_floor=2**-23,
        remove_dc_offset=True,
    )
    padded = np.pad(energies.T, ((0, longest - energies.shape[1]), (0, 0)))
    if preparation.get("do_normalize", True):
        padded = (padded - preparation.get("mean", -4.2677393)) / (2 * preparation.get("std", 4.5689974))
    return torch.as_tensor(padded.astype(np.float32))[None]


@functools.cache
def _kaldi_filters(mels: int) -> np.ndarray:
    from transformers.audio_utils import mel_filter_bank

    limits: dict[str, Any] = {"min_frequency": 20, "max_frequency": SAMPLE_RATE_HZ // 2, "sampling_rate": SAMPLE_RATE_HZ}
    form: dict[str, Any] = {"norm": None, "mel_scale": "kaldi", "triangularize_in_mel_space": True}
    return mel_filter_bank(num_frequency_bins=257, num_mel_filters=mels, **limits, **form)


def ast_frames(samples: int) -> int:
    """Returns the number of 10 ms frames that fit completely into a waveform."""
    return 1 + (samples - FRAME) // HOP


def run_ast(model: Any, inputs: Tensor) -> Tensor:
    return model(inputs).last_hidden_state


def ast_steps(state: Tensor, settings: dict[str, Any], samples: int) -> Tensor:
    """Returns AST's patches [time dim], averaged over frequency, up to the end of the recording, without the summary tokens."""
    patch, hop = settings.get("patch_size", 16), settings.get("time_stride", 10)
    times = (settings.get("max_length", 1024) - patch) // hop + 1
    # Patches lie frequency by frequency.
    return state[2:].unflatten(0, (-1, times)).mean(0)[: -(-ast_frames(samples) // hop)]


def _stable(settings: dict[str, Any]) -> bool:
    return bool(settings.get("do_stable_layer_norm", False))


WAVEFORM: dict[str, Any] = {"minimum_samples": receptive_field, "prepare": normalised, "run": run_waveform}

FAMILIES = {
    "wav2vec2": Family(**WAVEFORM, closes=_stable),
    "hubert": Family(**WAVEFORM, closes=_stable),
    "wavlm": Family(**WAVEFORM, closes=_stable, around=WavlmAround),
    "data2vec-audio": Family(**WAVEFORM, closes=_stable),
    "unispeech": Family(**WAVEFORM, closes=_stable),
    "unispeech-sat": Family(**WAVEFORM, closes=_stable),
    "wav2vec2-conformer": Family(**WAVEFORM, around=ConformerAround, layers_of=conformer_layers),
    "wav2vec2-bert": Family(
        layers=("num_hidden_layers", 24),
        dim=("hidden_size", 1024),
        minimum_samples=lambda settings: FRAME + HOP,
        prepare=stacked_log_mel,
        run=run_frames,
        closes=lambda settings: False,
        around=ConformerAround,
    ),
    "whisper": Family(
        layers=("encoder_layers", 4),
        dim=("d_model", 384),
        minimum_samples=lambda settings: 400,
        prepare=log_mel,
        run=run_whisper,
        time_axis=2,
    ),
    "audio-spectrogram-transformer": Family(
        stack="layers",
        minimum_samples=lambda settings: FRAME,
        prepare=fixed_log_mel,
        run=run_ast,
        closing="layernorm",
        steps=ast_steps,
        why_frozen="it always reads a whole spectrogram of fixed length",
    ),
}
"""By `model_type` of config.json."""
