"""Three machines without a shared folder train one study; one is lost, one has other files, and the records are the same."""

import contextlib
import re
import shutil
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pytest

from tests.cluster.conftest import PROGRAM, SMALL, Ran, ended, records, until
from tests.cluster.machines import Machine, machines, why_not
from tests.cluster.tune.test_home import assert_same_folds
from tests.shared_material import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")]
JOINED = ("cluster.address=10.77.0.1:6379", "cluster.workers=2")
STUDY = ("ablate", "fusion", *SMALL, "--seeds", "2")


@contextlib.contextmanager
def driver_on(head: Machine, folder: Path, *words: str):
    """`ser` on the head machine."""
    with head.popen([sys.executable, "-c", PROGRAM, *words], cwd=str(folder)) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def folder():
    """The driver's folder: not under /tmp, which every machine has for itself."""
    made = Path(tempfile.mkdtemp(prefix="ser-test-", dir="/var/tmp"))
    yield made
    shutil.rmtree(made)


def test_machines_that_share_nothing_train_one_study(folder, studied):
    with machines([folder], [(), ()]) as (head, *workers):
        with driver_on(head, folder, *STUDY, *JOINED) as driver:
            ran: Ran = ended(driver, 500)
        assert ran.code == 0, ran.err
        assert_same_folds(folder, studied.folder)
        assert [each.files("/tmp/ser-scratch-*") for each in workers] == [[], []]


def test_a_machine_that_is_lost_costs_no_fold(folder, studied):
    with machines([folder], [(), ()]) as (head, one, _):
        with driver_on(head, folder, *STUDY, *JOINED) as driver:
            until(lambda: len(records(folder)) >= 3 or driver.poll() is not None, 300, "3 folds")
            assert one.files("/tmp/ser-scratch-*"), "it trains"
            one.kill_processes()
            ran = ended(driver, 500)
        assert ran.code == 0, ran.err
        assert_same_folds(folder, studied.folder)


OTHER_VERSION = [
    "mkdir /tmp/other",
    f"cp -r {ROOT}/ser_core /tmp/other",
    "echo '# changed' >> /tmp/other/ser_core/losses.py",
    f"mount --bind /tmp/other/ser_core {ROOT}/ser_core",
]


@pytest.fixture
def texts(studied):
    """A folder with the texts of the corpus, one column for each utterance."""
    tables = [pd.read_parquet(studied.folder / place / "predictions-test.parquet") for place in records(studied.folder)]
    utterances = sorted(set(pd.concat(tables)["utterance"]))
    made = Path(tempfile.mkdtemp(prefix="ser-texts-", dir="/var/tmp"))
    table = pd.DataFrame({"utterance": utterances, "text": [f"words of {number}" for number in range(len(utterances))]})
    table.to_csv(made / "texts.csv", index=False)
    yield made
    shutil.rmtree(made)


def study_of(texts: Path) -> list[str]:
    small = [word for word in SMALL if not word.startswith("model.width")]
    corpus = ["corpus.text=column", f"corpus.text_file={texts}/texts.csv"]
    return ["ablate", "--factor", "model.width=16,17", *small, *corpus, "--seeds", "1"]


def test_a_machine_that_differs_is_left_out_by_name(folder, texts):
    without_texts = [f"mount -t tmpfs tmpfs {texts}"]
    words = [*study_of(texts), "cluster.address=10.77.0.1:6379", "cluster.retries=0"]
    with machines([folder], [OTHER_VERSION, without_texts, ()]) as (head, *_), driver_on(head, folder, *words) as driver:
        ran = ended(driver, 500)
    assert ran.code == 0, ran.err
    assert len(records(folder)) == 8
    left_out = [line for line in ran.err.splitlines() if "is left out" in line]
    assert len(left_out) == 2
    assert re.match(r"note: node machine1 \(10.77.0.2\) is left out: its source files of Bridgework differ \(hash", left_out[0])
    assert left_out[1].startswith("note: node machine2 (10.77.0.3) is left out: ")
    assert "texts.csv" in left_out[1]


def test_a_study_without_a_machine_that_can_train_it_ends_with_a_sentence(folder, texts):
    setups, words = [OTHER_VERSION, [f"mount -t tmpfs tmpfs {texts}"]], [*study_of(texts), "cluster.address=10.77.0.1:6379"]
    with machines([folder], setups) as (head, *_), driver_on(head, folder, *words) as driver:
        ran = ended(driver, 500)
    assert ran.code == 2
    assert records(folder) == {}
    *_, last = ran.err.splitlines()
    assert "no node of the cluster can train this study. Node machine2 (10.77.0.3): " in last
    assert "Traceback" not in ran.err
