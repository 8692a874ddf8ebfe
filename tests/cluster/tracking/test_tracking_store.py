"""MLflow's database is made whole or not at all, by one of several processes; when it is gone or damaged, that is noticed."""

import subprocess
import sys

import pytest

from cluster.tracking.tracking_store import as_sentence, open_client, store_exists, tracking_uri
from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError
from tests.cluster.postgres import database, serving
from tests.shared_material import ROOT

OPEN = """
import sys
from cluster.tracking.tracking_store import open_client
print(len(open_client(sys.argv[1]).search_experiments()))
"""


def start(uri):
    return subprocess.Popen(
        [sys.executable, "-c", OPEN, uri], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_processes_that_need_it_at_once_make_it_once(tmp_path):
    """A draft of a process that was killed lies there too, and is cleared away."""
    (tmp_path / ".mlflow.db.draft-0").write_bytes(b"half")
    uri = tracking_uri(RunStore(tmp_path), "")
    assert not store_exists(uri)
    processes = [start(uri) for _ in range(3)]
    said = [process.communicate(timeout=300) for process in processes]
    assert [out for out, _ in said] == ["1\n"] * 3, said
    assert store_exists(uri) and not list(tmp_path.glob(".mlflow.db.draft-*"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own, of SQLAlchemy
def test_a_damaged_database_is_a_sentence_with_a_remedy(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"this is no database" * 100)
    uri = tracking_uri(RunStore(tmp_path), "")
    with pytest.raises(Exception) as caught:
        open_client(uri).search_experiments()
    said = as_sentence(caught.value, uri)
    assert isinstance(said, RecordError)
    assert "move it away" in str(said) and "the records are intact" in str(said)


def test_a_server_is_taken_to_be_there():
    assert store_exists("http://127.0.0.1:1") and tracking_uri(RunStore("x"), "http://127.0.0.1:1") == "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def postgres():
    with serving() as server, database(server, "empty") as address:
        yield address


def test_processes_that_find_an_empty_postgres_make_its_tables_once(postgres):
    said = [process.communicate(timeout=300) for process in [start(postgres) for _ in range(3)]]
    assert [out for out, _ in said] == ["1\n"] * 3, said
