"""Features that nodes compute and pass on are those of one machine, to the last bit. A real Ray in one process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = """
import json, os, sys
from pathlib import Path

os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
import ray
from cluster.transfer.feature_files import FeatureFiles, fetch_features
from cluster.tune import extraction as elsewhere
from cluster.tune.extraction import NodeExtraction
from cluster.tune.fair_share import FairShare
from cluster.tune.resources import Cluster
from ser_core.config.compose import compose
from ser_core.dataset.dataset import load_dataset
from ser_core.feature_store import extraction
from tests.cluster.conftest import SMALL

folder = Path(sys.argv[1])
config = lambda name: compose([*SMALL, f"run.store={folder / name}"])
shards = lambda name: sorted(file.name for file in (folder / name).rglob("shard-*"))


load_dataset(config("alone"))
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
for name in ("nodes", "sent"):
    compute = NodeExtraction(Cluster(address="auto"), folder)
    compute._sends = name == "sent"  # as after a node has not found the files
    with extraction.extracting_with(compute):
        load_dataset(config(name))
def failing(*given):
    raise OSError("no checkpoint")


elsewhere.compute_batch = failing
with extraction.extracting_with(NodeExtraction(Cluster(address="auto"), folder)):
    load_dataset(config("failed"))
files = FeatureFiles(folder / "nodes" / "cache")
listed = files.listed()
for _ in range(2):
    fetch_features(listed, folder / "fetched")
shares = [FairShare("one", 1.0), FairShare("two", 3.0)]
for _ in range(50):
    found = [share.update() for share in shares]
    if found == [0.25, 0.75]:
        break
    ray.wait([share._asked for share in shares if share._asked is not None], num_returns=2, timeout=1)
shares[1].leave()
for _ in range(50):
    if shares[0].update() == 1.0:
        break
    ray.wait([shares[0]._asked], timeout=1)
said = {"found": found, "alone again": shares[0].share}
print(json.dumps({**said, **{name: shards(name) for name in ("alone", "nodes", "sent", "failed", "fetched")}}))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    folder = tmp_path_factory.mktemp("extraction")
    ran = subprocess.run(
        [sys.executable, "-c", RUN, str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "COLUMNS": "300"},
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.count("(OSError: no checkpoint); this machine extracts the rest") == 1
    return json.loads(ran.stdout.splitlines()[-1]), folder


@pytest.mark.parametrize("place", ["nodes", "sent", "failed", "fetched"])
def test_features_are_those_of_one_machine(said, place):
    """The name of a shard is the hash of its bytes."""
    found, folder = said
    assert found["alone"] and found[place] == found["alone"]
    (settings,) = Path(folder, place).rglob("settings.json")
    (expected,) = Path(folder, "alone").rglob("settings.json")
    assert settings.read_bytes() == expected.read_bytes()


def test_studies_share_a_cluster_by_priority(said):
    assert said[0]["found"] == [0.25, 0.75] and said[0]["alone again"] == 1.0
