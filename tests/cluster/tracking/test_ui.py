"""`ser ui` with the real MLflow server: it answers on loopback alone, and stops with all its processes."""

import signal
import socket
import urllib.error
import urllib.request

import psutil
import pytest

from tests.cluster.conftest import ended, ser, started, until


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port, path="/"):
    """What the server says, or None while it does not."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as page:
            return page.read().decode()
    except (urllib.error.URLError, ConnectionError):
        return None


@pytest.mark.parametrize("stop", [signal.SIGTERM])
def test_the_dashboard_answers_on_loopback_and_stops_cleanly(studied, port, stop):
    with started(studied.folder, "ui", "--port", str(port)) as process:
        until(lambda: answers(port) or process.poll() is not None, 120, "the dashboard")
        assert "MLflow" in answers(port)
        tree = psutil.Process(process.pid).children(recursive=True)
        listening = {end.laddr.ip for each in tree for end in each.net_connections() if end.status == psutil.CONN_LISTEN}
        assert listening == {"127.0.0.1"}
        process.send_signal(stop)
        ran = ended(process, 30)
    assert ran.code == 0
    assert f"http://127.0.0.1:{port}" in ran.out
    assert not any(each.is_running() for each in tree)
    assert sorted(each.name for each in studied.folder.iterdir()) == ["bridgework"]


def test_a_port_in_use_is_refused(studied):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = ser(studied.folder, "ui", "--port", str(taken.getsockname()[1]))
    assert ran.code == 2
    assert "choose another" in ran.err
