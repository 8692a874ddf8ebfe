"""Renders a StudyTable for the terminal (rich) and as Markdown, LaTeX (booktabs) and CSV, each with the protocol.

Details appear only in Markdown and CSV; the study's own sections appear on the terminal and in Markdown.

Names and titles come from the user, so each renderer escapes them for its own syntax.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ablations.report.details import Details
from ablations.report.tables import StudyTable
from ablations.section import Section
from ablations.statistics.comparison import Comparison
from ablations.statistics.corrected_t import Interval

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

LATEX = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",
    "]": "{]}",
    "±": r"$\pm$",
    "Δ": r"$\Delta$",
    "·": r"$\cdot$",
    "—": "---",
}


def to_rich(table: StudyTable) -> tuple["Text", "Table", "Text"]:
    """Returns header, table and notes, to print in that order. The table is readable at 100 columns."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown, stacked = _narrow(table)
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for place, name in enumerate(table.columns[:shown]):
        grid.add_column(Text(name), justify="right" if place else "left", overflow="fold", max_width=None if place else 24)
    for place, (name, *values) in enumerate(table.cells):
        if place == len(table.rows):
            grid.add_section()
        style = "bold" if name == table.study.baseline and place < len(table.rows) else ""
        style = "dim" if place >= len(table.rows) else style
        grid.add_row(Text(name, style), *(_stack(value, stacked) for value in values[: shown - 1]), style=style)
    header = Text.assemble((table.title, "bold"), "\n", table.question, "\n", (table.protocol_line, "dim"))
    notes = Text()
    for name, verdict in table.verdicts.items():
        notes.append(name, "bold").append(f": {verdict}\n")
    notes.append("\n".join(["", *table.notes]), "dim")
    return header, grid, notes


def section_to_rich(section: Section) -> tuple["Text", "Table", "Text"]:
    """Returns title, table and notes of a section, to print in that order."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for place, name in enumerate(section.columns):
        grid.add_column(Text(name), justify="right" if place else "left", overflow="fold", max_width=None if place else 24)
    for name, *values in section.rows:
        grid.add_row(Text(name), *(_stack(value, stacked=True) for value in values))
    return Text(f"\n{section.title}", "bold"), grid, Text("\n".join([*section.notes, ""]), "dim")


def section_to_markdown(section: Section) -> str:
    """Returns the section as Markdown, without its figure."""
    grid = _grid(list(section.columns), [list(row) for row in section.rows])
    return "\n".join([f"### {markdown(section.title)}\n", *grid, "", *(f"{markdown(note)}\n" for note in section.notes)])


def to_markdown(table: StudyTable) -> str:
    """Returns heading, question, protocol, table, verdicts and notes as Markdown."""
    return "\n".join(
        [
            f"## {markdown(table.title)}\n",
            f"{markdown(table.question)}\n",
            f"{markdown(table.protocol_line)}\n",
            *_grid(table.columns, table.cells),
            "",
            *(f"- **{markdown(name)}**: {markdown(verdict)}" for name, verdict in table.verdicts.items()),
            "",
            *(f"{markdown(note)}\n" for note in table.notes),
        ]
    )


def details_to_markdown(details: Details) -> str:
    """Returns the details as Markdown, with a confusion matrix for each variant that predicts emotions."""
    lines = ["### Details\n", *_grid(details.columns, details.cells), ""]
    lines += [f"{markdown(note)}\n" for note in details.notes]
    for name, one in details.confusions.items():
        lines += [f"### Confusions of {markdown(name)}: percent of each true class (rows), all test parts and seeds\n"]
        lines += [*_grid(["true", *one.classes, "n"], one.cells), ""]
    return "\n".join(lines)


def details_to_csv(details: Details, reconstructed: Mapping[str, str] | None = None) -> str:
    """Returns CSV with one row per metric and variant or reference: raw numbers in full precision, empty if missing.

    `reconstructed` says, by variant, what is a reconstruction; it makes a last column if any variant has one.
    """
    said = reconstructed or {}
    more: Callable[[str], list[object]] = (lambda name: [said.get(name, "")]) if any(said.values()) else (lambda name: [])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    heads = ["metric", "variant", "kind", "mean", "mean.low", "mean.high", "pooled"]
    writer.writerow([*heads, *(["reconstruction"] if any(said.values()) else [])])
    for metric in details.metrics:
        for place, (name, scores) in enumerate(details.scores.items()):
            one, kind = scores[metric], "variant" if place else "baseline"
            numbers = [one.folds.value, one.folds.low, one.folds.high, one.pooled]
            writer.writerow(_blank([metric, name, kind, *numbers, *more(name)]))
        for name, means in details.references.items():
            writer.writerow(_blank([metric, name, "reference", means[metric], "", "", "", *more(name)]))
    return text.getvalue()


def to_latex(table: StudyTable) -> str:
    """Returns a `table` float for `\\usepackage{booktabs}`, with the notes below the table in small type."""
    shown, stacked = _narrow(table)
    body = [[latex(name), *(_signs(value, stacked) for value in values[: shown - 1])] for name, *values in table.cells]
    lines = [f"{' & '.join(row)} \\\\" for row in body]
    lines.insert(len(table.rows), r"\midrule")
    verdicts = [f"{latex(name)}: {latex(verdict)}." for name, verdict in table.verdicts.items()]
    below = [latex(table.protocol_line) + ".", *verdicts, *map(latex, table.notes)]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
            f"\\caption{{{latex(table.title)}. {latex(table.question)}}}",
            f"\\begin{{tabular}}{{l{'r' * (shown - 1)}}}",
            r"\toprule",
            f"{' & '.join(map(latex, table.columns[:shown]))} \\\\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            "",
            r"\medskip\raggedright",
            *(f"{line}\\par" for line in below),
            r"\end{table}",
            "",
        ]
    )


def to_csv(table: StudyTable) -> str:
    """Returns CSV with one row per variant and reference: raw fractions in full precision, empty if missing.

    If any variant contains a reconstruction, the last column says what it is.
    """
    said = {row.name: table.reconstructions(row.name) for row in table.rows}
    found: list[dict[str, object]] = []
    for row in table.rows:
        one = row.comparison
        line: dict[str, object] = {"variant": row.name, "kind": "variant" if row.name != table.study.baseline else "baseline"}
        for metric in table.metrics:
            line |= _ends(metric, row.scores[metric])
        for metric, found_on in table.comparisons.items():
            line |= _compared(found_on[row.name], "" if metric == table.study.metric else f".{metric}")
        line |= _ends("pooled", row.pooled.score) | _ends("pooled.difference", row.pooled.difference)
        line |= {"speakers": row.pooled.speakers, "pairs": one.pairs, "folds": one.folds, "seeds": one.seeds}
        line |= {"primary": table.study.metric, "protocol": table.protocol_line}
        found.append(line | ({"reconstruction": said[row.name]} if any(said.values()) else {}))
    for name, scores in table.references.items():
        found.append({"variant": name, "kind": "reference", **scores, "protocol": table.protocol_line})
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(found[0]), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(dict(zip(line, _blank(list(line.values())), strict=True)) for line in found)
    return text.getvalue()


def markdown(text: str) -> str:
    r"""Escapes text for Markdown and the HTML in it.

    >>> markdown("a|b *c* <i>")
    'a\\|b \\*c\\* \\<i\\>'
    """
    return re.sub(r"([\\`*_\[\]<>|#~&])", r"\\\1", _line(text))


def latex(text: str) -> str:
    r"""Escapes text for LaTeX.

    >>> latex("50% of tasks_gender & {x}")
    '50\\% of tasks\\_gender \\& \\{x\\}'
    """
    return "".join(LATEX.get(sign, sign) for sign in _line(text))


def _grid(headings: list[str], rows: list[list[str]]) -> list[str]:
    """Returns the lines of a Markdown table, with names left-aligned and numbers right-aligned."""
    lines = [[markdown(name) for name in headings], ["---", *["---:"] * (len(headings) - 1)]]
    lines += [[markdown(name), *values] for name, *values in rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _blank(values: list[object]) -> list[object]:
    """Returns the cells of a CSV row, with NaN as an empty cell."""
    return ["" if value != value else value for value in values]


def _narrow(table: StudyTable) -> tuple[int, bool]:
    """Returns the number of shown columns, and whether intervals go below their numbers to save width.

    The last column, the pooled difference, is shown with a single fold, where it is the only difference.
    """
    single = max(row.comparison.folds for row in table.rows) < 2
    return len(table.columns) - (not single), len(table.metrics) > 2


def _line(text: str) -> str:
    return " ".join(text.split())


def _signs(cell: str, stacked: bool) -> str:
    """Returns a LaTeX cell with signs in math mode. `stacked` puts the interval below the number."""
    cell = re.sub(r"(?<![\d.])([+-])(?=[\d.])", r"$\1$", cell).translate(str.maketrans({k: LATEX[k] for k in "±—"}))
    value, _, interval = cell.partition(" ")
    return f"\\shortstack[r]{{{value}\\\\{{\\scriptsize {interval}}}}}" if stacked and interval else cell


def _stack(cell: str, stacked: bool) -> "Text":
    """Returns a number with its interval after or below it."""
    from rich.text import Text

    value, _, interval = cell.partition(" ")
    if stacked:
        interval = interval.replace("± ", "±")
    return Text.assemble(value, ("\n" if stacked else " ") if interval else "", (interval, "dim"))


def _compared(one: Comparison, suffix: str) -> dict[str, object]:
    """Returns the cells of a difference. Those of further metrics carry the metric as suffix."""
    cells = _ends(f"difference{suffix}", one.difference) | {f"p{suffix}": one.p, f"p_holm{suffix}": one.p_holm}
    cells |= {f"p_equivalent{suffix}": one.p_equivalent} | _ends(f"detectable{suffix}", one.detectable)
    return cells | {f"verdict{suffix}": one.verdict}


def _ends(name: str, one: Interval) -> dict[str, object]:
    return {name: one.value, f"{name}.low": one.low, f"{name}.high": one.high}
