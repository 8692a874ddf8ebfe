"""Searches over real records whose scores follow the point and the fold alone: a driver without Ray that can be cut anywhere."""

import dataclasses
import hashlib
import json
from pathlib import Path

import pandas as pd

from cluster.search.budget import Budget
from cluster.search.objectives import Goal
from cluster.search.optuna_trials import OptunaTrials, Past, trial_name
from cluster.search.pruners import PRUNERS
from cluster.search.samplers import SAMPLERS
from cluster.search.scores import Scores
from cluster.search.shared_study import SharedStudy
from cluster.study_record import Ended, StudyRecord
from cluster.trial import Trial
from search_spaces.space import Float, Space
from ser_core.cross_validation.records import FoldKey, FoldRecord, RunStore, TestPart

LINE = Space("line", "Where?", {"x": Float(0, 1), "y": Float(0, 1)})


def make(folds):
    """Trials whose key is their point."""

    def trial(overrides):
        name = " ".join(overrides)
        return Trial(name, 0, tuple(overrides), tuple(FoldKey(name, "split", fold) for fold in range(1, folds + 1)))

    return trial


def development(key, seconds=1.0):
    """The record of a fold: UAR about the point's x, error about its y; fold 2 is hard for all."""
    settings = dict(each.split("=") for each in key.fingerprint.split() if each[:2] in ("x=", "y="))
    noise = hashlib.sha256(str(key).encode()).digest()[0] / 255 / 50
    dev = {"uar": float(settings.get("x", 0.5)) / 2 + 0.2 - (key.fold == 2) / 10 + noise, "ece": float(settings.get("y", 0.5))}
    sizes = {"train": 10, "parameters": round(1000 * float(settings.get("y", 0.5)))}
    return FoldRecord(key, 0, "speaker 1", {}, {}, sizes, dev, [], 1, seconds, {}, {}, {"memory_gb": 1.0 + key.fold})


def write(store, key):
    store.write(development(key), pd.DataFrame({"utterance": ["a"]}), TestPart(key, {}, {}, pd.DataFrame({"u": ["a"]})))


def store_with(folder, key, scores):
    """Writes the record of a fold whose development scores per epoch are these."""
    record = dataclasses.replace(development(key), epochs=[{"epoch": 1.0 + at, "dev": dev} for at, dev in enumerate(scores)])
    frame = pd.DataFrame({"utterance": ["a"]})
    RunStore(folder).write(record, frame, TestPart(key, {}, {}, frame))


@dataclasses.dataclass
class Search:
    """A search in a folder; what it leaves behind goes through JSON as study.json does."""

    folder: Path
    folds: int = 10
    sampler: str = "random"
    pruning: str = "none"
    budget: Budget = dataclasses.field(default_factory=lambda: Budget(12))
    goal: Goal = dataclasses.field(default_factory=Goal)
    space: Space = LINE
    starts: tuple = ()
    past: Past | None = None
    storage: str = ""

    def source(self, epochs=False):
        scores = Scores(RunStore(self.folder), self.goal)
        sampler, pruner = SAMPLERS[self.sampler], PRUNERS[self.pruning]
        drivers = SharedStudy(self.storage, empty(), RunStore(self.folder)) if self.storage else None
        places = (self.past, self.starts, drivers, epochs)
        return OptunaTrials(self.space, make(self.folds), scores, sampler, pruner, self.budget, 0, *places)

    def driven(self, cut=10**9, fails=()):
        """Trains trial after trial; a kill after `cut` folds loses everything but records and notes."""
        source, store = self.source(), RunStore(self.folder)
        while piece := source.next():
            trial, missing = piece
            for fold in missing:
                if cut == 0:
                    self.past = noted(source)
                    return source
                cut -= 1
                failed = fold in fails
                if not failed:
                    write(store, trial.keys[fold - 1])
                if source.reported(trial, fold, not failed, failed):
                    break
            source.finished(trial)
        self.past = noted(source)
        return source


def noted(source):
    """What study.json keeps."""
    ended = {name: dataclasses.asdict(end) for name, end in source.ended.items()}
    asked, ended, trained = json.loads(json.dumps([source.asked, ended, source.trained]))
    return Past(asked, {name: Ended(**end) for name, end in ended.items()}, trained, source.gpu_hours)


def decided(source):
    """Everything a search decides."""
    told = [(trial.state.name, trial.values, trial.intermediate_values) for trial in source.study.trials]
    return list(source.trials), source.asked, source.ended, {name: sorted(folds) for name, folds in source.trained.items()}, told


def empty():
    """The record of a search before its first trial."""
    return StudyRecord("made", "search", "made", "?", "uar", [], [], "")


def study(source):
    """As a study's record."""
    return StudyRecord(
        "made", "search", "made", "?", "uar", [], list(source.trials.values()), "", source.asked, source.ended, source.trained
    )


def folds_of(source, trial):
    return len(source.trained.get(trial_name(trial), []))
