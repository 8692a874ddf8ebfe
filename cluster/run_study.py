"""Runs a study: plan the trials, train the missing folds, show every fold, write the report.

    variants x seeds -> trials -> (missing folds? Ray) -> records -> MLflow, table, report
If you repeat the command, it finds every record in place, trains nothing and does not start Ray.
"""

import contextlib
import dataclasses
import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from ablations.check_variants import check_variants
from ablations.modes import Mode
from ablations.studies import STUDIES
from ablations.study import Study, configurations
from ablations.variant import Variant
from ablations.verdict_metrics import check_trained
from cluster.earlier_records import earlier_versions
from cluster.looks.planned_tests import planned_tests
from cluster.looks.study_looks import look_ahead
from cluster.notices import plan_with_notices, print_deviations, print_notices, print_variant_notices
from cluster.status.progress import Progress, Watch
from cluster.study_record import StudyRecord, study_id
from cluster.tracking.tracker import Tracker
from cluster.tracking.tracking_store import tracking_uri
from cluster.trial import Trial, plan_once
from cluster.tune.resources import Cluster
from cluster.tune.train import train
from cluster.tune.tune_adapter import Source, StartedSource, TrialQueue
from ser_core.config.compose import compose
from ser_core.cross_validation.plan import Plan
from ser_core.cross_validation.records import FoldKey, RunStore
from ser_core.errors import SettingError


@dataclasses.dataclass(frozen=True)
class StudyResult:
    """Result of running a study. `failures` names each fold that failed to train, with the reason."""

    study: StudyRecord
    store: RunStore
    trained: int
    found: int
    failures: list[str]
    tracker: Tracker
    interrupted: bool = False

    @property
    def complete(self) -> bool:
        return not self.failures and not self.interrupted and not self.study.missing(self.store)


def plan_ablation(
    study: Study, base: Sequence[str], seeds: int, watch: Watch, mode: Mode | None = None, metrics: Sequence[str] = ()
) -> tuple[StudyRecord, RunStore]:
    """Plans the study's trials with all their fold keys. Reads the corpus and extracts features, but trains nothing.

    `metrics` are to have verdicts. For a retuned study, pass the study that `retune` returned (cluster/retuned.py).
    """
    mode = mode or Mode()
    check_study(study, base, seeds, mode)
    watch(0, 0, "reading the corpus and its features")
    base_plan, notices = plan_with_notices(study.beneath(base))
    variants = _compared(study, base_plan, mode)
    made = configurations(study.name, base, variants)
    systems = print_deviations(overrides for overrides, _ in made.values())
    plans = {name: (overrides, plan_once(config, progress=True)) for name, (overrides, config) in made.items()}
    notices += _further_notices(study, base_plan, plans, notices)
    _check_metrics(metrics, next(iter(plans.values()))[1])
    check_variants(
        study.name, {each.name: each.overrides for each in variants}, {name: p.config for name, (_, p) in plans.items()}
    )
    trials = [_trial(name, given, each.under_seed(seed)) for name, (given, each) in plans.items() for seed in range(seeds)]
    name = study.name if mode.name == "fixed" else f"{study.name}-{mode.name}"
    record = StudyRecord(
        id=study_id(name, [key for trial in trials for key in trial.keys if trial.seed == 0]),
        kind="ablation",
        name=study.name,
        question=study.question,
        primary=study.primary,
        base=list(base),
        trials=trials,
        command=shlex.join(["ser", "ablate", *study.words, *base, "--seeds", str(seeds), *mode.words]),
        across=study.across,
        notes=(*study.notes, *notices, *systems),
        factorial=study.factorial,
        mode=mode.name,
        masked=_masked(study, base_plan) if mode.name == "masked" else {},
    )
    store = RunStore(base_plan.config.run.store)
    print_notices(earlier_versions(record, store))
    return record, store


def _further_notices(study: Study, base_plan: Plan, plans: Mapping[str, tuple[list[str], Plan]], known: list[str]) -> list[str]:
    """Prints and returns notices not in `known`: comparisons the study cannot make, and settings of variants without effect."""
    missing = study.notices(base_plan.config, base_plan.dataset.corpus)
    print_notices(missing)
    return [*missing, *print_variant_notices({name: each.notices_for(given) for name, (given, each) in plans.items()}, known)]


def _check_metrics(metrics: Sequence[str], baseline: Plan) -> None:
    """Raises SettingError for a metric of a task or dimension that the baseline does not train."""
    weights = {name: task.weight for name, task in baseline.config.tasks.all().items()}
    check_trained(metrics, weights, list(baseline.card.get("dimensions", ())))


def check_study(study: Study, base: Sequence[str], seeds: int, mode: Mode) -> None:
    """Raises SettingError for what the configuration alone rules out, before the corpus is read and features are extracted."""
    _check_seeds(base, seeds)
    _check_channels(study, compose(study.beneath(base)).model.channels)
    if mode.name == "masked":
        _check_masks(study)


def _check_seeds(base: Sequence[str], seeds: int) -> None:
    if seeds < 1:
        raise SettingError(f"--seeds must be at least 1, got {seeds}")
    if any(override.startswith("seed=") for override in base):
        raise SettingError("a study sets the seeds itself: leave out seed= and set the number of seeds with --seeds")


def _compared(study: Study, base_plan: Plan, mode: Mode) -> Sequence[Variant]:
    """Returns the study's variants.

    Raises SettingError when the study needs a channel that this configuration does not read, or has nothing to compare.
    """
    _check_channels(study, base_plan.dataset.channels)
    variants = study.variants(base_plan.config, base_plan.dataset.corpus)
    if len(variants) < 2:
        raise SettingError(f"study {study.name} has nothing to compare for this configuration and corpus")
    return [_whole(study, base_plan, variants)] if mode.name == "masked" else variants


def _check_channels(study: Study, channels: Iterable[str]) -> None:
    channels = list(channels)
    if len(channels) < study.channels:
        raise SettingError(
            f"study {study.name} has nothing to compare: it needs {study.channels} channels, but this configuration reads only "
            f"{' and '.join(channels)}; give another channel an encoder, such as model.text=words"
        )


def _check_masks(study: Study) -> None:
    if not study.masks:
        able = ", ".join(name for name, other in STUDIES.items() if other.masks)
        raise SettingError(f"study {study.name} has no input that could be hidden at test; use --mode masked with {able}")


def _whole(study: Study, base_plan: Plan, variants: Sequence[Variant]) -> Variant:
    """Returns the one variant that a masked study trains. Its test conditions stand in for the other variants."""
    _check_masks(study)
    return Variant(variants[0].name, (*variants[0].overrides, f"conditions=[{','.join(_masked(study, base_plan).values())}]"))


def _masked(study: Study, base_plan: Plan) -> dict[str, str]:
    """Returns the test condition that stands in for each of the study's variants here, by variant."""
    variants = study.variants(base_plan.config, base_plan.dataset.corpus)
    return {variant.name: study.masks[variant.name] for variant in variants if variant.name in study.masks}


def make_trial(variant: str, overrides: Sequence[str], seed: int, fold: int = 0) -> Trial:
    """Makes the trial of these overrides and seed, with the keys of all its folds (`fold=0`) or of one fold."""
    return _trial(variant, overrides, plan_once(compose([*overrides, f"seed={seed}"]), progress=True), fold)


def _trial(variant: str, overrides: Sequence[str], planned: Plan, fold: int = 0) -> Trial:
    seed = planned.config.seed
    keys = tuple(key for key in planned.keys if fold in (0, key.fold))
    return Trial(variant, seed, (*overrides, f"seed={seed}"), keys, planned.config.optim.pack)


def run_ablation(record: StudyRecord, store: RunStore, cluster: Cluster, watch: Watch) -> StudyResult:
    """Trains the missing folds and shows each in MLflow when it is done."""
    source = TrialQueue(record.trials, store, cluster.folds_per_trial)
    return run_study(record, store, cluster, source, watch, show_test=True, total=len(record.keys))


def run_study(
    record: StudyRecord, store: RunStore, cluster: Cluster, source: Source, watch: Watch, show_test: bool, total: int
) -> StudyResult:
    """Trains the trials of the source and shows their folds. Starts Ray only when there is a fold to train."""
    begun = StartedSource(source)
    source.start_record(record, store)
    found = sum(key in store for key in record.keys)
    tracker = Tracker(record, store, tracking_uri(store, cluster.tracking), show_test)
    running = StudyRun(record, store, source, tracker, Progress(record, store, cluster, found, total, watch))
    running.found = found
    if begun.first:
        with hold_study(record, store, source.shared) as shows:
            running.train(begun, cluster, shows)
    source.update_record(record, store)
    finished = running.finished()
    running.progress.end(finished.interrupted, finished.complete)
    return finished


class StudyRun:
    """A study while it trains: collects finished folds and failures, and passes them to the record, MLflow and its progress."""

    def __init__(self, record: StudyRecord, store: RunStore, source: Source, tracker: Tracker, progress: Progress) -> None:
        self.record, self.store, self.source, self.tracker, self.progress = record, store, source, tracker, progress
        self.failures: list[str] = []
        self.reported: dict[FoldKey, bool] = {}
        self.found = 0
        self.interrupted = False
        self.looked = not tracker.show_test
        """Whether the ledger of looks says that test scores are shown, if they are."""

    def train(self, begun: StartedSource, cluster: Cluster, shows: bool) -> None:
        """Trains until the source is exhausted or you press Ctrl-C. Shows folds in MLflow unless another driver does."""
        shutil.rmtree(self.record.folder(self.store) / "failures", ignore_errors=True)
        if shows:
            self.tracker.start()
        else:
            self.progress.write_aside()
        self.progress.begin("starting Ray")
        try:
            train(begun, cluster, self.store, self.on_fold, self.on_failure, self.progress)
        except KeyboardInterrupt:
            self.interrupted = True
        except BaseException:
            self.progress.end(interrupted=False, complete=False)
            if shows:
                if self.found or self.reported:
                    self._look_ahead()
                self.tracker.finish({}, complete=False)
            raise

    def _look_ahead(self) -> None:
        """Writes the line of the ledger before MLflow shows a test score, since the driver may be killed at any time."""
        if not self.looked:
            look_ahead(self.record, self.store, planned_tests(self.record.trials[0].overrides))
            self.looked = True

    def on_fold(self, trial: Trial, key: FoldKey, trained: bool) -> None:
        """Handles a new record. A restarted trial reports its earlier folds again; only the first report counts."""
        if key in self.reported:
            return
        self.reported[key] = trained
        self.source.update_record(self.record, self.store)
        self._look_ahead()
        self.tracker.fold(trial, key)
        self.progress.fold_done(self.found + len(self.reported))

    def on_failure(self, trial: Trial, fold: int, sentence: str, traceback: str, node: str) -> None:
        """Handles a fold that failed to train, or a trial that failed to start (fold 0)."""
        where = f"{trial.variant}, seed {trial.seed}, " + (f"fold {fold}" if fold else "all folds")
        self.progress.fold_failed(where, sentence, node)
        # On one machine the name of the node says nothing.
        place = f" on node {node}" if node and self.progress.cluster.address else ""
        self.failures.append(f"{where}{place}: {sentence}")
        _write_failure(self.record.folder(self.store), where, traceback)
        self.tracker.failure(trial, fold, f"{sentence}{place and f' ({place.strip()})'}")

    def finished(self) -> StudyResult:
        trained = sum(self.reported.values())
        found = self.found + len(self.reported) - trained
        return StudyResult(self.record, self.store, trained, found, self.failures, self.tracker, self.interrupted)


@contextlib.contextmanager
def hold_study(record: StudyRecord, store: RunStore, several: bool) -> Iterator[bool]:
    """Locks the study, since two processes would write the same runs to MLflow. Yields whether it got the lock.

    Raises SettingError when another process holds the lock, unless `several` drivers are allowed.
    """
    lock = FileLock(record.folder(store) / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if not several:
            raise SettingError(
                f"another `ser` process is training {record.id} in {store.folder}; wait until it is done"
            ) from None
    try:
        yield lock.is_locked
    finally:
        lock.release()


def _write_failure(folder: Path, where: str, traceback: str) -> None:
    """Writes a traceback to the study's folder."""
    name = "".join(letter if letter.isalnum() else "-" for letter in where)[:120]
    (folder / "failures").mkdir(parents=True, exist_ok=True)
    (folder / "failures" / f"{name}.txt").write_text(traceback)
