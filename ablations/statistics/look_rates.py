"""Error rate of a study that is extended with seeds until its table shows a difference, in simulated studies without any.

    python -m ablations.statistics.look_rates
Studies are those of error_rates.py. The user looks at the table after 1, 2, ... seeds and stops at the first verdict "different".
"""

import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ablations.paired_study import LEVEL
from ablations.statistics.corrected_t import corrected_t, over_seeds
from ablations.statistics.error_rates import Setting, differences

LOOKS: tuple[tuple[int, ...], ...] = ((1,), (1, 2), (1, 2, 4), (1, 2, 3, 4, 5))
"""Numbers of seeds at which the user looks."""
LEVELS: dict[str, Callable[[int, int], float]] = {
    "always 5 %": lambda number, count: LEVEL,
    "5 % / k² at look k (default)": lambda number, count: LEVEL / number**2,
    "5 % / √K at each of K planned looks": lambda number, count: LEVEL / count**0.5,
}
"""Levels of look `number` of `count`."""


def found(p: Sequence[float], level: Callable[[int, int], float]) -> bool:
    """Returns whether any look finds a difference, given its p values."""
    return any(value < level(number, len(p)) for number, value in enumerate(p, start=1))


def p_values(folds: int, seeds: Sequence[int], runs: int, effect: float = 0.0) -> list[list[float]]:
    """Returns the p values of each simulated study at each look."""
    setting = Setting(folds, max(seeds), 1 / folds, effect)
    random = np.random.default_rng([folds, *seeds])
    studies = (differences(setting, random) for _ in range(runs))
    return [[corrected_t(over_seeds(gaps[:count]), setting.ratio).p for count in seeds] for gaps in studies]


def table(runs: int) -> Iterator[str]:
    """Yields the lines of a Markdown table: percentage of studies in which a look finds what is not there."""
    heads = " | ".join(f"{len(seeds)} look{'s' * (len(seeds) > 1)}" for seeds in LOOKS)
    yield f"| each look judged at (folds: 5 / 10) | {heads} |"
    yield "|---|" + "---:|" * len(LOOKS)
    simulated = {(folds, seeds): p_values(folds, seeds, runs) for folds in (5, 10) for seeds in LOOKS}
    for name, level in LEVELS.items():
        cells = [
            " / ".join(f"{100 * np.mean([found(p, level) for p in simulated[folds, seeds]]):.1f}" for folds in (5, 10))
            for seeds in LOOKS
        ]
        yield f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    for line in table(int(sys.argv[1]) if len(sys.argv) > 1 else 10000):
        print(line, flush=True)
