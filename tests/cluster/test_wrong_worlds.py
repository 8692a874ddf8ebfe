"""A cluster that is not as the driver expects costs one sentence within a minute, and the study goes on where it can.

Differences in source and texts are in test_machines.py. Here: labels, a missing corpus, another PyTorch, tokens, addresses, a
lost head. Each test prints the seconds until its sentence came.
"""

import contextlib
import importlib.metadata
import os
import re
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from ser_core.config.compose import compose
from tests.cluster.conftest import PROGRAM, SMALL, records, until
from tests.cluster.machines import Machine, machines, network, why_not

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")]
HEAD = "10.77.0.1:6379"
STUDY = ("ablate", "--factor", "model.width=16,17", *(word for word in SMALL if "width" not in word), "--seeds", "1")
LONG = tuple(word.replace("optim.epochs=2", "optim.epochs=60") for word in STUDY)
NO_TOKEN = {"RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": ""}


class Driver:
    """`ser` on a machine; remembers when it printed each line of its errors."""

    def __init__(self, machine: Machine, folder: Path, *words: str, **environment: str) -> None:
        command = [sys.executable, "-c", PROGRAM, *words]
        self.process = machine.popen(command, cwd=str(folder), env={"HOME": str(folder), **environment})
        self.began, self.lines, self.out = time.monotonic(), list[tuple[float, str]](), ""
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_errors, self._read_output)]
        for reader in self._readers:
            reader.start()

    def _read_errors(self) -> None:
        for line in self.process.stderr or ():
            if not line.startswith("LOADED "):
                self.lines.append((time.monotonic() - self.began, line.rstrip()))

    def _read_output(self) -> None:
        self.out = self.process.stdout.read() if self.process.stdout else ""

    def end(self, seconds: float = 400) -> int:
        try:
            return self.process.wait(seconds)
        finally:
            self.process.kill()
            for reader in self._readers:
                reader.join(10)
            for pipe in filter(None, (self.process.stdout, self.process.stderr)):
                pipe.close()


@pytest.fixture
def tell(capsys):
    """Checks that a driver has printed one sentence that matches, and nothing else; prints how long that took."""

    def check(world: str, driver: Driver, *sentences: str, since: float = 0.0) -> None:
        found = [next(((when, line) for when, line in driver.lines if re.search(each, line)), None) for each in sentences]
        assert all(found), driver.lines
        assert len(driver.lines) == len(sentences), driver.lines
        seconds = [when - since for when, _ in filter(None, found)]
        with capsys.disabled():
            print(f"\n{world}: {', '.join(f'{each:.0f} s' for each in seconds)}; " + "; ".join(line for _, line in driver.lines))
        # A busy machine needs longer for the start of each process.
        assert max(seconds) < 60 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))

    return check


@pytest.fixture(scope="module")
def corpus(spoken_store):
    """The demo corpus as a table with its recordings: not under /tmp, which every machine has for itself."""
    made = Path(tempfile.mkdtemp(prefix="ser-corpus-", dir="/var/tmp"))
    table = compose([*SMALL, f"run.store={spoken_store}"]).corpus.read(spoken_store / "cache").table
    table = table[["utterance", "file", "speaker", "gender", "emotion", "text"]].copy()
    table["file"] = [shutil.copy(file, made / f"{number}{Path(file).suffix}") for number, file in enumerate(table["file"])]
    table.to_csv(made / "table.csv", index=False)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def homes(spoken_store):
    """Makes folders for drivers, with the features of the demo corpus."""
    made: list[Path] = []

    def make() -> Path:
        made.append(Path(tempfile.mkdtemp(prefix="ser-test-", dir="/var/tmp")))
        shutil.copytree(spoken_store / "cache", made[-1] / "bridgework" / "cache")
        return made[-1]

    yield make
    for folder in made:
        shutil.rmtree(folder)


def other_labels(corpus: Path) -> list[str]:
    """A machine on which one utterance has another emotion."""
    changed = f"sed '2s/,anger,/,happiness,/' {corpus}/table.csv >/tmp/table.csv"
    return [changed, f"mount --bind /tmp/table.csv {corpus}/table.csv"]


def other_torch() -> list[str]:
    """A machine with an older PyTorch, as far as its version tells."""
    place = importlib.metadata.distribution("torch").locate_file("")
    (found,) = Path(str(place)).glob("torch-*.dist-info")
    copied = [f"cp -r {found} /tmp/torch", "sed -i 's/^Version: .*/Version: 2.4.0/' /tmp/torch/METADATA"]
    return [*copied, f"mount --bind /tmp/torch {found}"]


def test_machines_that_differ_are_named_and_the_others_train(homes, corpus, tell):
    folder, small = homes(), [word for word in SMALL if not word.startswith(("corpus", "model.width"))]
    words = ["ablate", "--factor", "model.width=16,17", "corpus=table", f"corpus.path={corpus}/table.csv", *small, "--seeds", "1"]
    setups = [other_labels(corpus), [f"mount -t tmpfs tmpfs {corpus}"], other_torch(), ()]
    with machines([folder], setups) as (head, *_):
        driver = Driver(head, folder, *words, f"cluster.address={HEAD}", "cluster.retries=0")
        code = driver.end()
    assert code == 0, driver.lines
    assert len(records(folder)) == 8
    tell(
        "three of four machines differ",
        driver,
        r"node machine1 \(10.77.0.2\) is left out: .*its corpus has the hash .*give all nodes the same corpus",
        r"node machine2 \(10.77.0.3\) is left out: .*table.csv",
        r"node machine3 \(10.77.0.4\) is left out: it has PyTorch 2.4.0, the driver has .*; install the same environment",
    )


def test_a_cluster_without_tokens_is_used_with_a_warning(homes, tell):
    folder = homes()
    with network(1), contextlib.closing(Machine(0)) as head:
        head.start_ray(env=NO_TOKEN)
        driver = Driver(head, folder, *STUDY, f"cluster.address={HEAD}", **NO_TOKEN)
        assert driver.end() == 2, "its head has no cores"
    tell("cluster without tokens", driver, "note: the cluster at .* asks for no token", "error: .*a trial asks for 1 cores")


@pytest.fixture(scope="module")
def cluster(homes):
    """A head and one machine, and a folder that every test uses anew."""
    folder = homes()
    with machines([folder], [()]) as (head, _):
        yield head, folder


@pytest.mark.parametrize(
    ("world", "address", "environment", "sentence"),
    [
        ("no token", HEAD, NO_TOKEN, "give the cluster's token by RAY_AUTH_TOKEN_PATH"),
        ("token mode without a token", HEAD, {"RAY_AUTH_TOKEN": ""}, "token"),
        ("wrong token", HEAD, {"RAY_AUTH_TOKEN": "e" * 64}, "give the cluster's token by RAY_AUTH_TOKEN_PATH"),
        ("wrong address", "10.77.0.77:6379", {}, "could not join Ray there .* give its address as HOST:6379"),
        ("wrong port", "10.77.0.1:6380", {}, r"could not join Ray there \(\[Errno 111\] Connection refused\)"),
        ("unknown name", "nohost.invalid:6379", {}, "could not join Ray there .* give its address as HOST:6379"),
    ],
)
def test_a_cluster_that_cannot_be_joined_is_named(cluster, tell, world, address, environment, sentence):
    head, folder = cluster
    driver = Driver(head, folder, *STUDY, f"cluster.address={address}", **environment)
    assert driver.end() == 2
    tell(world, driver, f"error: cluster.address={re.escape(address)}: .*{sentence}")
    assert records(folder) == {}


def test_a_head_that_is_lost_ends_the_study_with_a_sentence_and_keeps_its_records(cluster, tell):
    head, folder = cluster
    driver = Driver(head, folder, *LONG, f"cluster.address={HEAD}")
    until(lambda: len(records(folder)) >= 2 or driver.process.poll() is not None, 400, "two folds")
    before, killed = records(folder), time.monotonic() - driver.began
    for pid in head.pids():
        with contextlib.suppress(OSError):
            if "gcs_server" in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, 9)
    assert driver.end() == 1
    tell("head lost", driver, "the head of the cluster at .* has not answered for .* s. Records are kept: .*repeat", since=killed)
    assert before.items() <= records(folder).items()
