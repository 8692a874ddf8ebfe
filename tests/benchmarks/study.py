"""What packing saves in a study: weightings by folds through cross_validate, folds packed against the same folds one by one.

    uv run python tests/benchmarks/study.py [--weightings 8] [--folds 10] [--pack 10] [overrides]
Both ways take turns, weighting by weighting, in a store of their own over the same features. Prints seconds and ratios, of the
clock and of the processor (which other users of the machine disturb less), and writes study.json where it is started.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from ser_core.compose import compose
from ser_core.cross_validate import FoldResult, cross_validate, plan
from ser_core.records import RunStore

BESIDE = ("tasks.gender.weight=0.1", "tasks.speaker.weight=0.05")
WEIGHTINGS = (
    *(("weighting=fixed",), ("weighting=uncertainty",), ("weighting=dwa",)),
    *(("weighting=fixed", f"tasks.gender.weight={weight}") for weight in (0.02, 0.3, 1)),
    *(("weighting=gradnorm",), ("weighting=pcgrad",)),
)
"""The last two cannot be packed and show what asking in vain costs."""


def main() -> None:
    """Trains every weighting both ways, in turns."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--weightings", type=int, default=len(WEIGHTINGS))
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--pack", type=int, default=10)
    parser.add_argument("overrides", nargs="*")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [row(weighting, asked, Path(folder), turn) for turn, weighting in enumerate(WEIGHTINGS[: asked.weightings])]
    whole = {
        f"{what}_ratio": round(sum(r["alone"][what] for r in rows) / sum(r["packed"][what] for r in rows), 2) for what in TIMES
    }
    packed = [r["ratio"] for r in rows if r["why_not"] == ""]
    figures = {"folds": asked.folds, "pack": asked.pack, "overrides": asked.overrides, **whole}
    figures |= {"median_ratio_of_what_can_be_packed": round(statistics.median(packed), 2) if packed else 0.0, "rows": rows}
    print(json.dumps({name: value for name, value in figures.items() if name != "rows"}, indent=1))
    Path("study.json").write_text(json.dumps(figures, indent=1))


TIMES = ("wall", "processor")


def row(weighting: tuple[str, ...], asked: argparse.Namespace, folder: Path, turn: int) -> dict:
    """One weighting, whichever way is first changing from turn to turn."""
    ways = {"alone": 1, "packed": asked.pack}
    found: dict = {"weighting": " ".join(weighting)}
    for way in sorted(ways, reverse=bool(turn % 2)):
        beside = [each for each in BESIDE if each.partition("=")[0] not in {one.partition("=")[0] for one in weighting}]
        config = compose([*beside, *asked.overrides, *weighting, f"optim.pack={ways[way]}"])
        planned = plan(config)
        found["why_not"] = planned.one_by_one or found.get("why_not", "")
        begun = time.perf_counter(), time.process_time()
        events = list(cross_validate(config, range(1, asked.folds + 1), store=RunStore(folder / way), planned=planned))
        spent = time.perf_counter() - begun[0], time.process_time() - begun[1]
        epochs = sum(len(event.record.epochs) + event.record.chosen_epoch for event in events if isinstance(event, FoldResult))
        found[way] = dict(zip(TIMES, [round(one, 2) for one in spent], strict=True)) | {"epochs": epochs}
    found["ratio"] = round(found["alone"]["processor"] / found["packed"]["processor"], 2)
    print(json.dumps(found))
    return found


if __name__ == "__main__":
    main()
