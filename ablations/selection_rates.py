"""What the choice among configurations promises and keeps in simulated searches, without training.

    python -m ablations.selection_rates
A search has 40 configurations and one fold per speaker. In each fold the next speaker develops, so every test speaker develops
once. The score of a configuration on a speaker is, in points of UAR,
    configuration + speaker + configuration x speaker + noise        the noise is new for each training, the rest is not
The truth about a choice is its configuration part: its score on new speakers, trained on this corpus.
"""

import dataclasses
import sys
from collections.abc import Iterator, Sequence

import numpy as np

from ablations.select import MARGIN, best_and_chosen, choice_interval, folds_without_tested
from ablations.statistics.corrected_t import Interval, corrected_t


@dataclasses.dataclass(frozen=True)
class World:
    """Standard deviations in points, and the size of a search."""

    configuration: float
    interaction: float
    noise: float
    speaker: float = 5.0
    speakers: int = 10
    configurations: int = 40
    finalists: int = 5

    @property
    def words(self) -> str:
        """The world as a cell of a table."""
        return f"{self.speakers} speakers, {self.configuration:g} / {self.interaction:g} / {self.noise:g}"

    @property
    def ratio(self) -> float:
        """Test utterances over training utterances, with one speaker for the test and one for development."""
        return 1 / (self.speakers - 2)


WORLDS = (World(2, 3, 2), World(2, 4, 3), World(1, 4, 2), World(0, 4, 2), World(2, 3, 2, speakers=5), World(2, 4, 2, speakers=24))


class Simulated:
    """One search: true scores, and what development and test parts show."""

    def __init__(self, world: World, random: np.random.Generator) -> None:
        shape = world.configurations, world.speakers
        self.world, self.random = world, random
        self.truth = random.normal(0, world.configuration, world.configurations)
        own = random.normal(0, world.interaction, shape)
        self._scores = self.truth[:, None] + random.normal(0, world.speaker, world.speakers) + own
        self.develops = np.roll(np.arange(world.speakers), -1)
        tested = np.arange(world.speakers)
        self.kept = np.array(folds_without_tested(self.develops[:, None].tolist(), tested[:, None].tolist()))
        self.searched, self.dev, self.test = self._trained(self.develops), self._trained(self.develops), self._trained(tested)

    def _trained(self, speakers: np.ndarray) -> np.ndarray:
        """Trains all configurations: scores [configurations folds] on the speaker of each fold."""
        return self._scores[:, speakers] + self.random.normal(0, self.world.noise, self._scores.shape)


def naive(one: Simulated) -> np.ndarray:
    """Chooses by all folds, and tests that choice everywhere."""
    return np.full(one.world.speakers, one.searched.mean(axis=1).argmax())


def cross_fitted(one: Simulated) -> np.ndarray:
    """Chooses for each fold without the fold in which its test speaker develops."""
    return one.searched[:, one.kept].mean(axis=2).argmax(axis=0)


def nested(one: Simulated) -> np.ndarray:
    """Chooses for each fold by its own development speaker."""
    return one.searched.argmax(axis=0)


def finalists_naive(one: Simulated) -> np.ndarray:
    """Trains the five best again and chooses among them by all folds."""
    best = _first(one.searched.mean(axis=1), one.world.finalists)
    return np.full(one.world.speakers, best[one.dev[best].mean(axis=1).argmax()])


def finalists_of_all_folds(one: Simulated) -> np.ndarray:
    """Cross-fits only the second choice: the five finalists are those of all folds."""
    best = _first(one.searched.mean(axis=1), one.world.finalists)
    return best[one.dev[best][:, one.kept].mean(axis=2).argmax(axis=0)]


def finalists_cross_fitted(one: Simulated) -> np.ndarray:
    """Cross-fits both choices: each fold has its own five finalists."""
    lists = [_first(one.searched[:, kept].mean(axis=1), one.world.finalists) for kept in one.kept]
    return np.array([best[one.dev[best][:, kept].mean(axis=1).argmax()] for best, kept in zip(lists, one.kept, strict=True)])


WAYS = {
    "chosen by all folds": (naive, naive),
    "cross-fitted": (cross_fitted, naive),
    "nested": (nested, nested),
    "5 finalists trained again, by all folds": (finalists_naive, finalists_naive),
    "the same, second choice cross-fitted": (finalists_of_all_folds, finalists_naive),
    "the same, both choices cross-fitted (`ser select`)": (finalists_cross_fitted, finalists_naive),
}
"""How a choice is tested, and the choice that the number is about, by name."""


def rates(name: str, world: World, runs: int, seed: int = 0) -> np.ndarray:
    """Returns optimism, true gain, coverage of the interval, of plain Student t and of the corrected t, of one way to test.

    The gain is over the first configuration. Optimism is the reported gain minus the true gain of what is reported.
    """
    tested, meant = WAYS[name]
    random = np.random.default_rng([seed, world.speakers])
    found = []
    for _ in range(runs):
        one = Simulated(world, random)
        folds, chosen, taken = np.arange(world.speakers), tested(one), meant(one)
        gains = one.test[chosen, folds] - one.test[0]
        reported, true = one.truth[chosen].mean() - one.truth[0], one.truth[taken].mean() - one.truth[0]
        ends = [choice_interval(gains, world.ratio), corrected_t(gains, 0).mean, corrected_t(gains, world.ratio).mean]
        found.append([gains.mean() - reported, reported, *(_holds(end, true) for end in ends)])
    return np.mean(found, axis=0)


def choice_table(runs: int) -> Iterator[str]:
    """Yields the lines of a Markdown table of every way to test a choice, in every world."""
    yield "| speakers, sd | tested | optimism | true gain | coverage | Student's t | corrected t |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    for world in WORLDS:
        for name in WAYS:
            optimism, gain, *covered = rates(name, world, runs)
            cells = " | ".join(f"{100 * share:.1f}" for share in covered)
            yield f"| {world.words} | {name} | {optimism:+.2f} | {gain:.2f} | {cells} |"


MARGINS = (0.0, 0.25, 0.5, 1.0)


def smaller_taken(worse: float, folds: int, margin: float, runs: int, seed: int = 0) -> float:
    """Returns how often the smaller of two models is taken, if it is truly worse by `worse` sd of the folds' differences."""
    gaps = np.random.default_rng([seed, folds]).normal(worse, 1, (runs, folds))
    pairs = np.stack([np.zeros_like(gaps), -gaps], axis=1)
    return float(np.mean([best_and_chosen(pair, (2, 1), 1 / (folds - 2), margin)[1] for pair in pairs]))


def finalists_chosen(world: World, margin: float, runs: int, seed: int = 0) -> np.ndarray:
    """Returns true loss against the best by score, share of choices truly worse than it, and share of its size saved.

    The finalists are the best of a search. Sizes are between 1 and 10, spread evenly on a logarithmic scale, independent of
    the score.
    """
    random, found = np.random.default_rng([seed, world.speakers]), []
    for _ in range(runs):
        one = Simulated(world, random)
        sizes = np.exp(random.uniform(0, np.log(10), world.configurations))
        kept = _first(one.searched.mean(axis=1), world.finalists)
        best, chosen = (kept[place] for place in best_and_chosen(one.dev[kept], sizes[kept], world.ratio, margin))
        loss = one.truth[best] - one.truth[chosen]
        found.append([loss, loss > 0, 1 - sizes[chosen] / sizes[best]])
    return np.mean(found, axis=0)


def margin_table(runs: int) -> Iterator[str]:
    """Yields the lines of a Markdown table of margins, for 5 and 10 folds."""
    yield "| margin | two models, 5 folds | two models, 10 folds | finalists, 5 folds | finalists, 10 folds |"
    yield "|---:|---:|---:|---:|---:|"
    for margin in MARGINS:
        cells = [
            " / ".join(f"{100 * smaller_taken(worse, folds, margin, runs):.0f} %" for worse in (0, 0.5, 1)) for folds in (5, 10)
        ]
        for speakers in (5, 10):
            loss, worse, saved = finalists_chosen(World(2, 3, 2, speakers=speakers), margin, runs)
            cells.append(f"{loss:.2f} points / {100 * worse:.0f} % / {100 * saved:.0f} %")
        default = " (default)" if margin == MARGIN else ""
        yield f"| {margin:g}{default} | {' | '.join(cells)} |"


def _first(scores: np.ndarray, count: int) -> np.ndarray:
    return np.argsort(-scores, kind="stable")[:count]


def _holds(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def main(arguments: Sequence[str]) -> None:
    runs = int(arguments[0]) if arguments else 2000
    for line in (*choice_table(runs), "", *margin_table(runs)):
        print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
