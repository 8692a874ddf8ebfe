"""Three machines without a shared folder train one study; one is lost, one has other files, and the records are the same."""

import contextlib
import sys
from pathlib import Path

import pytest

from tests.cluster.conftest import PROGRAM, SMALL, Ran, ended, records, until
from tests.cluster.machines import Machine, machines, why_not
from tests.cluster.tune.test_home import assert_same_folds

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
    import shutil
    import tempfile

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
