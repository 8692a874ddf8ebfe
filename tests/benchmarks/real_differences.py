"""Measures how often the verdict's test sees a difference that is not there, between real configurations on real speech.

    S="corpus=ravdess corpus.root=../shared/data/ravdess model.speech=../shared/models/whisper-tiny.en-encoder"
    python tests/benchmarks/real_differences.py $S

A study draws some of the corpus's speakers and tests each with models that learn from the others of the draw. Six configurations
(ridge classifiers on several layers, centroids, random units) give fifteen differences. The true one is the mean over all
studies; the corrected t test of a study asks whether its own differs from it. `seeds` compares one configuration of random units
with itself under other seeds, one or three a side, where the true difference is 0. Draws come from a few speakers, so means of
studies vary by sqrt(1 - drawn / all) of what they would with new ones: their distance from the truth is divided by it. It writes
real_differences.json into the current folder.
"""

import argparse
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from usual import placeless, write_figures

from ablations.paired_study import LEVEL
from ablations.statistics.planted import p_values
from ser_core.config.compose import compose
from ser_core.dataset.dataset import load_dataset

Features = np.ndarray
Model = Callable[[Features, np.ndarray, Features], np.ndarray]
"""Takes training columns [n layers dim], classes [n] and test columns, and returns the scores of each class [m classes]."""
STUDIES = {5: 1500, 10: 500}


def ridge(known: np.ndarray, labels: np.ndarray, test: np.ndarray, penalty: float) -> np.ndarray:
    """Regresses classes on standardised columns, by the inner products of rows."""
    mean, deviation = known.mean(axis=0), known.std(axis=0) + 1e-6
    known, test = (known - mean) / deviation, (test - mean) / deviation
    targets = np.eye(int(labels.max()) + 1)[labels]
    centre = targets.mean(axis=0)
    gram = known @ known.T + penalty * known.shape[1] * np.eye(len(known))
    return test @ (known.T @ np.linalg.solve(gram, targets - centre)) + centre


def of_layer(layer: int | slice, penalty: float) -> Model:
    def model(known: Features, labels: np.ndarray, test: Features) -> np.ndarray:
        columns = [each[:, layer].reshape(len(each), -1) for each in (known, test)]
        return ridge(columns[0], labels, columns[1], penalty)

    return model


def centroids(known: Features, labels: np.ndarray, test: Features) -> np.ndarray:
    mean, deviation = known[:, -1].mean(axis=0), known[:, -1].std(axis=0) + 1e-6
    known, test = (known[:, -1] - mean) / deviation, (test[:, -1] - mean) / deviation
    centres = np.stack([known[labels == each].mean(axis=0) for each in range(int(labels.max()) + 1)])
    return -np.square(test[:, None] - centres).sum(axis=2)


def random_units(seed: int, units: int = 128) -> Model:
    def model(known: Features, labels: np.ndarray, test: Features) -> np.ndarray:
        weights = np.random.default_rng(seed).standard_normal((known.shape[2], units)) / math.sqrt(known.shape[2])
        mean, deviation = known[:, -1].mean(axis=0), known[:, -1].std(axis=0) + 1e-6
        hidden = [np.maximum((each[:, -1] - mean) / deviation @ weights, 0) for each in (known, test)]
        return ridge(hidden[0], labels, hidden[1], 0.1)

    return model


CONFIGURATIONS: dict[str, Model] = {
    "last layer": of_layer(-1, 1),
    "middle layer": of_layer(2, 1),
    "first layer": of_layer(0, 1),
    "all layers": of_layer(slice(None), 1),
    "centroids": centroids,
    "random units": random_units(0),
}


def recall(scores: np.ndarray, labels: np.ndarray) -> float:
    """Returns the unweighted average recall of a test speaker."""
    right = scores.argmax(axis=1) == labels
    return float(np.mean([right[labels == each].mean() for each in np.unique(labels)]))


def study(columns: Features, labels: np.ndarray, speakers: np.ndarray, drawn: np.ndarray, models: list[Model]) -> np.ndarray:
    """Returns the scores of each model for each drawn speaker, in points [models folds]."""
    found = np.empty((len(models), len(drawn)))
    for fold, tested in enumerate(drawn):
        known, test = np.isin(speakers, drawn) & (speakers != tested), speakers == tested
        for number, model in enumerate(models):
            found[number, fold] = 100 * recall(model(columns[known], labels[known], columns[test]), labels[test])
    return found


def errors(values: np.ndarray, everyone: int) -> dict[str, float]:
    """Returns the rate at which studies differ from the truth, for differences [studies folds] less the truth."""
    folds, shared = values.shape[1], np.cov(values.T)
    covariance = (shared.sum() - np.trace(shared)) / (folds * (folds - 1))
    variance = np.trace(shared) / folds
    means = values.mean(axis=1, keepdims=True)
    with_new = values - means + means / math.sqrt(1 - folds / everyone)
    rate = float(np.mean(p_values(with_new) < LEVEL))
    return {"percent": 100 * rate, "deviation": math.sqrt(variance), "correlation": float(covariance / variance)}


def rates(columns: Features, labels: np.ndarray, speakers: np.ndarray, folds: int, studies: int) -> dict[str, dict[str, float]]:
    """Returns the errors of each pair of configurations and of seeds, in studies of so many folds."""
    random, scores, seeds, everyone = np.random.default_rng(folds), [], [], np.unique(speakers)
    for number in range(studies):
        drawn = random.choice(everyone, folds, replace=False)
        scores.append(study(columns, labels, speakers, drawn, list(CONFIGURATIONS.values())))
        seeds.append(study(columns, labels, speakers, drawn, [random_units(6 * number + each) for each in range(6)]))
    found, of_seeds, pairs = np.stack(scores), np.stack(seeds), {}
    for (first, one), (second, other) in itertools.combinations(enumerate(CONFIGURATIONS), 2):
        difference = found[:, first] - found[:, second]
        pairs[f"{one} - {other}"] = difference - difference.mean()
    pairs["seeds, one a side"] = of_seeds[:, 0] - of_seeds[:, 3]
    pairs["seeds, three a side"] = of_seeds[:, :3].mean(axis=1) - of_seeds[:, 3:].mean(axis=1)
    return {name: errors(values, len(everyone)) for name, values in pairs.items()}


def main() -> None:
    """Prints a line per pair of configurations and per number of folds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=float, default=1, help="factor on the number of studies")
    parser.add_argument("--layers", type=int, default=5, help="layers of the encoder, embeddings included")
    options, overrides = parser.parse_known_args()
    dataset = load_dataset(compose([*overrides, "model.text=none"]))
    classes, labels = np.unique(dataset.corpus.column("emotion"), return_inverse=True)
    columns = dataset.channels["speech"].columns().numpy().astype(np.float32).reshape(len(labels), options.layers, -1)
    results: dict[str, Any] = {"overrides": placeless(overrides), "classes": classes.tolist()}
    for folds, full in STUDIES.items():
        studies = round(full * options.studies)
        results[str(folds)] = found = rates(columns, labels, dataset.corpus.column("speaker"), folds, studies)
        for name, one in found.items():
            print(f"{folds:2} folds  {name:32} {one['percent']:5.1f} %  sd {one['deviation']:5.2f}  r {one['correlation']:5.2f}")
        real = [one["percent"] for name, one in found.items() if not name.startswith("seeds")]
        print(f"{folds:2} folds  {np.mean(real):.1f} %, {min(real):.1f} to {max(real):.1f}; {studies} studies", flush=True)
    write_figures("real_differences", results)


if __name__ == "__main__":
    main()
