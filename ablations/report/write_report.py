"""Writes a study's report: table.md, table.csv, details.csv, table.tex and one self-contained HTML page.

The page holds scores, counts and settings; no audio, no transcript and no label of an utterance. The same records
give the same bytes, so a report can be committed and compared.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ablations.paired_study import PairedStudy, Pairs
from ablations.report.cells import ABSENT, heading, number
from ablations.report.details import (
    Details,
    study_details,
)
from ablations.report.figures import forest, panels, reliability, strip
from ablations.report.render import details_to_csv, details_to_markdown, section_to_markdown, to_csv, to_latex, to_markdown
from ablations.report.tables import StudyTable, plain
from ablations.section import Section

TEMPLATE = Path(__file__).with_name("templates") / "report.html.j2"
CARD = (
    *("utterances", "speakers", "emotions", "unlabelled", "classes", "dimensions", "merged", "counts", "source", "content"),
    *("text_normalisation", "unused"),
)
"""Entries that the protocol card adds to the protocol line, in this order."""


def write_report(table: StudyTable, folder: Path | str, sections: Sequence[Section] = ()) -> dict[str, Path]:
    """Writes five files to `folder`, which it creates if needed. Returns paths by markdown, csv, details, latex and html."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    details = study_details(table.study)
    own = [section_to_markdown(section) for section in sections]
    texts = {
        "markdown": ("table.md", "\n".join([to_markdown(table), *own, details_to_markdown(details)])),
        "csv": ("table.csv", to_csv(table)),
        "details": ("details.csv", details_to_csv(details, {row.name: table.reconstructions(row.name) for row in table.rows})),
        "latex": ("table.tex", to_latex(table)),
        "html": ("report.html", to_html(table, details, sections)),
    }
    for name, text in texts.values():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return {kind: folder / name for kind, (name, _) in texts.items()}


def to_html(table: StudyTable, details: Details, sections: Sequence[Section] = ()) -> str:
    """Returns the page: question, verdicts, table, figures, sections, details, folds, protocol card, reproduction, licence."""
    from jinja2 import Environment, StrictUndefined

    study, drawn = table.study, panels(table.study, details)
    first = next(iter(study.pairs[study.baseline].values())).record
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        table=table,
        columns=table.columns,
        rows=_stack(table.cells),
        sections=[(section, _stack(section.rows)) for section in sections],
        details=details,
        details_columns=details.columns,
        details_rows=_stack(details.cells),
        details_notes=details.notes,
        confusions={name: (one.classes, one.cells) for name, one in details.confusions.items()},
        reliability=reliability(details, drawn) if drawn else "",
        drawn=drawn,
        forest=forest(table) if table.verdicts else "",
        strip=strip(table),
        primary=heading(study.metric),
        folds=_folds(study),
        card=card_facts(table, first.card),
        changes={name: table.overrides.get(name) or changes(study, name) for name in study.pairs},
        fingerprints={name: _fingerprints(pairs) for name, pairs in study.pairs.items()},
        versions={name: plain(value) for name, value in sorted(first.environment.items())},
        skipped={name: why for one in study.outcomes for name, why in sorted(one.record.skipped.items())},
        licence=plain(first.card.get("licence", "")) or "not recorded",
        source=plain(first.card.get("source", "")),
    )


def _stack(rows: Sequence[Sequence[str]]) -> list[list[Any]]:
    """Splits each cell into its number and the small text below it."""
    return [[name, *(value.partition(" ")[::2] for value in values)] for name, *values in rows]


def card_facts(table: StudyTable, card: Mapping[str, Any]) -> dict[str, str]:
    """Returns the protocol line and the card as one list of facts."""
    return dict(table.protocol) | {name.replace("_", " "): plain(card[name]) for name in CARD if plain(card.get(name, ""))}


def changes(study: PairedStudy, variant: str) -> list[str]:
    """Returns the resolved settings in which a variant differs from the baseline, as overrides, without paths on disk."""
    ours, theirs = (_leaves(next(iter(study.pairs[name].values())).record.config) for name in (variant, study.baseline))
    return [
        f"{key}={value}"
        for key, value in ours.items()
        if theirs.get(key) != value and not key.startswith("run.") and key != "seed" and not value.startswith("/")
    ]


def _leaves(tree: Mapping[str, Any], above: str = "") -> dict[str, str]:
    leaves: dict[str, str] = {}
    for name, value in tree.items():
        nested = isinstance(value, Mapping)
        leaves |= _leaves(value, f"{above}{name}.") if nested else {f"{above}{name}": plain(value)}
    return leaves


def _folds(study: PairedStudy) -> list[list[str]]:
    """Returns one row per seed and fold: seed, fold, held-out part, sizes, and each variant's score on the study's metric."""
    rows = []
    for (seed, fold), one in study.pairs[study.baseline].items():
        scores = [pairs[seed, fold].test.metrics.get(study.metric, float("nan")) for pairs in study.pairs.values()]
        sizes = one.record.sizes
        facts = [seed, fold, one.record.held_out, sizes["train"], sizes.get("dev", ABSENT), sizes["test"]]
        rows.append([*map(str, facts), *(number(score, study.metric) for score in scores)])
    return rows


def _fingerprints(pairs: Pairs) -> list[str]:
    """Returns one fingerprint per seed, in order of seeds."""
    return list(dict.fromkeys(one.record.key.fingerprint for one in pairs.values()))
