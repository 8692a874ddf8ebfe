"""Defines the command `ser`, with one function per subcommand: run, ablate, search, select, report, ui, options, ..."""

import errno
import io
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from cluster.cli.group import Group
from cluster.cli.job_app import STORE, Store, console, job_app
from cluster.cli.model_app import model_app
from ser_core.errors import BridgeworkError, SettingError

app = typer.Typer(
    cls=Group,
    help="Finds out which parts of a multi-modal, multi-task speech-emotion model earn their place.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
corpus_app = typer.Typer(cls=Group, help="Look at a corpus before training on it.", no_args_is_help=True)
app.add_typer(corpus_app, name="corpus")
app.add_typer(job_app)
app.add_typer(model_app)

Overrides = Annotated[
    list[str] | None, typer.Argument(help="Overrides such as corpus=emodb optim.epochs=20; `ser options` lists them all.")
]
Metrics = Annotated[
    list[str] | None,
    typer.Option("--metric", help="Metric with a verdict, such as ccc.valence; repeatable. Default: all main ones."),
]
Margin = Annotated[float, typer.Option(help="Smallest difference that matters; .02 is 2 points.")]
MACHINE = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR),
    *(errno.ENOSPC, errno.EDQUOT, errno.EIO),
}
"""File system errors that a user can fix (permissions, names, space), as opposed to defects of this program."""


def main() -> None:
    """Runs the command line. A user's error prints one sentence and exits with code 2; a defect keeps its traceback.

    The first SIGTERM, which batch systems send, acts like Ctrl-C. Characters the terminal cannot show are printed as \\uXXXX.
    """
    signal.signal(signal.SIGTERM, _interrupt_once)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except BridgeworkError as error:
        _stop(str(error))
    except OSError as error:
        if error.errno not in MACHINE:
            raise
        named = f"{error.filename}: " if error.filename else ""
        _stop(f"{named}{error.strerror}; check the path, your permissions and the free space")


def _interrupt_once(number: int, frame: object) -> NoReturn:
    """Raises KeyboardInterrupt and ignores later ones: Slurm sends SIGTERM to a job's script and to `ser`, so it comes twice."""
    signal.signal(number, lambda *_: None)
    raise KeyboardInterrupt


def _stop(sentence: str) -> NoReturn:
    """Prints the error and exits with code 2."""
    Console(stderr=True, emoji=False).print(f"[red]error:[/] {_plain(sentence)}", highlight=False, soft_wrap=True)
    sys.exit(2)


@app.command()
def run(overrides: Overrides = None) -> None:
    """Train one configuration over all folds and print its table."""
    from cluster.cli.commands import run_one

    run_one(console, overrides or [])


@app.command()
def ablate(
    context: typer.Context,
    study: Annotated[str, typer.Argument(help="fusion, tasks, modality, ...; leave it out with --factor.")] = "",
    overrides: Overrides = None,
    seeds: Annotated[int, typer.Option(help="Seeds per variant, 0 to N-1.")] = 2,
    factor: Annotated[list[str] | None, typer.Option(help="key=value,value varies that key; repeat it for each factor.")] = None,
    design: Annotated[str, typer.Option(help="How factors combine: full, fractional, leave_one_out, add_one or path.")] = "full",
    resolution: Annotated[int, typer.Option(help="Minimum resolution of a fractional design.")] = 5,
    mode: Annotated[str, typer.Option(help="fixed, retuned (one search per variant) or masked (hidden at test).")] = "fixed",
    space: Annotated[str, typer.Option(help="Space that --mode retuned searches for each variant.")] = "optimiser",
    trials: Annotated[int, typer.Option(help="Configurations that --mode retuned tries per variant.")] = 8,
    metric: Metrics = None,
    margin: Margin = 0.02,
    plan: Annotated[str, typer.Option(help="Hypothesis; writes and hashes a plan before anything trains.")] = "",
    looks: Annotated[int, typer.Option(help="Tables that --plan allows while seeds are added; they share the error rate.")] = 1,
) -> None:
    """Compare the variants of a study, or of factors, over all folds and print what you may conclude."""
    from ablations.modes import Mode
    from ablations.study_from_command import study_from_words
    from cluster.cli.commands import Judged, ablate_study
    from cluster.looks.plan_file import PlanAsked

    if mode != "retuned":
        _refuse_given(context, ("space", "trials"), "without --mode retuned")
    if design != "fractional":
        _refuse_given(context, ("resolution",), "without --design fractional")
    if not plan:
        _refuse_given(context, ("looks",), "without --plan")
    asked, rest = study_from_words(study, overrides or [], factor or [], design, resolution)
    planned = PlanAsked(plan, looks) if plan else None
    sys.exit(ablate_study(console, asked, rest, seeds, Mode(mode, space, trials), Judged(tuple(metric or ()), margin), planned))


@app.command()
def search(
    context: typer.Context,
    space: Annotated[str, typer.Argument(help="A search space, such as weights; `ser space NAME` prints it.")],
    overrides: Overrides = None,
    trials: Annotated[int, typer.Option(help="Different configurations to try; 0 sets no limit.")] = 10,
    folds: Annotated[int, typer.Option(help="Total folds to train; 0 sets no limit.")] = 0,
    hours: Annotated[float, typer.Option(help="Hours this run may take; 0 sets no limit.")] = 0,
    failures: Annotated[int, typer.Option(help="Folds that may fail in this run; 0 sets no limit.")] = 0,
    gpu_hours: Annotated[float, typer.Option(help="Total GPU-hours of the trained folds; 0 sets no limit.")] = 0,
    sampler: Annotated[str, typer.Option(help="tpe, random, qmc, gp, nsga2, cmaes or grid.")] = "tpe",
    pruning: Annotated[str, typer.Option(help="none, asha, futility, wilcoxon or median; empty means asha.")] = "",
    prune_on: Annotated[str, typer.Option(help="folds, or epochs of all folds at once (needs optim.pack).")] = "folds",
    objective: Annotated[list[str] | None, typer.Option(help="Development metric, such as uar or mean(ccc); repeatable.")] = None,
    constraint: Annotated[list[str] | None, typer.Option(help="Bound, such as parameters<1e6; repeatable.")] = None,
    start: Annotated[list[str] | None, typer.Option(help="Overrides of a point to try first, in quotes; repeatable.")] = None,
    start_from: Annotated[str, typer.Option(help="Study whose best trial is tried first.")] = "",
    seed: Annotated[int, typer.Option(help="Seed of the sampler.")] = 0,
    fold: Annotated[int, typer.Option(help="Train and judge on this fold only; 0 means all folds.")] = 0,
    storage: Annotated[str, typer.Option(help="Postgres that several drivers share: postgresql://USER@HOST/DB.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and the projected cost; train nothing.")] = False,
) -> None:
    """Search a space by development score. The test parts stay sealed."""
    from cluster.cli.search_commands import search_space
    from cluster.search.budget import Budget
    from cluster.search.run_search import Search

    _refuse_given(context, ("prune_on",) if pruning == "none" else (), "with --pruning none")
    wanted = Search(
        budget=Budget(trials, folds, hours, failures, gpu_hours),
        sampler=sampler,
        pruning=pruning,
        objectives=tuple(objective or ()),
        constraints=tuple(constraint or ()),
        seed=seed,
        starts=tuple(start or ()),
        start_from=start_from,
        prune_on=prune_on,
        fold=fold,
    )
    sys.exit(search_space(console, space, overrides or [], wanted, dry_run, storage))


@app.command()
def select(
    study: Annotated[str, typer.Argument(help="Id or name of a search.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="Only cluster.* settings.")] = None,
    top: Annotated[int, typer.Option(help="Number of the best configurations to train again.")] = 5,
    seeds: Annotated[int, typer.Option(help="New seeds per configuration.")] = 3,
    nested: Annotated[bool, typer.Option("--nested", help="Judge the search itself: repeat it inside each fold.")] = False,
    margin: Annotated[float, typer.Option(help="Standard errors that a smaller model may be behind; 0 takes the best.")] = 0.25,
    prefer: Annotated[str, typer.Option(help="Development metric that decides, such as ccc.valence.")] = "",
    store: Store = STORE,
) -> None:
    """Choose among a search's best by development score, preferring simpler ones; then open the test parts of the choice."""
    from cluster.cli.select_commands import select_from
    from cluster.selection.settings import SelectionSettings

    sys.exit(select_from(console, SelectionSettings(study, top, seeds, nested, margin, prefer), store, overrides or []))


@app.command()
def simulate(
    context: typer.Context,
    study: Annotated[str, typer.Argument(help="A study to replay in random order; empty uses a synthetic one.")] = "",
    store: Store = STORE,
    objective: Annotated[
        str, typer.Option(help="Development metric of a replayed study; headline is the mean of UAR and mean CCC.")
    ] = "headline",
    folds: Annotated[list[int] | None, typer.Option(help="Folds of a synthetic study; repeatable. Default: 5 and 10.")] = None,
    pruning: Annotated[
        list[str] | None, typer.Option(help="Pruner; repeatable. Default: all. The pruner none is always included.")
    ] = None,
    sampler: Annotated[str, typer.Option(help="Any sampler of `ser search`; a replayed study allows only random.")] = "random",
    trials: Annotated[int, typer.Option(help="Budget, in trials that train all folds.")] = 20,
    repetitions: Annotated[int, typer.Option(help="Simulated searches per line.")] = 200,
    configuration_sd: Annotated[float, typer.Option(help="SD between random configurations, in points.")] = 2.0,
    fold_sd: Annotated[float, typer.Option(help="SD between folds, in points.")] = 2.0,
    residual_sd: Annotated[float, typer.Option(help="SD of a single fold of a run, in points.")] = 1.0,
    seed_sd: Annotated[float, typer.Option(help="SD between runs of a configuration, in points.")] = 0.5,
) -> None:
    """Simulate searches without training and print the regret of each pruner at equal fold budgets."""
    from cluster.cli.simulate_command import simulate_records, simulate_synthetic
    from cluster.search.simulation import Variances

    pruners, variances = pruning or [], Variances(configuration_sd, fold_sd, residual_sd, seed_sd)
    if study:
        synthetic = ("folds", "configuration_sd", "fold_sd", "residual_sd", "seed_sd")
        _refuse_given(context, synthetic, "when a study is replayed")
        simulate_records(console, study, store, objective, pruners, sampler, trials, repetitions)
    else:
        _refuse_given(context, ("store", "objective"), "on a synthetic study")
        simulate_synthetic(console, folds or [5, 10], variances, pruners, sampler, trials, repetitions)


@app.command()
def space(name: Annotated[str, typer.Argument(help="A search space, such as weights.")]) -> None:
    """Print a search space: ranges, conditions and fixed settings."""
    from cluster.cli.search_commands import print_space

    print_space(console, name)


@app.command()
def report(
    study: Annotated[str, typer.Argument(help="Id or name of a study.")],
    store: Store = STORE,
    detect: Annotated[float | None, typer.Option(help="Difference to plan seeds and folds for; default: the margin.")] = None,
    metric: Metrics = None,
    margin: Annotated[
        float | None, typer.Option(help="Smallest difference that matters; default: as when the study ran.")
    ] = None,
) -> None:
    """Print the table of a study again and write its report as Markdown, CSV, LaTeX and HTML."""
    from cluster.cli.commands import Judged, report_study

    report_study(console, study, store, detect, Judged(tuple(metric or ()), margin))


@app.command()
def across(
    studies: Annotated[
        list[str],
        typer.Argument(help="Ids of ablations with the same variants, one per corpus; or of evaluations, NAME=ID."),
    ],
    store: Store = STORE,
    metric: Annotated[
        list[str] | None, typer.Option(help="Test metric to rank by, such as wa; repeatable. Default: the studies' own.")
    ] = None,
) -> None:
    """Rank the variants of an ablation over several corpora, or compare trained models on corpora they have not seen."""
    from cluster.cli.across import rank_across
    from cluster.cli.across_evaluations import are_evaluations, compare_evaluations

    run = compare_evaluations if are_evaluations(studies) else rank_across
    run(console, studies, store, metric or [])


@app.command()
def importance(study: Annotated[str, typer.Argument(help="Id or name of a search.")], store: Store = STORE) -> None:
    """Print which settings mattered for the development score of a search, with their uncertainty."""
    from cluster.search.importance import print_importance

    print_importance(console, study, store)


@app.command()
def studies(store: Store = STORE) -> None:
    """List the studies in a store."""
    from cluster.cli.status_commands import list_studies

    list_studies(console, store)


@app.command()
def status(
    study: Annotated[str, typer.Argument(help="Id or name of a study; empty shows all that run, or the latest.")] = "",
    store: Store = STORE,
    follow: Annotated[bool, typer.Option("--follow", help="Refresh until the study ends.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print plain data; with --follow, one line per refresh.")] = False,
) -> None:
    """Show what a study does: folds, nodes, failures, cost and the time to its end. With --follow, exit 0 only if it finished."""
    from cluster.cli.status_commands import show_status

    sys.exit(show_status(console, study, store, follow, json))


@app.command()
def ui(
    store: Store = STORE,
    port: Annotated[int, typer.Option(help="Port on this machine's loopback address.")] = 5000,
    tracking: Annotated[str, typer.Option(help="Tracking database; empty uses the store's own.")] = "",
) -> None:
    """Open the MLflow dashboard on the loopback address."""
    from cluster.tracking.ui import serve
    from ser_core.cross_validation.records import RunStore

    sys.exit(serve(RunStore(store), tracking, port))


@app.command()
def options(overrides: Overrides = None) -> None:
    """Print the configuration tree: every key, its value, its meaning and its choices."""
    from cluster.cli.options import print_options

    print_options(console, overrides or [])


@app.command()
def systems(
    name: Annotated[str, typer.Argument(help="System to print in full; empty compares them all.")] = "",
    json: Annotated[Path | None, typer.Option(help="File to write the systems to.", dir_okay=False)] = None,
) -> None:
    """Compare the published systems: parts, weights, figures, and which of these are reconstructed or unknown."""
    from cluster.cli.systems import print_systems

    print_systems(console, name, json)


@corpus_app.command()
def check(overrides: Overrides = None) -> None:
    """Decode every file and list the unusable ones with the reason. Exits with code 1 when there are any."""
    from cluster.cli.commands import check_corpus

    sys.exit(check_corpus(console, overrides or []))


@corpus_app.command()
def audit(
    overrides: Overrides = None,
    json: Annotated[Path | None, typer.Option(help="File to write the findings to.", dir_okay=False)] = None,
) -> None:
    """Look for leaks between the parts of each fold and for bad texts and files. Exits with code 1 when the split leaks."""
    from cluster.cli.commands import audit_corpus

    sys.exit(audit_corpus(console, overrides or [], json))


@corpus_app.command()
def card(overrides: Overrides = None) -> None:
    """Print the protocol card: counts, label map, licence, content hash, folds."""
    from cluster.cli.commands import print_card

    print_card(console, overrides or [])


def _refuse_given(context: typer.Context, options: Sequence[str], where: str) -> None:
    """Raises SettingError for the first of these options that the user gave, since it has no effect."""
    for name in options:
        source = context.get_parameter_source(name)
        if source and source.name == "COMMANDLINE":
            raise SettingError(f"--{name.replace('_', '-')} has no effect {where}; leave it out")


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
