"""A laptop and a lab's Ray cluster: the study trains there, and all that the laptop reaches is the dashboard."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.cluster.conftest import SMALL, records, until
from tests.cluster.machines import why_not
from tests.cluster.submit.lab import ADDRESS, PATH, THERE, lab, ser_on
from tests.cluster.tune.test_home import assert_same_folds

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")]
STUDY = ("ablate", "fusion", *SMALL, "--seeds", "2")
ON = ("submit", "--on", "ray", "--address", ADDRESS)


@pytest.fixture
def homes():
    """Home folders of the head and of the laptop: not under /tmp, which every machine has for itself."""
    made = [Path(tempfile.mkdtemp(prefix="ser-test-", dir="/var/tmp")) for _ in range(2)]
    yield made
    for folder in made:
        shutil.rmtree(folder)


def name_of(said):
    assert said.code == 0, said.err
    return said.out.split()[1]


def test_a_laptop_submits_follows_and_fetches(homes, studied):
    home, laptop_home = homes
    with lab(home) as (head, _, laptop):
        job = name_of(ser_on(laptop, laptop_home, *ON, *STUDY, *THERE))
        followed = ser_on(laptop, laptop_home, "logs", job, "--follow")
        assert followed.code == 0 and followed.err == ""
        assert "24 folds trained, 0 already recorded" in followed.out
        assert "done" in ser_on(laptop, laptop_home, "jobs").out
        fetched = ser_on(laptop, laptop_home, "fetch", job)
        assert fetched.code == 0, fetched.err
        assert fetched.out.startswith("24 new records and fusion-")
        assert_same_folds(laptop_home, studied.folder, next(home.glob("bridgework-jobs/*")))
        with head.popen(["sh", "-c", "grep -l BEGIN-BRIDGEWORK -r /tmp/ray/session_latest/logs"]) as search:
            assert search.communicate()[0] == "", "records stay in Ray's logs"
        before = records(laptop_home)
        assert ser_on(laptop, laptop_home, "fetch", job).out.startswith("0 new records came")
        assert records(laptop_home) == before
        report = ser_on(laptop, laptop_home, "report", "fusion")
        assert report.code == 0 and "undecided" in report.out
        again = name_of(ser_on(laptop, laptop_home, *ON, *STUDY, *THERE))
        assert again != job
        assert "0 folds trained, 24 already recorded" in ser_on(laptop, laptop_home, "logs", again, "--follow").out
        found = [file for folder in homes for file in folder.rglob("*") if file.is_file() and b"f" * 64 in file.read_bytes()]
        assert not found, "the token is in a file"


def test_a_stopped_job_keeps_its_records_and_can_be_continued(homes):
    home, laptop_home = homes
    with lab(home) as (_, workers, laptop):
        job = name_of(ser_on(laptop, laptop_home, *ON, *STUDY, *THERE))
        place = "bridgework-jobs/*/folds/*/*/fold-*/record.json"
        until(lambda: len(list(home.glob(place))) >= 2, 200, "two folds")
        stopped = ser_on(laptop, laptop_home, "stop", job)
        assert stopped.code == 0, stopped.err
        assert "stopped" in ser_on(laptop, laptop_home, "jobs").out
        said = ser_on(laptop, laptop_home, "logs", job).out
        assert "Traceback" not in said
        assert [each.files("/tmp/ser-scratch-*") for each in workers] == [[], []]
        kept = len(list(home.glob(place)))
        again = name_of(ser_on(laptop, laptop_home, *ON, *STUDY, *THERE))
        said = ser_on(laptop, laptop_home, "logs", again, "--follow").out
        assert f"{24 - kept} folds trained, {kept} already recorded" in said


def test_packages_are_uploaded_to_a_cluster_that_has_only_their_dependencies(homes, monkeypatch):
    home, laptop_home = homes
    monkeypatch.setitem(PATH, "PYTHONPATH", "")
    with lab(home, workers=1) as (_, _, laptop):
        monkeypatch.undo()
        words = [*STUDY[:-1], "1", "submit.upload=true", THERE[1], THERE[0]]
        job = name_of(ser_on(laptop, laptop_home, *ON, *words))
        said = ser_on(laptop, laptop_home, "logs", job, "--follow").out
        assert "12 folds trained" in said
        assert ser_on(laptop, laptop_home, "fetch", job).out.startswith("12 new records")


def test_what_is_wrong_is_said_in_one_sentence(homes):
    home, laptop_home = homes
    with lab(home, workers=0) as (_, _, laptop):
        for address, options, sentence in [
            (ADDRESS, {"token": ""}, "requires a token and this machine has none"),
            (ADDRESS, {"token": "", "mode": "token"}, "requires a token and this machine has none"),
            (ADDRESS, {"token": "e" * 64}, "does not accept this machine's token"),
            ("http://10.77.0.2:8265", {}, "Connection refused"),
            ("http://10.77.0.77:8265", {}, "no dashboard answers at"),
            ("http://10.77.0.1:6379", {}, "its answer is not HTTP"),
        ]:
            said = ser_on(laptop, laptop_home, "submit", "--on", "ray", "--address", address, *STUDY, **options)
            assert said.code == 2
            assert sentence in said.err and len(said.err.splitlines()) == 1, said.err
            assert said.seconds < 40
