"""Log-mel steps: finite, of the right length, blind to loudness where asked, and in tune."""

import numpy as np
import pytest
import torch

from ser_core.encoders import LogMel

CPU = torch.device("cpu")
WAVES = [
    (0.1 * np.random.default_rng(samples).standard_normal(samples)).astype(np.float32) for samples in (8_000, 400, 5_001, 720)
]


@pytest.mark.parametrize("option", [LogMel(), LogMel(mels=40, level="peak", stride=1), LogMel(level="none")])
def test_log_mel_is_finite_alone_or_among_others(option: LogMel) -> None:
    extractor = option.extractor(CPU)
    together = extractor(WAVES)
    for wave, steps in zip(WAVES, together, strict=True):
        frames = (len(wave) - 400) // 160 + 1
        assert steps.shape == (-(-frames // option.stride), 1, option.mels)
        assert torch.isfinite(steps).all()
        assert torch.equal(steps, extractor([wave])[0])


@pytest.mark.parametrize(("level", "same"), [("rms", True), ("peak", True), ("none", False)])
def test_loudness_counts_only_at_level_none(level: str, same: bool) -> None:
    loud, soft = LogMel(level=level).extractor(CPU)([WAVES[0], WAVES[0] / 8])
    assert torch.allclose(loud, soft, atol=5e-3) == same


def test_log_mel_hears_where_a_tone_lies() -> None:
    time = np.arange(16_000) / 16_000
    tones = [np.sin(2 * np.pi * hertz * time).astype(np.float32) for hertz in (200, 1000, 4000)]
    loudest = [int(steps.float().mean(0).argmax()) for steps in LogMel().extractor(CPU)(tones)]
    assert loudest == sorted(loudest)
    assert len(set(loudest)) == 3
