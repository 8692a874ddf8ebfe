"""`ser ablate --factor` with the real Ray: what is trained when a study grows, counted to the fold, and what its report says."""

import dataclasses

import pytest

from cluster.study_record import load_study
from ser_core.cross_validation.records import RunStore
from tests.cluster.conftest import SMALL, Ran, records, ser

TWO, THREE = "model.fusion=concat,bridge", "model.fusion=concat,bridge,cross_attention"
BATCH = "optim.batch=16,32"


@dataclasses.dataclass(frozen=True)
class Grown:
    """A study of two variants over 2 folds; then crossed with batch under a second seed; then a third variant over 4 folds."""

    folder: object
    runs: dict[str, Ran]
    kept: dict[str, dict[str, tuple[int, int]]]


@pytest.fixture(scope="module")
def grown(tmp_path_factory) -> Grown:
    folder, runs, kept = tmp_path_factory.mktemp("factors"), {}, {}
    words = {
        "first": ("folds.count=2", "--factor", TWO, "--seeds", "1"),
        "one variant and one seed more": ("folds.count=2", "--factor", THREE, "--seeds", "2"),
        "crossed": ("folds.count=2", "--factor", TWO, "--factor", BATCH, "--seeds", "1"),
        "more folds": ("folds.count=4", "--factor", TWO, "--seeds", "1"),
    }
    for name, each in words.items():
        runs[name] = ser(folder, "ablate", *SMALL, "folds=kfold", "folds.dev=utterances", *each)
        kept[name] = records(folder)
    return Grown(folder, runs, kept)


COUNTS = {
    "first": (2 * 2, 0),
    "one variant and one seed more": (3 * 2 * 2 - 4, 4),
    "crossed": (2 * 2 * 2 - 4, 4),
    "more folds": (2 * 4, 0),
}
"""Folds trained and found: a batch of 32 is the default, so half of the crossed study is there; 4 folds are another split."""


@pytest.mark.parametrize("step", COUNTS)
def test_a_study_that_grows_trains_exactly_what_is_new(grown, step):
    trained, found = COUNTS[step]
    assert grown.runs[step].code == 0, grown.runs[step].err
    assert f"{trained} folds trained, {found} already recorded" in grown.runs[step].out
    steps = list(COUNTS)
    before = grown.kept[steps[steps.index(step) - 1]] if step != "first" else {}
    assert len(grown.kept[step]) - len(before) == trained
    assert before.items() <= grown.kept[step].items(), "no record is written anew"


def test_the_same_factors_again_train_nothing(grown):
    again = ser(
        *(grown.folder, "ablate", *SMALL, "folds=kfold", "folds.dev=utterances", "folds.count=2"),
        *("--factor", THREE, "--seeds", "2"),
    )
    assert again.loaded == []
    assert "0 folds trained, 12 already recorded" in again.out


def test_the_table_says_question_mode_effects_and_how_to_ask_again(grown):
    out = " ".join(grown.runs["crossed"].out.split())
    assert "What do model.fusion and optim.batch change (every combination of the factors' values)?" in out
    assert "Mode fixed: all other settings stay the same." in out
    assert "Main effects and interactions (UAR)" in out and "fusion=bridge x batch=32" in out
    assert "Variance of UAR: " in out
    store = RunStore(grown.folder / "bridgework")
    crossed = next(
        study
        for study in (load_study(store, folder.name) for folder in (store.folder / "studies").iterdir())
        if study.factorial and len(study.factorial.factors) == 2
    )
    assert crossed.command.endswith("--seeds 1") and f"--factor {TWO} --factor {BATCH}" in crossed.command
    report = ser(grown.folder, "report", crossed.id, "--detect", "0.1")
    assert report.code == 0
    assert "fusion=bridge x batch=32" in report.out and "10.0 points" in report.out
    page = (crossed.folder(store) / "report.html").read_text()
    assert "Main effects and interactions (UAR)" in page and "Tests that do not keep their nominal level on folds" in page
    caption = next(line for line in (crossed.folder(store) / "table.tex").read_text().splitlines() if "caption" in line)
    assert "Mode fixed" in caption
