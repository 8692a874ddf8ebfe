"""`ser ablate` with the real Ray, MLflow and SQLite: what it prints, writes and shows, and that nothing is done twice."""

import collections
import shutil

from filelock import FileLock

from ablations.studies.fusion import COMPARED
from cluster.looks.ledger import looks
from ser_core.cross_validation.records import RunStore
from tests.cluster.conftest import SMALL, records, ser, shown

FOLDS = 4


def table(out: str) -> str:
    """What is printed from the table on, less how many folds were trained."""
    return out[out.index("fusion\nDoes") :].rpartition("\n\n")[0].split("folds trained")[0].rpartition("\n")[0]


def test_a_fresh_study_prints_table_verdicts_and_paths(studied):
    out = studied.first.out
    assert studied.first.code == 0
    assert all(f"\n {name} " in out for name in [*COMPARED, "linear", "majority"])
    assert all(f"\n{name}: " in out for name in COMPARED if name != "concat")
    assert "4 folds x 1 seed are too few to find any difference 80 times in 100" in " ".join(out.split())
    assert f"{len(COMPARED) * FOLDS} folds trained, 0 already recorded" in out
    for line in out.splitlines():
        if line.startswith("report "):
            assert (studied.folder / line.split()[1]).exists()
    assert f"dashboard  ser ui --store {'bridgework'}" in out


def test_a_study_says_nothing_of_its_machinery(studied):
    assert studied.first.err == ""
    assert studied.second.err == ""


def test_a_study_leaves_neither_processes_nor_working_folders(studied):
    assert list((studied.folder / "bridgework" / "ray").iterdir()) == []
    assert not list((studied.folder / "bridgework" / "folds").rglob(".fold-*[!k]"))


def test_mlflow_shows_the_study_its_trials_and_each_fold_once(studied):
    runs = shown(studied.folder)
    assert {run.status for run in runs} == {"FINISHED"}
    kinds = collections.defaultdict(list)
    for run in runs:
        kinds[run.kind].append(run)
    (study,) = kinds["ablation"]
    assert study.parent == ""
    assert len(kinds["trial"]) == 2 * len(COMPARED)
    assert {trial.parent for trial in kinds["trial"]} == {study.id}
    assert collections.Counter(fold.parent for fold in kinds["fold"]) == {trial.id: FOLDS for trial in kinds["trial"]}
    keys = [run.tags["ser.key"].split("/", 3)[3] for run in kinds["fold"]]
    assert sorted(f"bridgework/folds/{key}" for key in keys) == sorted(records(studied.folder))
    assert all(0 <= run.metrics["test.uar"] <= 1 for run in [*kinds["trial"], *kinds["fold"]])


def test_reports_lie_in_the_study_and_in_mlflow(studied):
    (study,) = [run for run in shown(studied.folder) if run.kind == "ablation"]
    store = studied.folder / "bridgework"
    (folder,) = (store / "studies").iterdir()
    for name in ("table.md", "table.csv", "table.tex", "report.html"):
        artifact = store / "artifacts" / study.id / "artifacts" / "report" / name
        assert artifact.read_bytes() == (folder / name).read_bytes() != b""


def test_more_seeds_train_only_the_new(studied):
    new = len(COMPARED) * FOLDS
    assert f"{new} folds trained, {new} already recorded" in studied.second.out
    after = records(studied.folder)
    assert len(after) == 2 * new
    assert studied.before.items() <= after.items()


def test_the_same_command_again_trains_nothing_and_loads_neither_ray_nor_mlflow(studied):
    before, again = records(studied.folder), ser(studied.folder, "ablate", "fusion", *SMALL, "--seeds", "2")
    assert again.code == 0
    assert again.loaded == []
    assert f"0 folds trained, {2 * len(COMPARED) * FOLDS} already recorded" in again.out
    assert table(again.out) == table(studied.second.out)
    assert records(studied.folder) == before
    print(f"a study that is complete took {again.seconds:.1f} s")


def test_report_and_studies_read_the_store_alone(studied):
    report = ser(studied.folder, "report", "fusion")
    assert report.code == 0
    assert report.loaded == []
    assert table(report.out + "\n\n") in studied.second.out
    listed = ser(studied.folder, "studies")
    assert "fusion-" in listed.out
    assert "24/24" in listed.out


def test_a_report_gives_each_metric_a_verdict_under_the_margin_asked_for(studied):
    report = ser(studied.folder, "report", "fusion", "--metric", "wa", "--metric", "ccc.valence", "--margin", "0.5")
    said = " ".join(report.out.split())
    assert report.code == 0
    assert "Verdicts on WA, V, against concat" in said and said.count("bridge, V ") == 2
    assert "two one-sided tests against a margin of 50.0 points and .500. Undecided means that neither is below 0.0125." in said
    refused = ser(studied.folder, "report", "fusion", "--metric", "uarr")
    assert refused.code == 2 and "--metric uarr: no such metric" in refused.err


def test_each_table_has_its_line_and_one_before_its_first_fold_is_shown(studied):
    lines = [look for _, look in looks(RunStore(studied.folder / "bridgework"))][:4]
    assert [look.kind for look in lines] == ["partial", "table", "partial", "table"]
    assert len({look.tested for look in lines}) == 1
    assert lines[1].configurations == lines[0].configurations and lines[3].configurations == lines[2].configurations
    assert [look.metrics for look in lines] == [[], ["uar", "ccc.valence", "ccc.arousal", "ccc.dominance"]] * 2
    assert "this is look 2" not in studied.first.out and "this is look 2" in " ".join(studied.second.out.split())


def test_a_study_that_another_process_trains_is_left_alone(studied, tmp_path):
    shutil.copytree(studied.folder / "bridgework", tmp_path / "bridgework")
    shutil.rmtree(next((tmp_path / "bridgework" / "folds").glob("*/*/fold-02")))
    (folder,) = (tmp_path / "bridgework" / "studies").iterdir()
    with FileLock(folder / ".lock"):
        refused = ser(tmp_path, "ablate", "fusion", *SMALL, "--seeds", "2")
    assert refused.code == 2
    assert "another `ser` process is training" in refused.err
    assert "ray" not in refused.loaded


def test_one_configuration_runs_without_ray_and_finds_the_folds_of_the_study(studied):
    ran = ser(studied.folder, "run", *SMALL, "model.fusion=bridge", "run.store=bridgework")
    assert ran.code == 0
    assert "0 folds trained, 4 already recorded" in ran.out
    assert "ray" not in ran.loaded
