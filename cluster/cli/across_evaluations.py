"""`ser across` on evaluations: compares trained models on the corpora that each of them was tested on.

evaluation-1 evaluation-2 | bridge=cross-1 concat=cross-2 --pairs of corpora, variants--> table, <store>/studies/across-<hash>/
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console

from ablations.pairing import ComparisonError
from ablations.report.render import section_to_markdown, section_to_rich
from ablations.report.transfer import compare_transfer, transfer_section, transfer_to_csv
from cluster.models.cross import PREFIX as CROSS
from cluster.models.cross import evaluations_of
from cluster.models.evaluation_store import PREFIX, StoredEvaluation, load_evaluation
from ser_core.content_hashes import write_atomically
from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError


def are_evaluations(names: Sequence[str]) -> bool:
    """Whether all names are of evaluations or of cross-corpus matrices. Raises RecordError when only some are."""
    found = [name.rpartition("=")[2].startswith((PREFIX, CROSS)) for name in names]
    if any(found) and not all(found):
        odd = names[found.index(False)]
        raise RecordError(f"{odd} is a study and others are evaluations; compare either ablations or evaluations")
    return all(found)


def compare_evaluations(console: Console, names: Sequence[str], folder: Path, metrics: Sequence[str]) -> None:
    """Implements `ser across` for evaluations."""
    store = RunStore(folder)
    tables, ids = dict[str, dict[str, pd.DataFrame]](), list[str]()
    for variant, one in _named(names, store):
        pair = f"{one.trained_on} to {one.tested_on}"
        if variant in tables.setdefault(pair, {}):
            raise ComparisonError(f"there are two evaluations of {variant!r} from {pair}; name them apart: NAME={one.id}")
        tables[pair][variant] = one.result.predictions
        ids.append(one.id)
    for metric in metrics or ["uar"]:
        found = compare_transfer(tables, metric)
        section = transfer_section(found)
        for part in section_to_rich(section):
            console.print(part)
        digest = hashlib.sha256(json.dumps([sorted(ids), metric]).encode()).hexdigest()[:6]
        place = store.folder / "studies" / f"across-{digest}"
        place.mkdir(parents=True, exist_ok=True)
        write_atomically(place / "table.csv", transfer_to_csv(found))
        write_atomically(place / "table.md", section_to_markdown(section))
        console.print(f"written    {place} (table.csv and table.md)", highlight=False, soft_wrap=True, markup=False)


def _named(names: Sequence[str], store: RunStore) -> list[tuple[str, StoredEvaluation]]:
    """Returns the evaluations with the name of their variant: as given, or that of the model without its corpus."""
    found = []
    for given in names:
        title, _, name = given.rpartition("=")
        ids = _in_matrix(name, store) if name.startswith(CROSS) else [name]
        for one in (load_evaluation(each, store) for each in ids):
            found.append((title or one.model.removesuffix(f" on {one.trained_on}"), one))
    return found


def _in_matrix(name: str, store: RunStore) -> list[str]:
    places = sorted((store.folder / "studies").glob(f"{name}*/cross.json"))
    if len(places) != 1:
        raise RecordError(f"{store.folder} has {len(places) or 'no'} cross-corpus matrix {name}; `ser cross` makes one")
    return evaluations_of(places[0].parent)
