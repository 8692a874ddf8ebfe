"""What a configuration will train: its settled form, corpus, features and folds, and the key of each fold's record.

Config --load_dataset, make_folds--> Plan --cross_validate--> records        making a plan trains nothing
"""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

from ser_core.config.identity import channels_fingerprint, fingerprint
from ser_core.config.tree import Config
from ser_core.config.without_effect import settings_without_effect
from ser_core.corpus import Corpus
from ser_core.cross_validation.records import FoldKey
from ser_core.dataset.dataset import Dataset, load_dataset
from ser_core.errors import SettingError
from ser_core.folds import Fold, Folds, make_folds, unused_notice
from ser_core.folds.flags import flags
from ser_core.metrics import DEFINITIONS
from ser_core.training.packed import why_not_packed


def by_pack(numbers: Sequence[int], size: int) -> list[list[int]]:
    """Groups folds into fixed packs of this size, in order.

    >>> by_pack([5, 2, 3, 4], 3)
    [[2, 3], [4, 5]]
    """
    return [list(found) for _, found in itertools.groupby(sorted(numbers), lambda number: (number - 1) // size)]


@dataclasses.dataclass(frozen=True)
class Plan:
    """What `cross_validate` will train: settled configuration, dataset, folds, and the key of each fold's record."""

    config: Config
    asked: Config
    """The configuration before unsupported tasks were removed."""
    dataset: Dataset
    folds: Folds
    card: dict[str, Any]
    fingerprint: str
    channels: str
    """Name of the features that the model reads."""
    one_by_one: str = ""
    """Why folds are trained one by one although optim.pack asks for more; "" if that is not the case."""

    recorded: Config | None = None
    """The configuration that records show if it differs from `config`: with the paths of the driver's machine."""

    @property
    def notices(self) -> list[str]:
        """Returns sentences about the corpus and the configuration that every command prints and every table repeats."""
        alone = f"optim.pack has no effect, folds are trained one by one: {self.one_by_one}"
        unused = unused_notice(self.dataset.corpus, self.config.folds, self.folds)
        alone = [alone] if self.one_by_one else []
        encoders = [notice for option in self.config.model.encoders.values() for notice in option.notices()]
        return [*self.dataset.corpus.notices, *unused, *alone, *self.config.small_batches(), *encoders]

    def notices_for(self, overrides: Sequence[str]) -> list[str]:
        """Returns `notices`, plus a sentence for each of these overrides (those that composed `asked`) without effect."""
        idle = settings_without_effect(self.asked, self.dataset.corpus, overrides, self.folds)
        return [*self.notices, *idle]

    def key(self, fold: int) -> FoldKey:
        return FoldKey(self.fingerprint, self.folds.hash, fold)

    def pack(self, number: int) -> list[Fold]:
        """Returns the folds of the fixed pack that contains this fold. The pack never depends on which folds you ask for."""
        size = self.config.optim.pack
        first = (number - 1) // size * size
        return list(self.folds.folds[first : first + size])

    def packs(self, numbers: Sequence[int]) -> list[list[int]]:
        """Groups these folds by fixed pack, in order."""
        return by_pack(numbers, self.config.optim.pack)

    @property
    def keys(self) -> list[FoldKey]:
        """Returns one key per fold, in order."""
        return [self.key(fold.number) for fold in self.folds.folds]

    def under_seed(self, seed: int) -> "Plan":
        """Returns the same plan with another seed. Corpus, features, folds and card do not depend on the seed."""
        config = dataclasses.replace(self.config, seed=seed)
        return dataclasses.replace(self, config=config, fingerprint=fingerprint(config, self.dataset.extra_content))


def plan(config: Config, progress: bool = False, dataset: Dataset | None = None) -> Plan:
    """Reads corpus and features (unless given) and makes the folds; trains nothing.

    Tasks whose labels the corpus lacks are set to weight 0 first, so requesting them gives the same experiment as not
    requesting them. The same holds for optim.pack when folds cannot be stacked.
    """
    dataset = dataset.aimed_at(config.tasks) if dataset else load_dataset(config, progress)
    settled = config.settled(dataset.corpus, dataset.channels)
    dataset.check(config)
    one_by_one = why_not_packed(settled, dataset) if settled.optim.pack != 1 else ""
    _check_tasks(settled, dataset.corpus)
    # Before the fingerprint: a pack that cannot be stacked gives the same experiment as no pack.
    if one_by_one:
        settled = dataclasses.replace(settled, optim=dataclasses.replace(settled.optim, pack=1))
    card = dataset.corpus.card(dataset.audio_hash)
    folds = make_folds(dataset.corpus, config.folds, card)
    audio = f"at most {config.audio.max_seconds:g} s, longer: {config.audio.longer}"
    flagged = flags(dataset.corpus, folds, settled.optim.refit)
    card |= {**folds.protocol, "flags": flagged, "split": folds.hash, "audio": audio, "skipped": len(dataset.skipped)}
    card["metrics"] = DEFINITIONS
    name, channels = fingerprint(settled, dataset.extra_content), channels_fingerprint(settled, dataset.stored_content)
    return Plan(settled, config, dataset, folds, card, name, channels, one_by_one)


def _check_tasks(settled: Config, corpus: Corpus) -> None:
    """Raises SettingError when corpus and channels leave no task to train."""
    if not settled.tasks.active():
        why = next((notice for notice in corpus.notices if "no emotion can be learned" in notice), "")
        remedy = why or "give a task that they support a weight, for example tasks.gender.weight=1"
        raise SettingError(f"corpus {corpus.name} and the channels of the model leave no task to train; {remedy}")
