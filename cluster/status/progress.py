"""Follows a study in its driver: what runs on which node, what failed, what it costs and how long it takes to the end.

    Tune: trial started, fold reported, trial ended  -->  Progress  --every 2 s-->  summary.json     --every second-->  live view
It costs no report: each carries the name of its node, and a new worker process says once where it runs.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from cluster.status.show import line
from cluster.status.summary import (
    FAILED,
    FINISHED,
    INTERRUPTED,
    NAME,
    RUNNING,
    Failure,
    NodeUse,
    Running,
    Summary,
    read_summary,
    this_process,
    write_summary,
)
from cluster.study_record import StudyRecord
from cluster.trial import Trial
from cluster.tune.resources import Cluster
from ser_core.cross_validation.records import RunStore

Watch = Callable[[int, int, str], None]
"""Progress callback: (folds done, total folds, description)."""
WRITE, BEAT, SHOW, LOOK = 2.0, 20.0, 1.0, 10.0
"""Seconds between two summaries that differ, between two that do not, between two views, and between two looks at the nodes."""
MOST_LISTED = 200
"""Running trials and failures that a summary lists. It counts all of them."""


class Handed(Protocol):
    """A Tune trial, as handed out (cluster/tune/tune_adapter.py)."""

    @property
    def left(self) -> Sequence[tuple[Trial, Sequence[int]]]:
        """Its trials with the folds that have not been reported."""
        ...

    @property
    def trials(self) -> Sequence[Trial]:
        """Its trials."""
        ...


class Progress:
    """The progress of a study. `found` folds had a record before; `total` is 0 if only a budget ends the study."""

    def __init__(self, record: StudyRecord, store: RunStore, cluster: Cluster, found: int, total: int, watch: Watch) -> None:
        self.record, self.cluster, self.watch = record, cluster, watch
        self.folder, self.file = record.folder(store), record.folder(store) / NAME
        self._before, now = read_summary(self.file), time.time()
        before = self._before
        spent = {name: getattr(before, name) for name in ("seconds", "cpu_seconds", "gpu_seconds")} if before else {}
        texts = {name: getattr(record, name) for name in ("kind", "name", "question", "command")}
        this = {**this_process(), "price": cluster.price_per_gpu_hour, "began": now, "updated": now}
        self.summary = Summary(record.id, state=RUNNING, total=total, done=found, **texts, **spent, **this)
        self.nodes: dict[str, NodeUse] = self.summary.nodes
        self._running: dict[str, tuple[Handed, str, float, float]] = {}
        """Running trials by Tune's id: the trial, the id of its actor, when it reported last, and its GPUs."""
        self._actors: dict[str, str] = {}
        """Node by actor."""
        self._asked: dict[Any, str] = {}
        """Actors that were asked for their node, by the answer that is awaited."""
        self._died: list[str] = []
        self._changed = True
        self._wrote = self._showed = self._looked = 0.0
        self._first_start = 0.0

    def write_aside(self) -> None:
        """Writes to a file of this driver alone, since another one writes the summary of the study."""
        self.file = self.folder / f"{Path(NAME).stem}-{self.summary.host}-{self.summary.pid}.json"

    def begin(self, what: str) -> None:
        """Writes the first summary of this run and shows what happens first."""
        self._before = None
        self.write()
        self.watch(self.summary.done, self.summary.total, what)

    def callback(self, handed_out: Mapping[str, Handed], refused: Set[str]) -> Any:
        """Returns a Tune callback that follows these trials by their Tune ids, without those that a node refused."""
        return _follower(self, handed_out, refused)

    def started(self, trial_id: str, handed: Handed, actor: Any, gpus: float) -> None:
        """Notes that a trial starts in a worker. The first time that this worker appears, it is asked for its node."""
        name, now = actor._actor_id.hex() if actor is not None else "", time.time()
        self._first_start = self._first_start or now
        if actor is not None and name not in self._actors:
            self._actors[name] = ""
            self._asked[actor.get_current_ip_pid.remote()] = name
        self._running[trial_id] = (handed, name, now, gpus)
        self._changed = True

    def reported(self, trial_id: str, result: dict[str, Any]) -> None:
        """Counts a fold that has been trained, found or failed."""
        node, now = f"{result.get('hostname', '')} ({result.get('node_ip', '')})", time.time()
        handed, actor, _, gpus = self._running.get(trial_id, (None, "", now, 0.0))
        if handed is not None:
            self._running[trial_id] = (handed, actor, now, gpus)
        if actor:
            self._actors[actor] = node
        use = self.nodes.setdefault(node, NodeUse(self._first_start or now))
        if result["failure"]:
            use.failed += 1
        elif result["trained"]:
            seconds, reserved = result["seconds"], result.get("gpu_seconds", 0.0) * (min(gpus, 1.0) or 1.0)
            use.folds, use.seconds, self.summary.trained = use.folds + 1, use.seconds + seconds, self.summary.trained + 1
            self.summary.seconds += seconds
            self.summary.cpu_seconds += seconds * self.cluster.cpus_per_trial
            self.summary.gpu_seconds += reserved
        self._changed = True

    def fold_done(self, done: int) -> None:
        """Shows the number of folds with a record, now that it has changed."""
        self.summary.done, self._changed = done, True
        self._show(time.time())

    def fold_failed(self, where: str, why: str, node: str) -> None:
        """Counts a fold that failed, or all folds of a trial."""
        self.summary.failed, self._changed = self.summary.failed + 1, True
        if len(self.summary.failures) < MOST_LISTED:
            self.summary.failures.append(Failure(where, why, node))

    def node_of(self, trial_id: str) -> str:
        """Returns the node of a running trial as "NAME (ADDRESS)", "" if it is not known."""
        return self._actors.get(self._running[trial_id][1], "") if trial_id in self._running else ""

    def ended(self, trial_id: str) -> None:
        """Notes that a trial no longer runs."""
        self._running.pop(trial_id, None)
        self._changed = True

    def died(self, trial_id: str) -> None:
        """Notes that the worker of a trial has died. `node_of` knows it until the next tick, for the message."""
        self._died.append(trial_id)

    def tick(self) -> None:
        """Writes the summary and refreshes the view when it is time. Tune calls this several times a second."""
        now = self.summary.measured = time.time()
        while self._died:
            self.ended(self._died.pop())
        if now - self._showed >= SHOW:
            self._show(now)
        if now - self._wrote >= (WRITE if self._changed else BEAT):
            self._look(now)
            self.write()

    def end(self, interrupted: bool, complete: bool) -> None:
        """Writes the last summary of this run. If it trained nothing, what the run before it did stays."""
        self._running.clear()
        if self._before:
            self.summary = dataclasses.replace(self._before, total=self.summary.total, done=self.summary.done)
            self.nodes = self.summary.nodes
        self.summary.state = INTERRUPTED if interrupted else FINISHED if complete else FAILED
        self.write()

    def write(self) -> None:
        """Writes the summary of this moment."""
        self._wrote, self._changed = time.time(), False
        self._update(self._wrote)
        write_summary(self.summary, self.file)

    def _show(self, now: float) -> None:
        self._showed = now
        self._update(now)
        self.watch(self.summary.done, self.summary.total, line(self.summary))

    def _update(self, now: float) -> None:
        """Brings the summary up to now."""
        summary, folds = self.summary, {trial.keys[0].fingerprint: len(trial.keys) for trial in self.record.trials}
        summary.updated = now
        ended = self.record.ended.items()
        summary.pruned = sum(each.pruned for _, each in ended)
        summary.spared = sum(max(0, folds.get(name, 0) - each.folds) for name, each in ended)
        summary.estimate = self._estimate(now)
        for use in self.nodes.values():
            use.running, use.busy = 0, 0.0
        summary.running.clear()
        for handed, actor, since, _ in self._running.values():
            node = self._actors.get(actor, "")
            if node in self.nodes:
                self.nodes[node].running += 1
                self.nodes[node].busy += now - since
            if len(summary.running) < MOST_LISTED:
                summary.running += [
                    Running(trial.variant, trial.seed, [*left], node, since) for trial, left in handed.left if left
                ]

    def _estimate(self, now: float) -> float | None:
        """Returns the seconds to the end: at the pace so far, or by the time of a fold while few are done."""
        summary, at_once = self.summary, max(1, len(self._running))
        left = summary.total - summary.done - summary.spared
        if summary.state != RUNNING or not summary.total or not summary.trained or left < 0:
            return None
        if summary.trained >= 3 * at_once:
            return left * (now - self._first_start) / summary.trained
        typical = sum(use.seconds for use in self.nodes.values()) / summary.trained
        return left * typical / min(at_once, max(1, left))

    def _look(self, now: float) -> None:
        """Reads where workers run and how many trials each node can hold. Leaves everything as it is when Ray is gone."""
        import ray

        if not ray.is_initialized() or (now - self._looked < LOOK and not self._asked):
            return
        self._looked = now
        nodes = [node for node in ray.nodes() if node["Alive"]]
        named = {node["NodeManagerAddress"]: f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})" for node in nodes}
        ready, _ = ray.wait([*self._asked], num_returns=len(self._asked), timeout=0) if self._asked else ([], [])
        for answer in ready:
            actor = self._asked.pop(answer)
            with suppress(Exception):  # the worker has died, whatever Ray says of it
                self._actors[actor] = self._actors[actor] or named.get(ray.get(answer)[0], "")
        gpus = max((each[3] for each in self._running.values()), default=self.cluster.gpus_per_trial)
        for node in nodes:
            use = self.nodes.setdefault(named[node["NodeManagerAddress"]], NodeUse(now))
            use.slots = slots(node["Resources"], self.cluster, gpus)


def slots(resources: dict[str, float], cluster: Cluster, gpus: float) -> int:
    """Returns how many trials with so many GPUs a node can train at once.

    >>> slots({"CPU": 8.0, "GPU": 2.0}, Cluster(cpus_per_trial=2), 0.5), slots({"CPU": 8.0}, Cluster(workers=3), 0.0)
    (4, 3)
    """
    most = resources.get("CPU", 0) / cluster.cpus_per_trial
    if gpus:
        most = min(most, resources.get("GPU", 0) / gpus)
    return int(min(most, cluster.workers or most))


def _follower(progress: Progress, handed_out: Mapping[str, Handed], refused: Set[str]) -> Any:
    """Returns a Tune callback that keeps the progress up to date."""
    from ray.tune import Callback

    class Follower(Callback):
        def on_step_begin(self, iteration: int, trials: Any, **info: Any) -> None:
            progress.tick()

        def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            gpus = trial.config["gpus"]
            progress.started(trial.trial_id, handed_out[trial.trial_id], trial.temporary_state.ray_actor, gpus)

        def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **info: Any) -> None:
            if not (trial.trial_id in refused or result.get("epoch") or result.get("saved")):
                progress.reported(trial.trial_id, result)

        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            progress.ended(trial.trial_id)

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            progress.died(trial.trial_id)

        def __reduce__(self) -> tuple[type, tuple[()]]:
            """Tune pickles its callbacks into a state that we never read, so an empty object replaces ours."""
            return object, ()

    return Follower()
