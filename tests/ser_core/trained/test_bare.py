"""A model in use imports nothing that only studies need, and the group `predict` of pyproject.toml is what it needs."""

import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from cluster.models.mlflow_model import NEEDS
from ser_core.dataset.dataset import Dataset
from tests.conftest import Configure
from tests.ser_core.trained.made import untrained
from tests.shared_material import ROOT

STUDIES = {
    *("ray", "optuna", "cmaes", "mlflow", "hydra", "omegaconf", "psycopg", "fastapi", "uvicorn", "typer"),
    *("cluster", "ablations", "search_spaces", "espeakng_loader", "audformat", "audmetric", "autorank", "torchjd", "matplotlib"),
}
PROGRAM = """
import sys
from ser_core.trained import load
print(load(sys.argv[1])(sys.argv[2], sys.argv[3]).emotion)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_nothing_that_only_studies_need_is_imported(configure: Configure, inputs: Dataset, tmp_path: Path) -> None:
    one = inputs.corpus.table.iloc[0]
    call = [sys.executable, "-c", PROGRAM, str(untrained(configure(), tmp_path / "model", dataset=inputs)), one.file, one.text]
    said = subprocess.run(call, capture_output=True, text=True, check=True, cwd=ROOT).stdout.splitlines()
    assert said[0] in ("anger", "happiness", "neutral", "sadness")
    assert not STUDIES.intersection(said[1].split())


def test_mlflow_notes_the_same_packages_as_the_group() -> None:
    group = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["predict"]
    assert [Requirement(line).name for line in group] == list(NEEDS)
