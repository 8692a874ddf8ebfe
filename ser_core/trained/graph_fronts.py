"""Encoders as part of a graph: from the waveform or token numbers to the states that extraction computes, in torch alone.

    waveform --frames by convolution--> log-mel steps, or Whisper's spectrogram --layers--> states     LogMelFront, WhisperFront
    waveform --normalised--> states of wav2vec 2.0 and its relatives                                    WaveformFront
    token numbers --> states of a text encoder                                                          TokensFront
Each gives [1 time layers dim], rounded to float16 as stored features are.
"""

import sys
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, pad

from ser_core.batch import Stream
from ser_core.encoders import logmel
from ser_core.encoders.families import longest_log_mel, run_waveform, whisper_filters, whisper_spectrogram
from ser_core.encoders.logmel import LogMelExtractor
from ser_core.encoders.speech import SpeechExtractor
from ser_core.encoders.text import TextExtractor
from ser_core.encoders.tuned import strided


class Power(nn.Module):
    """Power spectrum [bins frames] of a waveform, as a convolution: every ONNX runtime has it, few have the Fourier transform."""

    kernel: Tensor

    def __init__(self, window: Tensor, fft: int, hop: int) -> None:
        super().__init__()
        turns = torch.arange(fft // 2 + 1).double()[:, None] * torch.arange(len(window)).double() / fft
        kernel = torch.cat([(turns * 2 * torch.pi).cos(), (turns * 2 * torch.pi).sin()]) * window.double()
        self.register_buffer("kernel", kernel.float()[:, None])
        self.hop = hop

    def forward(self, wave: Tensor) -> Tensor:
        real, imaginary = conv1d(wave[None, None], self.kernel, stride=self.hop)[0].chunk(2)
        return real.square() + imaginary.square()


class LogMelFront(nn.Module):
    """Waveform [samples] -> log-mel steps."""

    filters: Tensor

    def __init__(self, extractor: LogMelExtractor) -> None:
        super().__init__()
        window = torch.hann_window(logmel.WINDOW_SAMPLES)
        self.power = Power(window, logmel.FFT_SAMPLES, logmel.HOP_SAMPLES)
        self.total, self.level, self.stride = float(window.square().sum()), extractor.level, extractor.stride
        self.register_buffer("filters", logmel.mel_filters(extractor.shape[1]))

    def forward(self, wave: Tensor) -> Tensor:
        power = self.power(logmel.levelled(wave, self.level)).T / self.total
        energies = (power @ self.filters).clamp(min=logmel.FLOOR)
        return _stored((energies.log10()[:, None] + 4) / 2, self.stride)


class WhisperFront(nn.Module):
    """Waveform [samples] -> Whisper's spectrogram -> states."""

    filters: Tensor

    def __init__(self, extractor: SpeechExtractor) -> None:
        super().__init__()
        fft, hop = extractor.preparation.get("n_fft", 400), extractor.preparation.get("hop_length", 160)
        self.power, self.margin = Power(torch.hann_window(fft), fft, hop), fft // 2
        self.register_buffer("filters", whisper_filters(extractor.settings.get("num_mel_bins", 80), fft, hop))
        self.encoder, self.extractor = extractor.model, extractor

    def forward(self, wave: Tensor) -> Tensor:
        centred = pad(wave[None, None], (self.margin, self.margin), mode="reflect")[0, 0]
        spectrogram = whisper_spectrogram(self.power(centred)[:, :-1], self.filters)
        return _stored(self.extractor.states(spectrogram), self.extractor.stride)


class WaveformFront(nn.Module):
    """Waveform [samples] -> states of wav2vec 2.0 or a relative."""

    def __init__(self, extractor: SpeechExtractor) -> None:
        super().__init__()
        self.encoder, self.extractor = extractor.model, extractor
        self.normalises = extractor.preparation.get("do_normalize", True)

    def forward(self, wave: Tensor) -> Tensor:
        if self.normalises:
            wave = (wave - wave.mean()) / (wave.var(correction=0) + 1e-7).sqrt()
        return _stored(self.extractor.states(wave[None]), self.extractor.stride)


class TokensFront(nn.Module):
    """Token numbers [tokens] -> states of a text encoder."""

    def __init__(self, extractor: TextExtractor) -> None:
        super().__init__()
        self.encoder, self.extractor = extractor.model, extractor

    def forward(self, tokens: Tensor) -> Tensor:
        read = {"input_ids": tokens[None], "attention_mask": torch.ones_like(tokens)[None]}
        return _stored(self.extractor.states(read), 1)


UNTRACED = ("deberta",)
"""Text encoders whose code torch.export cannot follow."""


def front_of(extractor: Any) -> nn.Module | None:
    """Returns the encoder as part of a graph; None for one whose states must be computed outside."""
    if isinstance(extractor, LogMelExtractor):
        return LogMelFront(extractor)
    if isinstance(extractor, SpeechExtractor) and extractor.settings["model_type"] == "whisper":
        return WhisperFront(extractor)
    if isinstance(extractor, SpeechExtractor) and extractor.family.run is run_waveform:
        return WaveformFront(extractor)
    if isinstance(extractor, TextExtractor) and extractor.name not in UNTRACED:
        return TokensFront(extractor)
    return None


def longest_wave(extractor: Any) -> int:
    """Returns the longest waveform that a speech encoder reads, in samples: of Whisper what its table of positions covers."""
    if isinstance(extractor, SpeechExtractor) and extractor.settings["model_type"] == "whisper":
        return longest_log_mel(extractor.settings, extractor.preparation)
    return sys.maxsize


def _stored(frames: Tensor, stride: int) -> Tensor:
    """Averages frames [frames layers dim] and rounds them as extraction does."""
    everything = torch.ones(1, frames.shape[0], dtype=torch.bool, device=frames.device)
    return strided(Stream(frames[None], everything), stride).steps.half().float()
