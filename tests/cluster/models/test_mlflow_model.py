"""`ser train` logs its model to MLflow: typed, without a pickle, and with the same answers. A real SQLite store throughout."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path

import pytest

from cluster.models.mlflow_model import log_model
from ser_core.config.compose import compose
from ser_core.errors import RecordError
from ser_core.trained import load
from ser_core.trained.emotion_model import Utterance
from tests.cluster.models.test_models import SMALL, ser
from tests.conftest import Configure
from tests.ser_core.trained.made import untrained
from tests.shared_material import ROOT

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
PREDICT = """
import json, sys, mlflow, pandas
uri, address, *files = sys.argv[1:]
mlflow.set_tracking_uri(uri)
model = mlflow.pyfunc.load_model(address)
texts = files[len(files) // 2:]
table = pandas.DataFrame({"audio": [open(file, "rb").read() for file in files[:len(files) // 2]], "text": texts})
print(json.dumps({"signature": model.metadata.signature.to_dict(), "answers": model.predict(table).to_dict("records")}))
"""


def python(*words: object) -> str:
    """What a fresh process prints. MLflow warns a lot when it is imported, and tests turn warnings into errors."""
    ran = subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, env=ENVIRONMENT)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def registered(tmp_path_factory, spoken_store):
    """The store, the folder of the model, some utterances, and the address under which `ser train --register` put it."""
    folder = tmp_path_factory.mktemp("registered")
    (folder / "cache").symlink_to(spoken_store / "cache")
    words = ("train", *SMALL, f"run.store={folder}", "--members", "2", "tasks.gender.weight=0.1", "--register", "emotions")
    assert "in MLflow  models:/emotions/1" in ser(*words)
    (place,) = (folder / "models").iterdir()
    table = compose([*SMALL[:2], f"run.store={folder}"]).corpus.read(folder / "cache").table
    (study,) = (file.parent.name for file in (folder / "studies").glob("*/study.json"))
    again = log_model(place, study, f"sqlite:///{folder / 'mlflow.db'}", "emotions")
    assert again == "models:/emotions/1", "a model is registered once"
    return folder, place, table.head(3), again


@pytest.mark.slow
def test_the_same_answers_through_pyfunc_with_a_typed_signature(registered, tmp_path: Path) -> None:
    folder, place, table, address = registered
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no audio")
    files, texts = [*table["file"], bad], [*table["text"], "a"]
    found = json.loads(python("-c", PREDICT, f"sqlite:///{folder / 'mlflow.db'}", address, *files, *texts))
    asked = [Utterance(row.file, text=row.text) for row in table.itertuples()]
    for one, answer in zip(load(place).predict(asked), found["answers"][:3], strict=True):
        assert (answer["emotion"], answer["uncertainty"], answer["spread"]) == (one.emotion, one.uncertainty, one.spread)
        assert {name: answer[f"p.{name}"] for name in one.probabilities} == one.probabilities
        assert {name: answer[name] for name in one.dimensions} == one.dimensions and answer["gender"] == one.others["gender"]
    assert found["answers"][3]["emotion"] == "" and found["answers"][3]["error"]
    read, answered = (json.loads(found["signature"][side]) for side in ("inputs", "outputs"))
    assert [(each["name"], each["type"]) for each in read] == [("audio", "binary"), ("text", "string")]
    assert [each["name"] for each in answered] == list(found["answers"][0])
    assert {each["type"] for each in answered} == {"string", "double"}


def test_what_cannot_be_logged_is_one_sentence(configure: Configure, tmp_path: Path) -> None:
    model = untrained(configure("model.text=none"), tmp_path / "model")
    (tmp_path / "mlflow.db").write_text("no database")
    with pytest.raises(RecordError, match=r"MLflow at sqlite:.* cannot be used"):
        log_model(model, "run-000000", f"sqlite:///{tmp_path / 'mlflow.db'}")


@pytest.mark.slow
def test_mlflows_own_server_answers_a_real_client(registered, free_port: int) -> None:
    folder, place, table, address = registered
    command = ("models", "serve", "-m", address, "--env-manager", "local", "--host", "127.0.0.1", "--port", str(free_port))
    environment = {**ENVIRONMENT, "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}"}
    server = subprocess.Popen([sys.executable, "-m", "mlflow", *command], env=environment, start_new_session=True)
    row = table.iloc[0]
    body = {"dataframe_records": [{"audio": b64encode(Path(row.file).read_bytes()).decode(), "text": row.text}]}
    try:
        answer = ask(free_port, json.dumps(body).encode(), server)
    finally:
        os.killpg(server.pid, 15)
        server.wait()
    one = load(place)(row.file, row.text)
    [found] = answer["predictions"]
    assert found["emotion"] == one.emotion and {name: found[f"p.{name}"] for name in one.probabilities} == one.probabilities


@pytest.fixture
def free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def ask(port: int, body: bytes, server: "subprocess.Popen[bytes]") -> dict:
    """The answer of the server, as soon as it listens."""
    headers = {"Content-Type": "application/json"}
    for _ in range(300):
        assert server.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/invocations", body, headers)) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(error.read().decode()) from None
        except OSError:
            time.sleep(0.5)
    raise AssertionError("the server did not start")
