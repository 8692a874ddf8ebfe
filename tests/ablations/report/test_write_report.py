"""The page stands alone, says everything, escapes everything, and is the same twice."""

import csv
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from ablations.outcomes import variants_of
from ablations.pairing import pair
from ablations.report.details import study_details
from ablations.report.figures import forest, reliability, strip
from ablations.report.tables import study_table
from ablations.report.write_report import changes, to_html, write_report

NASTY = "$x$ <script>alert('&')</script>"


@pytest.fixture(scope="module")
def outcomes(spoken):
    return spoken({"concat": 0.3, "bridge": 0.8, NASTY: 0.35})


@pytest.fixture(scope="module")
def table(outcomes):
    return study_table(
        pair(outcomes),
        "Fusion <i>",
        "Does a fusion & more help?",
        command="ser ablate fusion 'a<b'",
        overrides={"bridge": ["model.fusion=bridge"]},
    )


@pytest.fixture(scope="module")
def details(table):
    return study_details(table.study)


@pytest.fixture(scope="module")
def page(table, details):
    return to_html(table, details)


class Page(HTMLParser):
    """Collects elements with their attributes and the visible text, and checks that elements are closed in order."""

    VOID = ("meta", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_page_needs_nothing_but_itself(page):
    found = Page(page)
    assert not {tag for tag, _ in found.elements} & {"script", "link", "img", "iframe", "object", "embed", "base"}
    for _, attributes in found.elements:
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name.startswith("xmlns") or not re.search(r"https?:|//", value or ""), (name, value)
            if name in ("href", "xlink:href", "src"):
                assert (value or "").startswith("#")
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)
    assert "default-src 'none'" in page


def test_page_says_everything(page, table):
    text = " ".join(Page(page).text.split())
    for part in (table.question, table.protocol_line, *table.notes, table.command, "model.fusion=bridge", "CC0-1.0"):
        assert part in text
    for name, verdict in table.verdicts.items():
        assert f"{name}: {verdict}." in text
    titles = ("Details", "Confusions", "Calibration")
    for title in (*titles, "Verdicts", "Scores", "Figures", "per fold", "Protocol card", "How to reproduce", "Licence"):
        assert title in text
    assert "speaker 06" in text
    assert "fingerprints bridge-0, bridge-1" in text
    assert "bridgework 0.1.0" in text
    assert "/home" not in text


def test_page_escapes_names(page):
    assert "<script" not in page
    assert "Fusion <i>" not in page
    assert "Fusion &lt;i&gt;" in page


def test_page_is_readable_in_light_and_dark(page):
    assert "prefers-color-scheme: dark" in page
    assert "currentColor" in page
    assert "#010203" not in page


def test_files(outcomes, table, tmp_path):
    paths = write_report(table, tmp_path / "deep" / "report")
    assert {kind: path.name for kind, path in paths.items()} == {
        "markdown": "table.md",
        "csv": "table.csv",
        "details": "details.csv",
        "latex": "table.tex",
        "html": "report.html",
    }
    first = {kind: path.read_bytes() for kind, path in paths.items()}
    names = variants_of(outcomes)
    turned = sorted(outcomes, key=lambda one: (names.index(one.variant), -one.record.key.fold))
    again = study_table(pair(turned), table.title, table.question, command=table.command, overrides=table.overrides)
    assert again == table
    write_report(again, tmp_path / "deep" / "report")
    assert {kind: path.read_bytes() for kind, path in paths.items()} == first
    assert first["html"].decode().count("<svg") == 3


def test_drawings_are_well_formed_and_name_every_row(table, details):
    both = ["concat", "bridge"]
    for svg, names in (
        (forest(table), ["bridge"]),
        (strip(table), both),
        (reliability(details, list(details.bins)), both),
    ):
        root = ElementTree.fromstring(svg)
        words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
        assert set(names) <= set(words)
        assert "$x$" in " ".join(filter(None, words))
        assert "<metadata" not in svg
        assert "<style" not in svg
    assert "difference from concat (points)" in forest(table)


def test_drawings_stand_without_scores(scored):
    """A study of the baseline alone, and one whose variant has no score, still have a page."""
    alone = scored({"base": [[0.5, 0.6]]})
    assert "Verdicts" not in written(study_table(pair(alone), "t", "q"))
    off = alone + scored({"off": [[0.5, 0.6]]}, "wa")
    assert "no test: no fold has uar" in written(study_table(pair(off), "t", "q"))


def written(table):
    page = to_html(table, study_details(table.study))
    assert "Confusions" not in page and "Calibration" not in page
    return page


def test_changes_are_the_settings_that_differ(outcomes):
    study = pair(outcomes, "concat")
    assert changes(study, "bridge") == ["model.name=bridge"]
    assert changes(study, "concat") == []


def test_csv_files_say_what_is_reconstructed(outcomes, tmp_path):
    systems = {"concat": ["system=wan2024", "model.fusion=concat"], "bridge": ["system=cai2021"]}
    notes = ["Reconstruction in wan2024 (arXiv): a.", "Reconstruction in cai2021 (code): b.", "Reconstruction: c.", "other"]
    made = study_table(pair(outcomes), "t", "q", overrides=systems, notes=notes, redraws=20)
    files = write_report(made, tmp_path)
    for kind in ("csv", "details"):
        with files[kind].open(newline="") as file:
            rows = list(csv.DictReader(file))
        said = {row["variant"]: row["reconstruction"] for row in rows if row["kind"] != "reference"}
        assert said["concat"] == "Reconstruction in wan2024 (arXiv): a. Reconstruction: c."
        assert said["bridge"] == "Reconstruction in cai2021 (code): b. Reconstruction: c."
        assert said[NASTY] == "Reconstruction: c."
        assert {row["reconstruction"] for row in rows if row["kind"] == "reference"} == {""}


def test_without_a_reconstruction_there_is_no_such_column(table, tmp_path):
    files = write_report(table, tmp_path)
    assert not any("reconstruction" in files[kind].read_text().lower() for kind in ("csv", "details"))
