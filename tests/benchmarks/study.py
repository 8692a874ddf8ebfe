"""What a study costs: weightings by folds, packed, one by one, and as a plain script that runs the frozen encoder in every epoch.

    uv run python tests/benchmarks/study.py [--weightings 8] [--folds 10] [--pack 10] [--plain-batches 1] [overrides]
The first two ways go through cross_validate and take turns, weighting by weighting, in a store of their own over the same
features, whose extraction is timed before; at the end those that can be packed are trained once more, all but the first (which
pays for the references), in stacks of `--together` folds of whatever weighting (optim.pack=0). The plain way (plain.py) is slow:
beside each weighting some of its batches are measured, and its time for the same epochs over the same folds is extrapolated from
utterances; `--plain-batches 0` leaves it out. Prints seconds and ratios, of the clock and of the processor (which other users of
the machine disturb less), and writes study.json where it is started.
"""

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plain import Plain
from usual import placeless, write_figures

from ser_core.config.compose import compose
from ser_core.cross_validation.cross_validate import cross_validate, cross_validate_many
from ser_core.cross_validation.events import FoldResult
from ser_core.cross_validation.plan import plan
from ser_core.cross_validation.records import RunStore

BESIDE = ("tasks.gender.weight=0.1", "tasks.speaker.weight=0.05")
WEIGHTINGS = (
    *(("weighting=fixed",), ("weighting=uncertainty",), ("weighting=dwa",)),
    *(("weighting=fixed", f"tasks.gender.weight={weight}") for weight in (0.02, 0.3, 1)),
    *(("weighting=gradnorm",), ("weighting=pcgrad",)),
)
"""The last two cannot be packed and show what asking in vain costs."""
TIMES = ("wall", "processor")


def main() -> None:
    """Trains every weighting both ways, in turns, and measures the plain way beside them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weightings", type=int, default=len(WEIGHTINGS))
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--pack", type=int, default=10)
    parser.add_argument("--together", type=int, default=16)
    parser.add_argument("--plain-batches", type=int, default=1, help="of 16, beside each weighting")
    parser.add_argument("overrides", nargs="*")
    asked = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as folder:
        asked.shared = [*BESIDE, *asked.overrides, f"run.store={folder}/shared"]
        begun = time.perf_counter(), time.process_time()
        planned = plan(compose(asked.shared))
        extraction = since(begun)
        plain = Plain(planned) if asked.plain_batches else None
        rows = [row(weighting, asked, Path(folder), turn, plain) for turn, weighting in enumerate(WEIGHTINGS[: asked.weightings])]
        together = trained_together([one for one in rows[1:] if not one["why_not"]], asked, Path(folder))
    figures = {"folds": asked.folds, "pack": asked.pack, "overrides": placeless(asked.overrides)}
    figures |= {
        "extraction": extraction,
        **against_packed(rows),
        "together": together,
        **(against_plain(rows, extraction) if plain else {}),
    }
    print(json.dumps(figures, indent=1))
    write_figures("study", {**figures, "rows": rows})


def against_packed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """How many times the packed way's seconds the folds one by one take."""
    found: dict[str, Any] = {f"{what}_ratio": ratio(rows, "alone", "packed", what) for what in TIMES}
    packed = [one["ratio"] for one in rows if one["why_not"] == ""]
    found["largest_difference_of_dev_uar"] = round(
        max(abs(one["alone"]["dev_uar"] - one["packed"]["dev_uar"]) for one in rows), 4
    )
    return found | {"median_ratio_of_what_can_be_packed": round(statistics.median(packed), 2) if packed else 0.0}


def trained_together(rows: list[dict[str, Any]], asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The weightings of these rows once more, in stacks across them, against the seconds that they took one by one."""
    plans = [plan(compose([*knobs(one["weighting"].split(), asked.shared), "optim.pack=0"])) for one in rows]
    wanted = [(number, fold) for number in range(len(plans)) for fold in range(1, asked.folds + 1)]
    store, records = RunStore(folder / "together"), []
    shutil.copytree(folder / "alone" / "baselines", folder / "together" / "baselines")
    begun = time.perf_counter(), time.process_time()
    for start in range(0, len(wanted), asked.together):
        group = wanted[start : start + asked.together]
        pieces = [(planned, [fold for which, fold in group if which == number]) for number, planned in enumerate(plans)]
        records += [event.record for _, event in cross_validate_many(pieces, store) if isinstance(event, FoldResult)]
    taken = since(begun)
    alone = statistics.fmean(one["alone"]["dev_uar"] for one in rows) if rows else 0.0
    uar = statistics.fmean(record.dev["uar"] for record in records) if records else 0.0
    ratios = {f"{what}_ratio": round(sum(one["alone"][what] for one in rows) / max(taken[what], 1e-9), 2) for what in TIMES}
    return {"stacks_of": asked.together, **taken, **ratios, "dev_uar": round(uar, 4), "dev_uar_alone": round(alone, 4)}


def knobs(weighting: Sequence[str], shared: Sequence[str]) -> list[str]:
    """The overrides of a weighting, which win over what all share."""
    own = {one.partition("=")[0] for one in weighting}
    return [*(each for each in shared if each.partition("=")[0] not in own), *weighting]


def against_plain(rows: list[dict[str, Any]], extraction: dict[str, float]) -> dict[str, Any]:
    """How many times ours the extrapolated seconds of the plain way are, our extraction left out and counted in."""
    found: dict[str, Any] = {"plain_measured_utterances": sum(one["plain"]["utterances"] for one in rows)}
    found["plain_extrapolated_utterances"] = sum(one["plain"]["extrapolated_to"] for one in rows)
    found["plain_measured_seconds"] = {what: round(sum(one["plain"][f"measured_{what}"] for one in rows), 1) for what in TIMES}
    for way in ("alone", "packed"):
        for what in TIMES:
            ours, plain = (sum(one[each][what] for one in rows) for each in (way, "plain"))
            found[f"plain_to_{way}_{what}"] = round(plain / ours, 1)
            found[f"plain_to_{way}_{what}_with_extraction"] = round(plain / (ours + extraction[what]), 1)
    return found


def ratio(rows: list[dict[str, Any]], one: str, other: str, what: str) -> float:
    return round(sum(each[one][what] for each in rows) / sum(each[other][what] for each in rows), 2)


def since(begun: tuple[float, float]) -> dict[str, float]:
    """Seconds since (perf_counter, process_time)."""
    return {"wall": round(time.perf_counter() - begun[0], 2), "processor": round(time.process_time() - begun[1], 2)}


def row(weighting: tuple[str, ...], asked: argparse.Namespace, folder: Path, turn: int, plain: Plain | None) -> dict[str, Any]:
    """One weighting, whichever way is first changing from turn to turn."""
    ways = {"alone": 1, "packed": asked.pack}
    found: dict[str, Any] = {"weighting": " ".join(weighting)}
    heard = 0
    for way in sorted(ways, reverse=bool(turn % 2)):
        config = compose([*knobs(weighting, asked.shared), f"optim.pack={ways[way]}"])
        planned = plan(config)
        found["why_not"] = planned.one_by_one or found.get("why_not", "")
        begun = time.perf_counter(), time.process_time()
        events = list(cross_validate(config, range(1, asked.folds + 1), store=RunStore(folder / way), planned=planned))
        found[way] = since(begun)
        records = [event.record for event in events if isinstance(event, FoldResult)]
        epochs = [len(record.epochs) + record.chosen_epoch * config.optim.refit for record in records]
        found[way]["epochs"] = sum(epochs)
        found[way]["dev_uar"] = round(statistics.fmean(record.dev["uar"] for record in records), 4)
        sizes = [record.sizes for record in records]
        heard = sum(n * (one["train"] + one["dev"]) + one["test"] for n, one in zip(epochs, sizes, strict=True))
    found["ratio"] = round(found["alone"]["processor"] / found["packed"]["processor"], 2)
    if plain:
        found["plain"] = plain.measured(asked.plain_batches, heard)
    print(json.dumps(found), flush=True)
    return found


if __name__ == "__main__":
    main()
