"""How many models a second are trained as one program: epochs of a model per second against the size of the stack.

    uv run python tests/benchmarks/pack.py [--most 64] [--epochs 3] [--rounds 2] [overrides]
Sizes take turns with training alone, so that a busy machine disturbs all alike; a round's figures are ratios to its own `alone`.
Features are read before. Writes pack.json where it is started.
"""

import argparse
import json
import statistics
import time

import torch
from usual import placeless, write_figures

from ser_core.config.compose import compose
from ser_core.cross_validation.plan import Plan, plan
from ser_core.training.fit import fit
from ser_core.training.packed import PackJob, fit_packed, why_not_packed


def main() -> None:
    """Measures every size in every round."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--most", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("overrides", nargs="*")
    asked = parser.parse_args()
    knobs = [f"optim.epochs={asked.epochs}", f"optim.patience={asked.epochs}", "optim.refit=false"]
    config = compose([*asked.overrides, *knobs])
    planned = plan(config)
    if why := why_not_packed(planned.config, planned.dataset):
        raise SystemExit(why)
    torch.set_num_threads(config.run.threads)
    sizes = [2**power for power in range(asked.most.bit_length()) if 2**power <= asked.most]
    alone(planned)
    rounds = []
    for _ in range(asked.rounds):
        measured = {"alone": seconds(lambda: alone(planned), asked.epochs)}
        measured |= {str(size): seconds(lambda size=size: packed(planned, size), asked.epochs * size) for size in sizes}
        rounds.append(measured)
        print({name: round(1 / cost[1], 1) for name, cost in measured.items()}, "epochs of a model per second of processor time")
    ratios = {
        name: [round(statistics.median(one["alone"][kind] / one[name][kind] for one in rounds), 2) for kind in (0, 1)]
        for name in rounds[0]
    }
    print("ratio to alone, of the clock and of the processor:", json.dumps(ratios))
    write_figures("pack", {"overrides": placeless(asked.overrides), "ratios": ratios, "rounds": rounds})


def alone(planned: Plan) -> None:
    """The first fold by itself."""
    for _ in fit(planned.config, planned.dataset, planned.folds.folds[0]):
        pass


def packed(planned: Plan, size: int) -> None:
    """So many folds at once, beginning anew with the first when there are fewer."""
    folds = planned.folds.folds
    for _ in fit_packed([PackJob(planned.config, planned.dataset, folds[number % len(folds)]) for number in range(size)]):
        pass


def seconds(train, epochs: int) -> tuple[float, float]:
    """Per epoch of a model: of the clock, of the processor."""
    begun = time.perf_counter(), time.process_time()
    train()
    return (time.perf_counter() - begun[0]) / epochs, (time.process_time() - begun[1]) / epochs


if __name__ == "__main__":
    main()
