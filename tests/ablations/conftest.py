"""Studies made up for tests: outcomes with given scores, and outcomes with predictions whose skill is given."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ablations.outcomes import Outcome
from ser_core.cross_validation.records import FoldKey, FoldRecord, TestPart
from ser_core.evaluation.score import score

CLASSES = np.array(["anger", "happiness", "neutral", "sadness"])


def outcome(
    variant: str,
    seed: int,
    fold: int,
    metrics: Mapping[str, float],
    predictions: pd.DataFrame | None = None,
    split: str = "0123456789ab",
    sizes: tuple[int, int] = (80, 10),
    **changes: Any,
) -> Outcome:
    """One fold; `sizes` are training and test utterances, `changes` replace fields of the record."""
    key = FoldKey(f"{variant}-{seed}", split, fold)
    fields: dict[str, Any] = {
        "key": key,
        "seed": seed,
        "held_out": f"speaker {fold:02d}",
        "config": {"seed": seed, "audio": {"max_seconds": 15.0}, "model": {"name": variant}, "run": {"store": "/home"}},
        "card": {
            "corpus": "demo",
            "utterances": 100,
            "text_source": "spoken words",
            "licence": "CC0-1.0",
            "source": "spoken by a synthesiser",
            "protocol": "lospo",
            "dev_rule": "1 whole speaker",
        },
        "sizes": {"train": sizes[0], "dev": 10, "test": sizes[1], "parameters": 1000},
        "dev": {"uar": 0.5},
        "epochs": [],
        "chosen_epoch": 1,
        "seconds": 1.0,
        "skipped": {},
        "environment": {"bridgework": "0.1.0", "device": "cpu"},
    }
    baselines = {"majority": {"uar": 0.25, "wa": 0.3}, "linear": {"uar": 0.5 + 0.01 * fold, "wa": 0.6}}
    part = TestPart(key, dict(metrics), baselines, pd.DataFrame() if predictions is None else predictions)
    return Outcome(variant, FoldRecord(**{**fields, **changes}), part)


@pytest.fixture(scope="session")
def one_outcome() -> Callable[..., Outcome]:
    return outcome


@pytest.fixture(scope="session")
def scored() -> Callable[..., list[Outcome]]:
    """Outcomes of variants from their scores [seeds folds] on one metric."""

    def build(scores: Mapping[str, Any], metric: str = "uar", **more: Any) -> list[Outcome]:
        return [
            outcome(variant, seed, fold, {metric: float(value)}, **more)
            for variant, table in scores.items()
            for seed, row in enumerate(np.atleast_2d(table))
            for fold, value in enumerate(row, start=1)
        ]

    return build


@pytest.fixture(scope="session")
def spoken() -> Callable[..., list[Outcome]]:
    """Outcomes with predictions: each variant finds the emotion with its probability, else it guesses."""

    def build(skill: Mapping[str, float], folds: int = 6, seeds: int = 2, utterances: int = 20) -> list[Outcome]:
        outcomes = []
        for place, (variant, probability) in enumerate(skill.items()):
            for seed in range(seeds):
                for fold in range(1, folds + 1):
                    given, drawn = np.random.default_rng(fold), np.random.default_rng([place, seed, fold])
                    truth, valence = given.choice(CLASSES, utterances), given.uniform(1, 5, utterances)
                    knows = drawn.random(utterances) < probability
                    guess = np.where(knows, truth, drawn.choice(CLASSES, utterances))
                    felt = valence + drawn.normal(0, 1.5 - probability, utterances)
                    likely = np.where(guess[:, None] == CLASSES, 1, 0) * drawn.uniform(0, 0.9, (utterances, 1)) + 0.1
                    likely /= likely.sum(axis=1, keepdims=True)
                    predictions = pd.DataFrame(
                        {
                            "utterance": [f"u{fold:02d}-{number:03d}" for number in range(utterances)],
                            "speaker": f"{fold:02d}",
                            "gender": "female" if fold % 2 else "male",
                            "emotion.target": truth,
                            "emotion.predicted": guess,
                            **{f"emotion.p.{name}": likely[:, index] for index, name in enumerate(CLASSES)},
                            "dimensions.valence.target": valence,
                            "dimensions.valence.predicted": felt,
                        }
                    )
                    sizes = ((folds - 2) * utterances, utterances)
                    outcomes.append(outcome(variant, seed, fold, score(predictions), predictions, sizes=sizes))
        return outcomes

    return build
