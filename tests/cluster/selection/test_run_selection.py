"""`ser select` with the real Ray and MLflow: who is chosen, what is opened, that no test part had a say; `ser run` after it."""

import json
import re
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from cluster.cli.select_commands import select_from
from cluster.looks.ledger import looks
from cluster.search.objectives import Goal
from cluster.search.scores import Scores
from cluster.selection.finalists import given_overrides
from cluster.selection.run_selection import CROSS_FITTED
from cluster.selection.settings import SelectionSettings
from cluster.study_record import StudyRecord, load_study
from ser_core.config.compose import compose
from ser_core.cross_validation.records import RunStore
from ser_core.errors import BridgeworkError
from tests.cluster.conftest import SMALL, records, ser, shown

WORDS = ("search-weights", "--top", "2", "--seeds", "1")


@pytest.fixture(scope="module")
def selected(studied, tmp_path_factory):
    """A search of three weightings, and the choice among its two best and the configuration as given."""
    folder = tmp_path_factory.mktemp("selected")
    shutil.copytree(studied.folder / "bridgework" / "cache", folder / "bridgework" / "cache")
    found = ser(folder, "search", "weights", *SMALL, "--trials", "3", "--sampler", "random", "--pruning", "none")
    assert found.code == 0 and "choose among the best with: ser select search-weights" in found.out
    return folder, ser(folder, "select", *WORDS)


def choice(folder: Path) -> list[str]:
    """The overrides that were chosen."""
    (file,) = (folder / "bridgework" / "studies").glob("selected-weights-*/selected.yaml")
    return [line.removeprefix("- ").strip() for line in file.read_text().splitlines()]


def test_finalists_are_trained_anew_and_only_the_choice_is_tested(selected):
    folder, ran = selected
    assert (ran.code, ran.err) == (0, "")
    store = RunStore(folder / "bridgework")
    finals, tested = load_study(store, "select-weights"), load_study(store, "selected-weights")
    assert {trial.seed for trial in finals.trials} == {1} and len(finals.trials) in (3, 4)
    assert finals.trials[0].variant == "as given"
    assert {trial.variant for trial in tested.trials} <= {"as given", CROSS_FITTED, *(trial.variant for trial in finals.trials)}
    # Opened are the configuration to take away and what single folds chose, nothing else.
    noted = {one for _, look in looks(store) for one in look.fingerprints}
    crossed = next((trial for trial in tested.trials if trial.variant != "as given"), tested.trials[0])
    away = next(trial for trial in finals.trials if list(trial.overrides) == choice(folder))
    given = next(trial for trial in finals.trials if trial.variant == "as given")
    assert noted == {each.keys[0].fingerprint for each in (away, given)} | {key.fingerprint for key in crossed.keys}
    assert [key.fold for key in crossed.keys] == [1, 2, 3, 4]
    assert "no earlier table in this store shows test scores" in " ".join(ran.out.split())
    sealed = {run.tags["ser.study"] for run in shown(folder) if not any(name.startswith("test.") for name in run.metrics)}
    opened = {run.tags["ser.study"] for run in shown(folder) if any(name.startswith("test.") for name in run.metrics)}
    assert opened == {tested.id} and {finals.id} <= sealed
    assert {run.status for run in shown(folder)} == {"FINISHED"}


def test_the_report_says_who_stood_where_and_what_searching_promised(selected):
    folder, ran = selected
    (page,) = (folder / "bridgework" / "studies").glob("selected-weights-*/report.html")
    for title in (
        "What to expect of the choice",
        "Who was chosen among the finalists",
        "UAR against CCC",
        "Task weights that were tried",
        "How flat the score is around the chosen weights",
        "From search to test",
    ):
        assert title in page.read_text()
    # The page's own content policy allows no image, not even inside a drawing.
    assert "<image" not in page.read_text() and "data:" not in page.read_text()
    weights = page.read_text().partition("Task weights that were tried")[2]
    assert "(chosen)" in weights.partition("</tr>")[2].partition("</tr>")[0]
    assert "Who was chosen" in ran.out and "1. of the search" in ran.out
    again = ser(folder, "report", "selected-weights")
    assert again.code == 0 and "From search to test" in again.out
    refused = ser(folder, "report", "select-weights")
    assert refused.code == 2 and "test parts stay sealed" in refused.err


def test_the_choice_is_run_again_from_its_file_without_training(selected):
    folder, _ = selected
    (file,) = (folder / "bridgework" / "studies").glob("selected-weights-*/selected.yaml")
    before = records(folder)
    ran = ser(folder, "run", f"@{file}")
    assert ran.code == 0 and "0 folds trained, 4 already recorded" in ran.out
    assert records(folder) == before


def test_noise_in_every_test_part_changes_no_choice(selected, tmp_path):
    """Also: the same command again trains nothing, and is no further look at the test parts."""
    folder, ran = selected
    shutil.copytree(folder, tmp_path / "noisy")
    noisy = tmp_path / "noisy"
    for file in (noisy / "bridgework" / "folds").glob("*/*/fold-*/test.json"):
        content = json.loads(file.read_text())
        content["metrics"] = {name: 1 - value for name, value in content["metrics"].items()}
        file.write_text(json.dumps(content))
    again = ser(noisy, "select", *WORDS)
    assert again.code == 0 and records(noisy).keys() == records(folder).keys()
    moved = [each.replace(str(noisy), str(folder)) for each in choice(noisy)]
    assert moved == choice(folder)
    assert again.out.splitlines()[-12:] != ran.out.splitlines()[-12:]
    why = [
        next(line for line in each.out.splitlines() if " is the smallest within " in line or " has the best " in line)
        for each in (ran, again)
    ]
    assert why[0] == why[1]
    assert looks(RunStore(noisy / "bridgework")) == looks(RunStore(folder / "bridgework"))


@pytest.mark.parametrize(
    ("study", "overrides", "sentence"),
    [
        ("nothing", [], "no study 'nothing'"),
        ("select-weights", [], "needs a search"),
        ("search-weights", ["optim.epochs=3"], "optim.epochs=3: a selection keeps"),
    ],
)
def test_what_cannot_be_selected_is_one_sentence(selected, study, overrides, sentence):
    with pytest.raises(BridgeworkError, match=re.escape(sentence)):
        select_from(Console(), SelectionSettings(study), selected[0] / "bridgework", overrides)


@pytest.mark.parametrize("name", ["top", "seeds"])
def test_numbers_below_one_are_refused(name):
    with pytest.raises(BridgeworkError, match=f"--{name} must be at least 1"):
        SelectionSettings("search-weights", **{name: 0})


def test_margin_and_preferred_metric_are_checked_and_are_part_of_the_command():
    with pytest.raises(BridgeworkError, match=r"number of standard errors, at least 0 .*got -1"):
        SelectionSettings("search-weights", margin=-1)
    with pytest.raises(BridgeworkError, match="--prefer uarr: no such metric"):
        SelectionSettings("search-weights", prefer="uarr")
    asked = SelectionSettings("s", margin=0.5, prefer="ccc.valence")
    assert asked.command == "ser select s --top 5 --seeds 3 --margin 0.5 --prefer ccc.valence"


def test_another_metric_decides_without_a_new_search(selected, tmp_path):
    shutil.copytree(selected[0], tmp_path / "other")
    ran = ser(tmp_path / "other", "select", *WORDS, "--prefer", "ccc.valence", "--margin", "0")
    assert (ran.code, ran.err) == (0, "")
    assert " has the best CCC valence " in ran.out and "gain in" in ran.out
    tested = load_study(RunStore(tmp_path / "other" / "bridgework"), "selected-weights")
    assert tested.primary == "ccc.valence" and "--prefer ccc.valence" in tested.command


@pytest.mark.slow
def test_nested_selection_searches_every_fold_for_itself(selected, tmp_path):
    shutil.copytree(selected[0], tmp_path / "nested")
    folder = tmp_path / "nested"
    ran = ser(folder, "select", "search-weights", "--nested")
    assert ran.code == 0 and all(line.startswith("note: space weights does not vary") for line in ran.err.splitlines())
    store = RunStore(folder / "bridgework")
    scores = Scores(store, Goal())
    procedure = load_study(store, "nested-weights").trials[1]
    assert [key.fold for key in procedure.keys] == [1, 2, 3, 4]
    for number in range(1, 5):
        own = load_study(store, f"search-weights-fold-{number:02d}")
        assert {key.fold for trial in own.trials for key in trial.keys} == {number}
        best = max(own.trials, key=lambda trial: scores.means(trial) or (0.0,))
        assert best.keys[0] == procedure.keys[number - 1]
    assert "The table evaluates the procedure" in " ".join(ran.out.split())
    assert ser(folder, "select", *WORDS).code == 0
    (page,) = (folder / "bridgework" / "studies").glob("selected-weights-*/report.html")
    assert "nested: the search repeated in each fold" in page.read_text()
    again = ser(folder, "select", "search-weights", "--nested")
    assert again.code == 0


def test_as_given_stands_on_the_system_that_the_space_sets(tmp_path):
    """Overrides of the user may belong to that system; without it neither these nor protocol=paper compose."""
    base = ["protocol=paper", "model.fusion.heads=2", f"run.store={tmp_path}"]
    search = StudyRecord("search-mmer2023-0", "search", "search-mmer2023", "Which?", "uar", base, [], "ser search mmer2023")
    given = given_overrides(search, RunStore(tmp_path))
    assert given == [*base, "system=mmer2023"] and compose(given).folds.name == "loso"
    plain = StudyRecord("search-weights-0", "search", "search-weights", "Which?", "uar", base[2:], [], "ser search weights")
    assert given_overrides(plain, RunStore(tmp_path)) == base[2:]
