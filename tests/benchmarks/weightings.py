"""What a training step costs under each weighting: processor time against fixed weights, with three tasks.

    uv run python tests/benchmarks/weightings.py [--rounds 52] [overrides]
In each round every weighting trains one epoch of the same fold, in turns, so that a busy machine disturbs all alike. A ratio is
the lower quartile of a weighting's times over that of fixed weights: neighbours only ever add time. The first round, which
imports, is left out. `cost` in ser_core/weighting/*.py repeats the ratios of the processor. Writes weightings.json where it is
started.
"""

import argparse
import json
import statistics
from collections.abc import Sequence

import torch
from usual import placeless, spent, write_figures

from ser_core.config.compose import compose
from ser_core.cross_validation.plan import plan
from ser_core.dataset.mean_pooling import pool_channels
from ser_core.training.epoch import train_epoch
from ser_core.training.train_state import begin_stage, new_model
from ser_core.weighting import WEIGHTINGS

TASKS = ("tasks.emotion.weight=1", "tasks.dimensions.weight=0.5", "tasks.gender.weight=0.2")


def main() -> None:
    """Measures every weighting in every round."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=52)
    parser.add_argument("overrides", nargs="*")
    asked = parser.parse_args()
    trainings = {name: Training(name, asked.overrides) for name in WEIGHTINGS}
    rounds = []
    for number in range(asked.rounds + 1):
        # Another one begins each round: what runs just before leaves its traces in the cache.
        first = number % len(WEIGHTINGS)
        order = [*WEIGHTINGS][first:] + [*WEIGHTINGS][:first]
        rounds.append({name: trainings[name].epoch() for name in order})
    rounds = rounds[1:]
    low = {
        name: {kind: statistics.quantiles([one[name][kind] for one in rounds])[0] for kind in ("wall", "processor")}
        for name in WEIGHTINGS
    }
    ratios = {name: {kind: round(value / low["fixed"][kind], 2) for kind, value in each.items()} for name, each in low.items()}
    milliseconds = {name: round(each["processor"] * 1e3, 2) for name, each in low.items()}
    for name in WEIGHTINGS:
        print(f"{name:12} {ratios[name]['processor']:5.2f} x {milliseconds[name]:7.2f} ms", flush=True)
    figures = {"overrides": placeless([*TASKS, *asked.overrides]), "rounds": asked.rounds}
    write_figures("weightings", {**figures, "ratios": ratios, "processor_ms_per_step": milliseconds})
    print(json.dumps(figures))


class Training:
    """The first fold of a configuration with this weighting, in training."""

    def __init__(self, name: str, overrides: Sequence[str]) -> None:
        self.planned = plan(compose([*TASKS, *overrides, f"weighting={name}"]))
        config = self.config = self.planned.config
        torch.set_num_threads(config.run.threads)
        self.dataset = pool_channels(config, self.planned.dataset)
        rows = self.planned.folds.folds[0].train.tolist()
        self.state = begin_stage(config, self.dataset, new_model(config, self.dataset, rows, 1), rows, 1, 0)
        self.done = 0

    def epoch(self) -> dict[str, float]:
        """Trains one epoch. Returns seconds per step, of the clock and of the processor."""
        before, self.done = self.state.rates.last_epoch, self.done % len(self.state.masked) + 1
        took = spent(lambda: train_epoch(self.config, self.dataset, self.state, self.done))
        steps = self.state.rates.last_epoch - before
        return {"wall": took.wall / steps, "processor": took.processor / steps}


if __name__ == "__main__":
    main()
