"""What a usual script does, as the Hugging Face documentation writes it: a feature extractor pads a batch, the encoder reads it.

    waveforms [samples each] --pad to the longest (Whisper: to 30 s)--> inputs, mask --encoder--> [batch frames dim] and its mask
Also the shapes with random weights that benchmarks use where no weights are at hand, and their figures' place and date.
"""

import dataclasses
import datetime
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ser_core.audio import SAMPLE_RATE_HZ

SHAPES = {
    "tiny": {"num_hidden_layers": 4, "hidden_size": 192, "num_attention_heads": 4, "intermediate_size": 768},
    "base": {"num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072},
}
"""Transformer layers of encoders that hear waveforms; their convolutions are always those of wav2vec 2.0."""
NARROW = {"conv_dim": (128,) * 7, "num_conv_pos_embeddings": 32, "num_conv_pos_embedding_groups": 4}
"""The convolutions of the tiny shape."""


class Usual:
    """An encoder of `transformers` with its own feature extractor."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoFeatureExtractor, AutoModel

        self.prepare: Any = AutoFeatureExtractor.from_pretrained(folder, local_files_only=True)
        self.model: Any = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()
        self.whisper = self.model.config.model_type == "whisper"
        self.dim = self.model.config.d_model if self.whisper else self.model.config.hidden_size

    def inputs(self, waves: Sequence[np.ndarray]) -> dict[str, Tensor]:
        """A padded batch; Whisper's is 30 s long whatever it holds, since its encoder takes nothing else."""
        padding: Any = "max_length" if self.whisper else True
        return dict(self.prepare(list(waves), sampling_rate=SAMPLE_RATE_HZ, padding=padding, return_tensors="pt"))

    def states(self, inputs: dict[str, Tensor], every: bool = True) -> list[Tensor]:
        """Hidden states [batch frames dim], of every layer or the last alone."""
        encoder = self.model.encoder if self.whisper else self.model
        found = encoder(**inputs, output_hidden_states=every)
        return list(found.hidden_states) if every else [found.last_hidden_state]

    def frames(self, wave: np.ndarray) -> int:
        """How many frames of the output are a waveform's own, as scripts count them: 20 ms each."""
        return max(1, len(wave) // 320)


def random_encoder(kind: str, shape: str, folder: Path, layers: int = 0) -> Path:
    """A checkpoint folder of a wav2vec2, hubert or wavlm of random weights; `layers` 0 leaves the shape's own number."""
    from transformers import AutoConfig, AutoModel, Wav2Vec2FeatureExtractor

    sizes = {**SHAPES[shape], **(NARROW if shape == "tiny" else {}), **({"num_hidden_layers": layers} if layers else {})}
    plain = {"apply_spec_augment": False, "layerdrop": 0.0, "hidden_dropout": 0.0, "attention_dropout": 0.0}
    torch.manual_seed(0)
    AutoModel.from_config(AutoConfig.for_model(kind, **sizes, **plain)).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=kind == "wavlm").save_pretrained(folder)
    return folder


@dataclasses.dataclass(frozen=True)
class Spent:
    """Seconds of the clock and of the processor, all threads together."""

    wall: float
    processor: float

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.wall + other.wall, self.processor + other.processor)

    def over(self, other: "Spent") -> dict[str, float]:
        """How many times the other's seconds these are."""
        return {kind: round(getattr(self, kind) / getattr(other, kind), 2) for kind in ("wall", "processor")}


def spent(work: Callable[[], Any]) -> Spent:
    """What a piece of work takes."""
    begun = time.perf_counter(), time.process_time()
    work()
    return Spent(time.perf_counter() - begun[0], time.process_time() - begun[1])


def placeless(overrides: Sequence[str]) -> list[str]:
    """Overrides as figures keep them: of a place on disk its last part alone."""
    parts = [each.partition("=") for each in overrides]
    return [f"{key}={Path(value).name if '/' in value else value}" for key, _, value in parts]


def write_figures(name: str, figures: dict[str, Any]) -> None:
    """Writes NAME.json where the benchmark is started, with device and date."""
    beside = {"device": f"CPU, {os.cpu_count()} cores", "date": datetime.date.today().isoformat()}
    Path(f"{name}.json").write_text(json.dumps({**figures, **beside}, indent=1) + "\n")
