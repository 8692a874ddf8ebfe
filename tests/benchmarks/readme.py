"""Writes the tables of figures in ablations/RESULTS.md and here from results/*.json, so that no figure is typed by hand.

uv run python tests/benchmarks/readme.py        after a benchmark's JSON has been copied into tests/benchmarks/results
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
READMES = {HERE.parents[1] / "ablations" / "RESULTS.md": False, HERE / "README.md": True}
"""Where a table stands, and whether it has the commands."""
BEGIN, END = "<!-- figures: python tests/benchmarks/readme.py -->", "<!-- end of figures -->"
Figures = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of the table: the result it comes from, what it says, and its goal."""

    result: str
    command: str
    """What is typed after `python tests/benchmarks/`, where $E and $W stand for overrides."""
    what: str
    value: Callable[[Figures], float]
    goal: float
    unit: str = "x"
    least: bool = True
    """Whether the goal is a least value; otherwise the most."""

    def cells(self, figures: Figures) -> list[str]:
        value = self.value(figures)
        reached = value >= self.goal if self.least else value <= self.goal
        bound = f"{'at least' if self.least else 'at most'} {self.goal:g} {self.unit}"
        measured = f"{figures['device']}, {figures['date']}"
        return [self.what, f"{value:.3g} {self.unit}", bound, "yes" if reached else "no", measured]


def ratio(figures: Figures) -> float:
    return figures["ratio"]["processor"]


AT_ONCE = {
    10: "--at-once 10 --folds 3000 --per-trial 0",
    100: "--at-once 100 --folds 3000 --per-trial 10 --together",
    1000: "--at-once 1000 --folds 6000 --per-trial 100 --together",
}
"""Options of at_once.py by the number of folds at once. 14 a second is Ray Tune's own benchmark on 16 nodes."""
EXTRACT = "--utterances 24 --rounds 2 $E"
LINES = (
    Line(
        "extract-whisper-tiny.en",
        "extract.py ../shared/models/whisper-tiny.en-encoder --utterances 24 --rounds 2 $E",
        "extraction, Whisper tiny.en, against batches of 8 padded to 30 s",
        ratio,
        5,
    ),
    Line(
        "extract-wavlm-base",
        f"extract.py wavlm-base {EXTRACT}",
        "extraction, WavLM base shape, against padded batches of 8",
        ratio,
        5,
    ),
    Line(
        "extract-wav2vec2-base",
        f"extract.py wav2vec2-base {EXTRACT}",
        "extraction, wav2vec 2.0 base shape, the same",
        ratio,
        5,
    ),
    Line(
        "study",
        "study.py $W optim.epochs=2 optim.patience=2",
        "a study, folds one by one, against a script that runs the encoder in every epoch (extrapolated)",
        lambda figures: figures["plain_to_alone_processor_with_extraction"],
        30,
    ),
    Line(
        "study",
        "study.py $W optim.epochs=2 optim.patience=2",
        "weightings of it that can be packed (median), against folds one by one",
        lambda figures: figures["median_ratio_of_what_can_be_packed"],
        3,
    ),
    Line(
        "study",
        "study.py $W optim.epochs=2 optim.patience=2",
        "five of them stacked across weightings (`optim.pack=0`), against folds one by one",
        lambda figures: figures["together"]["processor_ratio"],
        3,
    ),
    Line(
        "pack",
        "pack.py --most 32 --epochs 2 --rounds 2 $W tasks.gender.weight=0.1",
        "models per second in the best size of a stack (1 to 32), against one by one",
        lambda figures: max(clock_and_processor[1] for clock_and_processor in figures["ratios"].values()),
        3,
    ),
    Line(
        "overhead",
        "overhead.py",
        "seconds of the platform per fold beyond training and 20 s of start (60 folds of the main job)",
        lambda figures: figures["per_fold_beyond_start"],
        0.15,
        "s",
        least=False,
    ),
    Line(
        "overhead",
        "overhead.py",
        "seconds of one Tune trial whose fold is recorded",
        lambda figures: figures["trial_seconds"],
        0.2,
        "s",
        least=False,
    ),
    Line("finetune", "finetune.py --utterances 24", "fine-tuning, two layers of WavLM base, against Trainer", ratio, 1),
    Line(
        "scale",
        "scale.py",
        "`ser report` of 10,000 folds, seconds of the processor, start included",
        lambda figures: figures["seconds"]["10000"]["report"][1],
        10,
        "s",
        least=False,
    ),
    Line(
        "scale",
        "scale.py",
        "growth of records, report and resume from 1,000 to 10,000 folds (1 is linear), largest exponent",
        lambda figures: max(figures["growth"].values()),
        1.1,
        "",
        least=False,
    ),
    *(
        Line(f"at_once-{count}", f"at_once.py {words}", f"{what}, {count} sleeping folds at once", value, goal, unit, least)
        for count, words in AT_ONCE.items()
        for what, value, goal, unit, least in (
            ("folds per second", lambda figures: figures["folds_per_second"], 14, "", True),
            ("driver's processor per fold", lambda figures: figures["driver_processor_per_fold"], 0.01, "s", False),
            ("driver's memory per fold", lambda figures: figures["driver_bytes_per_fold"] / 1000, 5, "kB", False),
        )
    ),
    *(
        Line(result, f"tracking.py{words}", f"{what} ({where}, 100 folds a second)", value, goal, unit, False)
        for result, words, where in (("tracking", "", "SQLite"), ("tracking-postgres", " --tracking $POSTGRES", "Postgres"))
        for what, value, goal, unit in (
            ("MLflow: driver's processor per fold", lambda figures: figures["driver_processor_per_fold"], 0.01, "s"),
            ("MLflow: driver's memory per fold", lambda figures: figures["driver_bytes_per_fold"] / 1000, 5, "kB"),
            ("MLflow: behind at most", lambda figures: figures["seconds_behind_most"], 10, "s"),
        )
    ),
)


def table(commands: bool = False, folder: Path = HERE / "results") -> str:
    """The table, of those benchmarks whose result is there."""
    head = ["what", "figure", "goal", "reached", "measured on", *(["command"] * commands)]
    rows = [head, ["---"] * len(head)]
    for line in LINES:
        if (folder / f"{line.result}.json").exists():
            found = line.cells(json.loads((folder / f"{line.result}.json").read_text()))
            rows.append([*found, *([f"`{line.command}`"] * commands)])
    return "\n".join(f"| {' | '.join(each.strip() for each in row)} |" for row in rows)


def renewed(readme: str, figures: str) -> str:
    """The README with this table between its marks. Raises ValueError without marks."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the README needs the lines {BEGIN} and {END}")
    return f"{before}{begin}\n\n{figures}\n\n{end}{after}"


def main() -> None:
    """Writes both tables again."""
    for file, commands in READMES.items():
        file.write_text(renewed(file.read_text(), table(commands)))


if __name__ == "__main__":
    main()
