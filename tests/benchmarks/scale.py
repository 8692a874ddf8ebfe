"""How a store behaves as it grows: seconds to write, list and load records, to report a study and to find it whole again.

    uv run python tests/benchmarks/scale.py [--folds 100 --folds 1000 --folds 10000] [--utterances 54] [overrides]
Each size is an ablation of learning rates over 10 folds of the demo corpus whose plan, keys and cards are real and whose
predictions are drawn, so that nothing is trained; it has a store of its own, over the same features. `report` is `ser report`
from its start to its end in a process of its own, in which MLflow has no part; `resume` plans the same ablation and
seeks what is missing. Prints seconds of the clock and of the processor, and their growth: 1 is linear. Writes scale.json.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from usual import placeless, write_figures

from ablations.study_from_command import study_from_words
from cluster import trial
from cluster.run_study import plan_ablation
from cluster.study_record import StudyRecord
from cluster.tune.tune_adapter import StartedSource, TrialQueue
from ser_core.config.compose import as_dict, compose
from ser_core.cross_validation.records import FoldRecord, TestPart
from ser_core.evaluation.score import score

FOLDS = 10
SHAPES = {100: (5, 2), 1000: (20, 5), 10000: (50, 20)}
"""Variants and seeds by number of folds; another number is made of two seeds."""
EPOCHS = 20
PARTS = ("write", "list", "load", "report", "resume")
REPORT = "from cluster.cli.main import main; main()"


def main() -> None:
    """Measures every size, the smallest first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", type=int, action="append", help="folds in the store, a multiple of 20; may be repeated")
    parser.add_argument("--utterances", type=int, default=54, help="in a test part, and in a development part")
    parser.add_argument("overrides", nargs="*")
    asked = parser.parse_intermixed_args()
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "cache").mkdir()
        for folds in sorted(asked.folds or SHAPES):
            rows[folds] = measured(folds, asked.utterances, asked.overrides, Path(folder) / str(folds))
            print(folds, json.dumps(rows[folds]), flush=True)
    figures = {"utterances": asked.utterances, "overrides": placeless(asked.overrides), "seconds": rows, "growth": growth(rows)}
    print("growth (1 is linear, of the processor):", json.dumps(figures["growth"]))
    write_figures("scale", figures)


def measured(folds: int, utterances: int, base: Sequence[str], folder: Path) -> dict[str, list[float]]:
    """[seconds of the clock, of the processor] of each part, over a study of so many folds."""
    folder.mkdir()
    (folder / "cache").symlink_to(folder.parent / "cache")
    variants, seeds = SHAPES.get(folds, (max(1, folds // (2 * FOLDS)), 2))
    rates = ",".join(f"{number}e-5" for number in range(1, variants + 1))
    study, given = study_from_words("", [*base, f"run.store={folder}"], [f"optim.learning_rate={rates}"])
    planned, store = plan_ablation(study, given, seeds, quiet)
    planned.save(store)
    made = recordings(planned, utterances)
    found = {"write": clocked(lambda: [store.write(*made(place)) for place in range(len(planned.keys))])}
    assert len(planned.keys) == folds and not planned.missing(store)
    found["list"] = clocked(lambda: store.of_split(planned.keys[0].split))
    found["load"] = clocked(lambda: [(store.load(key), store.open_test(key)) for key in planned.keys])
    found["report"] = clocked(lambda: report(planned.id, folder))
    trial._DATASETS.clear()
    trial._PLANS.clear()

    def resume() -> None:
        again, store = plan_ablation(study, given, seeds, quiet)
        assert StartedSource(TrialQueue(again.trials, store)).first is None

    found["resume"] = clocked(resume)
    return found


def quiet(done: int, total: int, what: str) -> None:
    """Hears how planning goes on and says nothing."""


def report(name: str, folder: Path) -> None:
    """`ser report` as a user starts it."""
    command = [sys.executable, "-c", REPORT, "report", name, "--store", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def clocked(work: Callable[[], Any]) -> list[float]:
    """Seconds of the clock and of the processor, children included."""

    def processor() -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(each.ru_utime + each.ru_stime for each in used)

    begun = time.perf_counter(), processor()
    work()
    return [round(time.perf_counter() - begun[0], 3), round(processor() - begun[1], 3)]


def recordings(study: StudyRecord, utterances: int) -> Callable[[int], tuple[FoldRecord, pd.DataFrame, TestPart]]:
    """Makes the record of each of the study's folds: the variants' plans are real, the scores of training are drawn."""
    planned = trial.plan_once(compose(study.trials[0].overrides))
    classes = sorted(set(planned.dataset.corpus.column("emotion")))
    tree = as_dict(planned.config)
    trials = [each for each in study.trials for _ in each.keys]
    keys = [key for each in study.trials for key in each.keys]

    def make(place: int) -> tuple[FoldRecord, pd.DataFrame, TestPart]:
        owner, key, drawn = trials[place], keys[place], np.random.default_rng(place)
        rate = float(owner.variant.rpartition("=")[2])
        tested = predictions(key.fold, classes, utterances, drawn)
        metrics = score(tested) if place < FOLDS else {name: float(drawn.uniform(0.4, 0.9)) for name in score_names}
        score_names.extend(name for name in metrics if name not in score_names)
        dev = {name: value - 0.01 for name, value in metrics.items()}
        fold = planned.folds.folds[key.fold - 1]
        config = {**tree, "seed": owner.seed, "optim": {**tree["optim"], "learning_rate": rate}}
        sizes = {"train": 8 * utterances, "dev": utterances, "test": utterances, "parameters": 10_000}
        epochs = [{"loss": 1 / epoch, "loss.emotion": 1 / epoch, "learning_rate": rate, "dev": 0.5} for epoch in range(1, EPOCHS)]
        spent = {"memory_gb": 1.0}
        record = FoldRecord(
            key,
            owner.seed,
            fold.held_out,
            config,
            planned.card,
            sizes,
            dev,
            epochs,
            EPOCHS // 2,
            1.0,
            {},
            {"device": "cpu"},
            spent,
        )
        references = {name: {"uar": 0.5, "wa": 0.5, "macro_f1": 0.5} for name in ("chance", "majority", "linear")}
        return record, tested, TestPart(key, metrics, references, tested)

    score_names: list[str] = []
    return make


def predictions(fold: int, classes: Sequence[str], utterances: int, drawn: np.random.Generator) -> pd.DataFrame:
    """A test part: who says what is the fold's, what is answered is drawn."""
    truth = np.random.default_rng(fold).choice(classes, utterances)
    likely = drawn.dirichlet(np.ones(len(classes)), utterances) + 0.3 * (truth[:, None] == np.array(classes))
    likely /= likely.sum(axis=1, keepdims=True)
    return pd.DataFrame(
        {
            "utterance": [f"{fold:02d}-{number:04d}" for number in range(utterances)],
            "speaker": f"{fold:02d}",
            "gender": "female" if fold % 2 else "male",
            "emotion.target": truth,
            "emotion.predicted": np.array(classes)[likely.argmax(axis=1)],
            **{f"emotion.p.{name}": likely[:, index] for index, name in enumerate(classes)},
        }
    )


def growth(rows: dict[int, dict[str, list[float]]]) -> dict[str, float]:
    """Exponent of time in the number of folds between the two largest sizes; {} for a single size."""
    if len(rows) < 2:
        return {}
    few, many = sorted(rows)[-2:]
    return {part: round(math.log(rows[many][part][1] / rows[few][part][1]) / math.log(many / few), 2) for part in PARTS}


if __name__ == "__main__":
    main()
