"""Ray starts on a busy machine, or says in one sentence why not; nothing of a failed attempt is left but its logs."""

import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from cluster.launch import ray_start
from cluster.launch.ray_start import join, start_with_patience
from ser_core.errors import BridgeworkError
from tests.cluster.test_faults import marked

RUN = '''
import os, sys
from pathlib import Path
from cluster.launch import ray_start
from cluster.tune import session
from cluster.tune.resources import Cluster

os.environ.update({**session.ENVIRONMENT, **session._token()})
from ray._private import services

store, failing = Path(sys.argv[1]), int(sys.argv[2])
attempts, raylet = store / "attempts", store / "raylet"  # dies in the first attempts
raylet.write_text(f"""#!/bin/sh
echo x >> {attempts}
[ $(wc -l < {attempts}) -le {failing} ] && exit 1
exec {services.RAYLET_EXECUTABLE} "$@"
""")
raylet.chmod(0o755)
services.RAYLET_EXECUTABLE = str(raylet)
with session.ray_running(Cluster(workers=1), store):
    import ray

    print(len(ray.nodes()), "node")
'''


def start_ray(store: Path, failing: int) -> subprocess.CompletedProcess[str]:
    """A driver whose raylet dies in as many attempts. Checks that neither a process nor a session folder is left of it."""
    command = [sys.executable, "-c", RUN, str(store), str(failing)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as driver:
        out, err = driver.communicate(timeout=300)
    assert marked(driver.pid) == []
    assert not list(Path(tempfile.gettempdir()).glob(f"ser-{driver.pid}-*"))
    return subprocess.CompletedProcess(command, driver.returncode, out, err)


def test_the_third_attempt_succeeds_and_leaves_nothing(tmp_path):
    ran = start_ray(tmp_path, 2)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "1 node\n"
    assert ran.stderr.count("note: Ray has not started (its raylet process ended at once)") == 2
    assert not list((tmp_path / "ray").glob("*/*"))


AGAIN = """
import os, signal, sys, time
from pathlib import Path
from cluster.tune import session
from cluster.tune.resources import Cluster

signal.signal(signal.SIGTERM, lambda *_: print("handled", flush=True))
with session.ray_running(Cluster(workers=1), Path(sys.argv[1])):
    from ray._private import worker

    end = worker._global_node.kill_all_processes

    def end_under_signal(*given, **named):  # Ray has removed every handler by now
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)
        end(*given, **named)

    worker._global_node.kill_all_processes = end_under_signal
print("ended")
"""


def test_a_sigterm_while_ray_ends_its_processes_does_not_cut_the_end_short(tmp_path):
    ran = subprocess.run([sys.executable, "-c", AGAIN, str(tmp_path)], capture_output=True, text=True, timeout=300)
    assert (ran.returncode, ran.stdout) == (0, "handled\nended\n"), ran.stderr


def test_after_three_attempts_a_sentence_names_the_logs(tmp_path):
    ran = start_ray(tmp_path, 9)
    sentence = ran.stderr.splitlines()[-1]
    assert "Ray has not started in 3 attempts (its raylet process ended at once). The machine has a load of" in sentence
    kept = Path(sentence.rpartition("Ray's logs are in ")[2])
    assert len(list(kept.glob("session_*/gcs_server.out"))) == 3
    assert [folder.name for folder in (tmp_path / "ray").iterdir()] == ["logs"]


def test_each_attempt_is_cleared_and_what_ray_says_is_passed_on(tmp_path, capsys):
    said = iter([Exception("The node timed out. \n trace"), RuntimeError("\n\nFailed to start GCS.  Last 0 lines:\n")])
    cleared = []

    def start():
        for error in said:
            raise error

    (tmp_path / "logs").mkdir()
    start_with_patience(start, lambda: cleared.append(1), tmp_path / "logs")
    assert len(cleared) == 2
    assert not (tmp_path / "logs").exists()
    told = capsys.readouterr().err.splitlines()
    assert [line.split("(")[1].split(")")[0] for line in told] == ["The node timed out", "Failed to start GCS.  Last 0 lines"]


def test_ctrl_c_is_no_failed_attempt():
    def start():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start_with_patience(start, lambda: pytest.fail("cleared"), Path("nowhere"))


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize("address", ["127.0.0.1:{}", "[::1]:{}", "nowhere.invalid:{}"])
def test_an_address_that_does_not_answer_is_named_at_once(address):
    address = address.format(unused_port())
    with pytest.raises(BridgeworkError) as raised:
        join(address, lambda: pytest.fail("Ray was asked, which takes minutes"))
    assert str(raised.value).startswith(f"cluster.address={address}: could not join Ray there (")


def test_what_ray_says_of_a_wrong_address_is_one_sentence(tmp_path):
    command = (
        "import sys; from cluster.tune.session import *; ray_running(Cluster(address='nonsense'), Path(sys.argv[1])).__enter__()"
    )
    ran = subprocess.run([sys.executable, "-c", command, str(tmp_path)], capture_output=True, text=True, timeout=100)
    sentence = ran.stderr.splitlines()[-1].partition(": ")[2]
    assert sentence.startswith("cluster.address=nonsense: could not join Ray there (Invalid address format: nonsense). Start Ray")
    assert not list((tmp_path / "ray").iterdir())


def test_a_head_that_is_lost_ends_the_process_with_one_sentence():
    program = """
import socket, time
from cluster.launch import ray_start
ray_start.LOOK = 0.1
server = socket.create_server(("127.0.0.1", 0))
address = "127.0.0.1:%d" % server.getsockname()[1]
stop = ray_start.watch_head(address, seconds=1)
time.sleep(1.5)
server.close()
time.sleep(60)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50)
    assert ran.returncode == 1
    said = " ".join(ran.stderr.split())
    assert "has not answered for 1 s. Records are kept: start Ray there again and repeat the command" in said


@pytest.mark.parametrize(("mode", "warned"), [("token", False), ("", True)])
def test_a_cluster_without_a_token_is_a_warning(mode, warned, monkeypatch, capsys):
    monkeypatch.setenv("RAY_AUTH_MODE", mode)
    ray_start.warn_without_token("host:6379")
    assert ("asks for no token" in capsys.readouterr().err) == warned
