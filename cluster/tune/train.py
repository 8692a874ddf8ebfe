"""Trains the trials of a source: Ray Tune runs them, and each worker reports every fold once its record is written.

source --suggest--> Tune --workers--> report(fold) --> scheduler (stop?) --> on_fold(trial, key)   on_failure(trial, fold, why)
A worker that does not share the driver's store sends its records with the reports (cluster/tune/home.py).
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from cluster.trial import Trial, train_trial
from cluster.tune.gpu_shares import GpuShares
from cluster.tune.home import Home
from cluster.tune.nodes import Nodes
from cluster.tune.resources import Cluster
from cluster.tune.session import ray_running
from cluster.tune.tune_adapter import MANY, HandedOut, StartedSource, tune_scheduler, tune_searcher
from ser_core.cross_validation.records import FoldKey, RunStore
from ser_core.errors import BridgeworkError

OnFold = Callable[[Trial, FoldKey, bool], None]
OnFailure = Callable[[Trial, int, str, str, str], None]


class Follower(Protocol):
    """Follows trials while Tune runs them, and knows where (cluster/status/progress.py)."""

    def callback(self, handed_out: HandedOut, refused: set[str]) -> Any:
        """Returns a Tune callback over the handed-out trials."""
        ...

    def node_of(self, trial_id: str) -> str:
        """Returns the node of a running trial as "NAME (ADDRESS)", "" if unknown."""
        ...


def train(
    source: StartedSource,
    cluster: Cluster,
    store: RunStore,
    on_fold: OnFold,
    on_failure: OnFailure,
    follower: Follower | None = None,
) -> None:
    """Runs every trial of the source. Calls `on_fold(trial, key, trained_now)` and
    `on_failure(trial, fold, why, traceback, node)`.

    Raises Ray's own errors when the cluster cannot be used, and BridgeworkError as the source does.
    """
    with ray_running(cluster, store.folder) as folder:
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # `on_failure` already reports why a worker died
        nodes, shares = Nodes(cluster), GpuShares(cluster, store)
        home = Home(store, folder, nodes)
        searcher, trials = tune_searcher(source, Path.cwd(), cluster, shares, home)
        scheduler = tune_scheduler(source.source, trials, home)
        try:
            nodes.check()
            nodes.trials_at_once()  # for its error
            nodes.request(source.source.wanted, shares.gpus)
            # The follower hears of a report first, so that what is shown with a fold includes it.
            followers = [follower.callback(trials, home.refused)] if follower else []
            callbacks = [*followers, _listener(trials, home, shares, on_fold, on_failure, follower), _forgetter()]
            _tuner(nodes, folder, searcher, scheduler, callbacks).fit()
        except Exception as error:
            if ours := _ours(error):
                raise ours from None
            raise
        finally:
            nodes.close()
            home.close()


def _tuner(nodes: Nodes, folder: Path, searcher: Any, scheduler: Any, callbacks: list[Any]) -> Any:
    """Returns the Tuner of a study. `folder` is where Tune keeps what it writes."""
    from ray import tune

    cluster = nodes.cluster
    return tune.Tuner(
        tune.with_resources(
            train_trial,
            lambda payload: tune.PlacementGroupFactory(
                [{"CPU": cluster.cpus_per_trial, "GPU": payload["gpus"]}], **payload["home"]["selector"]
            ),
        ),
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=scheduler,
            num_samples=-1,
            # The searcher follows the nodes of a joined cluster; this only bounds what Tune asks it for.
            max_concurrent_trials=MANY if nodes.joined and not cluster.workers else nodes.trials_at_once(),
            # A worker keeps its process between trials, and with it the cached corpus and plans (cluster/trial.py).
            reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(name="tune", storage_path=str(folder), verbose=0, callbacks=callbacks),
    )


def _ours(error: BaseException) -> BridgeworkError | None:
    """Returns our own error from inside Tune, which wraps it in its own traceback."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, BridgeworkError):
        found = found.__cause__ or found.__context__
    return found


def _forgetter() -> Any:
    """Returns a Tune callback that drops what Tune keeps of the numbers of ended trials: 30 kB each, and 2 ms at the end."""
    from ray.tune import Callback

    over: list[Any] = []

    class Forgetter(Callback):
        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            over.append(trial)

        def on_step_end(self, iteration: int, trials: Any, **info: Any) -> None:
            # Tune reads the last result once more after `on_trial_complete`.
            for trial in over:
                trial.run_metadata.metric_n_steps.clear()
                trial.run_metadata.metric_analysis.clear()
                trial.run_metadata.last_result = {}
            over.clear()

        def __reduce__(self) -> tuple[type, tuple[()]]:
            """Tune pickles its callbacks into a state that we never read, so an empty object replaces ours."""
            return object, ()

    return Forgetter()


def _listener(
    ours: HandedOut, home: Home, shares: GpuShares, on_fold: OnFold, on_failure: OnFailure, follower: Follower | None
) -> Any:
    """Returns a Tune callback that passes each report to `on_fold` or `on_failure`."""
    from ray.tune import Callback

    class Listener(Callback):
        def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **info: Any) -> None:
            # A report after an epoch or with a checkpoint ends no fold.
            if trial.trial_id in home.refused or result.get("epoch") or result.get("saved"):
                return
            reported = ours[trial.trial_id].trials[result["piece"]]
            if result["failure"]:
                node = follower.node_of(trial.trial_id) if follower else ""
                on_failure(reported, result["fold"], result["failure"], result["traceback"], node)
            else:
                key = reported.key(result["fold"])
                shares.update(key)
                on_fold(reported, key, result["trained"])

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            # The trial is handed out again, so it has not failed yet.
            if ours[trial.trial_id].retries:
                return
            text = trial.error_file and Path(trial.error_file).read_text()
            node = follower.node_of(trial.trial_id) if follower else ""
            for each in ours[trial.trial_id].unfinished:
                on_failure(each, 0, "the worker died", text or "no traceback was left", node)

        def __reduce__(self) -> tuple[type, tuple[()]]:
            """Tune pickles its callbacks into a state that we never read, so an empty object replaces ours."""
            return object, ()

    return Listener()
