"""Models in use from the command line: train, export, predict, evaluate, serve."""

import contextlib
import csv
import json
import os
import socket
import stat
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import uvicorn
from typer.testing import CliRunner

from cluster.cli.main import app
from cluster.models.serve import application, check_port, token_for
from ser_core.config.compose import compose
from ser_core.errors import BridgeworkError, SettingError
from ser_core.trained import load
from ser_core.trained.emotion_model import Utterance
from tests.cluster.models.damaged import STRANGE, damage

SMALL = ("corpus.speakers=4", "corpus.sentences=6", "model.width=16", "optim.epochs=2", "optim.refit=false")


def ser(*words, fails=""):
    """What a command prints on its standard output; with `fails`, the sentence of its error must contain that."""
    ran = CliRunner().invoke(app, [str(word) for word in words])
    if fails:
        assert isinstance(ran.exception, BridgeworkError), ran.output
        assert fails in str(ran.exception)
    else:
        assert ran.exit_code == 0, ran.output + repr(ran.exception)
    return ran.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory, spoken_store):
    """A store with a trained model, its key, some files of its corpus with their texts, and what `ser train` printed."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "cache").symlink_to(spoken_store / "cache")
    words = ("train", *SMALL, f"run.store={folder}", "--members", "2", "model.masking=utterance", "tasks.gender.weight=0.1")
    said = ser(*words)
    (place,) = (folder / "models").iterdir()
    corpus = compose([*SMALL[:2], f"run.store={folder}"]).corpus.read(folder / "cache")
    table = corpus.table[["file", "text"]].head(6)
    table.to_csv(folder / "texts.csv", index=False)
    return folder, place, table, said, words


def test_train_says_what_comes_next_and_trains_nothing_twice(trained):
    folder, place, _, said, words = trained
    assert f"ser predict {place} FILES" in said and "trained on everyone" in said
    before = (place / "member-0.safetensors").stat().st_mtime_ns
    again = ser(*words)
    assert "already trained" in again and "0 folds trained, 4 already recorded" in again
    assert (place / "member-0.safetensors").stat().st_mtime_ns == before
    assert place.name in ser("models", "--store", folder)
    ser("train", *SMALL, "--members", "0", fails="--members must be at least 1")


def test_an_exported_folder_stands_alone_and_answers_the_same(trained, tmp_path):
    folder, place, table, _, _ = trained
    ser("export", place.name[:6], tmp_path / "out", "--store", folder)
    card = (tmp_path / "out" / "README.md").read_text()
    for part in (
        "## What to expect",
        "| UAR |",
        "95 % interval",
        "Corpus demo: Apache-2.0",
        "inferring emotions at the workplace",
    ):
        assert part in card
    assert str(folder) not in card + (tmp_path / "out" / "model.json").read_text()
    one, other = (load(place) for place in (place, tmp_path / "out"))
    row = table.iloc[0]
    assert one(row.file, row.text) == other(row.file, row.text)
    ser("export", place, tmp_path / "out", fails="exists already")
    ser("export", "nothing", tmp_path / "new", "--store", folder, fails="there is no model nothing")


def test_no_pickle_is_in_what_mlflow_keeps(trained):
    """`ser train` has logged the model to MLflow. tests/cluster/models/test_mlflow_model.py loads it back (slow)."""
    folder, _, _, said, _ = trained
    assert "in MLflow  models:/m-" in said
    [inside] = (folder / "artifacts" / "models").iterdir()
    files = [file for file in inside.rglob("*") if file.is_file()]
    assert {"MLmodel", "mlflow_predictor.py", "member-0.safetensors", "model.json", "emotion_model.py"} <= {f.name for f in files}
    assert not [
        file for file in files if file.suffix in (".pkl", ".pickle", ".pt", ".pth", ".bin") or file.read_bytes()[:1] == b"\x80"
    ]
    assert str(folder.resolve()) not in "".join(
        file.read_text() for file in files if file.suffix in (".json", ".md", ".py", ".txt")
    )


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet", "audformat"])
def test_predictions_in_every_format(trained, tmp_path, form):
    folder, place, table, _, _ = trained
    target = tmp_path / f"found.{form}"
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"nothing")
    files = [*table["file"], str(bad)]
    words = ("predict", place, *files, "--transcripts", folder / "texts.csv", "--to", target)
    ran = CliRunner().invoke(app, [str(word) for word in words])
    assert ran.exit_code == 0, ran.output
    assert f"left out {bad}: has no text" in ran.stderr and "6 predicted, 1 left out" in ran.stderr
    if form == "parquet":
        rows = pd.read_parquet(target).to_dict("records")
    elif form == "jsonl":
        rows = [json.loads(line) for line in target.read_text().splitlines()]
    else:
        rows = list(csv.DictReader(target.read_text().splitlines()))
    assert [row["file"] for row in rows] == table["file"].tolist()
    assert {"emotion", "p.anger", "valence", "gender", "uncertainty", "spread", "start", "end"} <= set(rows[0])
    if form == "audformat":
        assert rows[0]["start"] == "0 days 00:00:00.000000" and rows[0]["end"] > rows[0]["start"]


def test_tables_folders_windows_and_standard_input(trained, tmp_path, monkeypatch):
    folder, place, table, _, _ = trained
    by_table = ser("predict", place, folder / "texts.csv").splitlines()
    hidden = ser("predict", place, Path(table["file"][0]).parent, "--speech-only").splitlines()
    assert len(by_table) == 6 and len(hidden) >= 6
    ran = CliRunner().invoke(app, ["predict", str(place), "-", "--speech-only"], input="\n".join(table["file"]))
    assert [json.loads(line)["file"] for line in ran.stdout.splitlines()] == table["file"].tolist()
    ran = CliRunner().invoke(app, ["predict", str(place), table["file"][0], "--speech-only", "--window", "0.5", "--hop", "0.25"])
    ends = [json.loads(line)["end"] for line in ran.stdout.splitlines()]
    assert len(ends) > 2 and ends == sorted(ends)
    for words, sentence in (
        ((table["file"][0],), "there are no texts"),
        ((tmp_path, "--speech-only"), "holds no audio"),
        ((folder / "texts.csv", "--text-column", "words"), "has no column words"),
        ((table["file"][0], "--speech-only", "--window", "1", "--hop", "2"), "the hop at most the window"),
        ((table["file"][0], "--speech-only", "--format", "xml"), "choose from jsonl, csv, parquet, audformat"),
        ((table["file"][0], "--transcripts", tmp_path / "no.csv"), "does not exist"),
    ):
        ser("predict", place, *words, fails=sentence)


def test_evaluating_on_another_corpus(trained, tmp_path):
    folder, place, _, _, _ = trained
    words = ("evaluate", place, "corpus=demo", *SMALL[:2], f"run.store={folder}")
    said = ser(*words, "--to", tmp_path / "all.csv")
    assert "tested on demo: 96 utterances" in said and "trained on demo itself" in said
    with_interval = {line.rpartition("[")[0].strip().rpartition(" ")[0].strip() for line in said.splitlines() if "[" in line}
    assert {"UAR", "WA", "macro-F1", "CCC valence"} <= with_interval
    assert len(pd.read_csv(tmp_path / "all.csv")) == 96
    ser("evaluate", place, fails="needs a corpus")
    ser("evaluate", place, "corpus=demo", "--map", "anger", fails="write LABEL=CLASS")


def test_answers_come_from_shared_classes(trained, tmp_path):
    """One label is renamed away, so three classes are shared. Independent reference: renormalised rows of the free answers."""
    folder, place, _, _, _ = trained
    words = ("evaluate", place, "corpus=demo", *SMALL[:2], f"run.store={folder}", "--map", "anger=fury")
    said = ser(*words, "--to", tmp_path / "shared.csv")
    assert "left out: 24 (label fury is no class of the model)" in said
    assert "the 3 classes that model and corpus share (happiness, neutral, sadness)" in said
    free = ser(*words, "--all-classes", "--to", tmp_path / "free.csv")
    uar = next(line.split()[1] for line in free.splitlines() if line.strip().startswith("UAR "))
    assert f"With all 4 classes of the model UAR is {uar} (--all-classes)" in said and "share (" not in free
    shared, whole = (pd.read_csv(tmp_path / name, keep_default_na=False) for name in ("shared.csv", "free.csv"))
    columns = [f"emotion.p.{name}" for name in ("happiness", "neutral", "sadness")]
    expected = whole[columns].div(whole[columns].sum(axis=1), axis=0)
    assert np.allclose(shared[columns], expected) and "emotion.p.anger" not in shared
    assert shared["emotion.predicted"].tolist() == [name.rpartition(".")[2] for name in expected.idxmax(axis=1)]
    away = [f"--map={label}=x{label}" for label in ("anger", "happiness", "neutral")]
    ran = CliRunner().invoke(app, [*map(str, words[:-2]), *away])
    assert ran.exit_code == 0 and "CCC valence" in ran.stdout  # one class is left, but dimensions can be scored


def test_an_evaluation_is_kept_and_counts_as_a_look(trained):
    folder, place, _, _, _ = trained
    words = ("evaluate", place, "corpus=demo", *SMALL[:2], f"run.store={folder}", "--map", "anger=rage")
    first, lines = ser(*words), (folder / "looks.jsonl").read_text().splitlines()
    assert "Looks: " in first
    again = ser(*words)
    assert again == first and (folder / "looks.jsonl").read_text().splitlines() == lines
    assert sum("ser evaluate" in line for line in lines) >= 1


def test_a_matrix_of_corpora_trains_nothing_twice_and_variants_are_compared(trained, tmp_path):
    folder, _, _, _, _ = trained
    whole, on = compose([*SMALL[:2], f"run.store={folder}"]).corpus.read(folder / "cache").table, list[str]()
    for title, part in (("a", whole.iloc[::2]), ("b", whole.iloc[1::2])):
        part[["file", "speaker", "gender", "emotion", "text"]].to_csv(tmp_path / f"{title}.csv", index=False)
        on.append(f"--on=corpus=table corpus.title={title} corpus.path={tmp_path}/{title}.csv")
    small = (*SMALL[2:], f"run.store={tmp_path}", *on)
    said = ser("cross", "model.fusion=concat", *small)
    assert "trained on the corpus of the row" in said and "a to b: 4 shared classes" in said
    (matrix,) = (tmp_path / "studies").glob("cross-*")
    rows = list(csv.DictReader((matrix / "table.csv").read_text().splitlines()))
    assert [(row["trained_on"], row["tested_on"]) for row in rows] == [("a", "b"), ("b", "a")]
    models = sorted((tmp_path / "models").iterdir())
    assert "0 folds trained" in ser("cross", "model.fusion=concat", *small) and sorted((tmp_path / "models").iterdir()) == models
    ser("cross", "model.width=8", *small[1:])
    other = next(place.name for place in (tmp_path / "studies").glob("cross-*") if place != matrix)
    ser("across", matrix.name, other, "--store", tmp_path, fails="name them apart")
    compared = ser("across", f"wide={matrix.name}", f"narrow={other}", "--store", tmp_path)
    assert "a to b" in compared and "difference from wide" in compared and "optimistic" in compared
    ser("across", matrix.name, "run-1", "--store", tmp_path, fails="compare either ablations or evaluations")
    ser("cross", on[0], fails="at least two corpora")
    ser("cross", "corpus=demo", *on, fails="takes corpora by --on only")
    ser("cross", on[0], "--on=folds=kfold", fails="must choose one corpus")


@contextlib.contextmanager
def serving(made):
    """Runs an application on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(made, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield port
    server.should_exit = True
    thread.join()


@pytest.fixture
def service(trained):
    """The model behind a real server, once open and once with a token: functions that send a request."""
    _, place, _, _, _ = trained
    with contextlib.ExitStack() as open_servers:
        ports = [open_servers.enter_context(serving(application(load(place), token, largest_mb=0.2))) for token in ("", "secret")]
        yield [lambda path, body=None, key="", port=port: request(f"http://127.0.0.1:{port}{path}", body, key) for port in ports]


def request(address, body, key):
    """Status and content of an answer."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    asked = urllib.request.Request(address, data=body, headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_a_service_answers_as_the_model_does(trained, service):
    _, place, table, _, _ = trained
    row, (send, closed) = table.iloc[0], service
    status, found = send(f"/predict?text={urllib.request.quote(row.text)}", Path(row.file).read_bytes())
    assert status == 200 and found["emotion"] == load(place)(row.file, row.text).emotion
    assert send("/model")[1]["classes"] == ["anger", "happiness", "neutral", "sadness"]
    assert "/predict" in send("/openapi.json")[1]["paths"]
    for path, body, code, sentence in (
        ("/predict?text=a", b"no audio", 422, "not"),
        ("/predict?text=a", b"", 422, "the body is empty"),
        ("/predict", b"x", 422, "add ?text="),
        ("/predict?text=a", b"x" * 300_000, 413, "more than 0.2 MB"),
    ):
        status, found = send(path, body)
        assert status == code and sentence in str(found), found
    assert closed("/model")[0] == 401 and closed("/model", key="secret")[0] == 200
    assert closed("/predict?text=a", b"x", key="wrong")[0] == 401


@pytest.mark.parametrize(("seconds", "sent", "code"), [(0.3, b"x", 408), (1e-4, b"x" * 1000, 503)])
def test_a_service_waits_neither_for_a_slow_client_nor_for_a_slow_answer(trained, seconds, sent, code):
    """The first client stops in the middle of its recording. The second sends all of it, but no answer is that fast."""
    _, place, _, _, _ = trained
    with serving(application(load(place).without_text(), seconds=seconds)) as port:
        head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            client.sendall(head + sent)
            assert client.recv(4096).split()[1] in (str(code).encode(), *([b"408"] if code == 503 else []))


def test_a_service_beyond_loopback_has_a_token(tmp_path, monkeypatch):
    """From a file or the environment, because every user of a machine sees its command lines."""
    monkeypatch.delenv("SER_SERVE_TOKEN", raising=False)
    file = tmp_path / "token"
    file.write_text("mine\n")
    assert token_for("127.0.0.1") == ("", False) and token_for("127.0.0.1", file) == ("mine", False)
    made, new = token_for("0.0.0.0")
    assert len(made) > 30 and new and token_for("0.0.0.0", file) == ("mine", False)
    monkeypatch.setenv("SER_SERVE_TOKEN", "theirs")
    assert token_for("0.0.0.0") == ("theirs", False) and token_for("0.0.0.0", file) == ("mine", False)
    file.write_text("")
    for bad, sentence in ((file, "is empty"), (tmp_path / "none", "cannot be read")):
        with pytest.raises(SettingError, match=sentence):
            token_for("0.0.0.0", bad)
    assert "--token " not in CliRunner().invoke(app, ["serve", "--help"]).stdout
    with pytest.raises(SettingError, match="--port must be"):
        check_port("127.0.0.1", 70000)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SettingError, match="cannot listen on 127"):
        check_port("127.0.0.1", taken.getsockname()[1])


def test_a_kept_fold_model_answers_as_its_record(trained, tmp_path):
    folder, _, _, _, _ = trained
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "cache").symlink_to((folder / "cache").resolve())
    ser("run", *SMALL, f"run.store={tmp_path / 'store'}", "run.keep_models=true")
    kept = sorted((tmp_path / "store" / "models" / "folds").glob("*/*/fold-*"))
    records = sorted((tmp_path / "store" / "folds").glob("*/*/fold-*"))
    assert [place.parts[-3:] for place in kept] == [place.parts[-3:] for place in records]
    tested = pd.read_parquet(records[0] / "predictions-test.parquet")
    model, corpus = load(kept[0]), compose([*SMALL[:2], f"run.store={folder}"]).corpus.read(folder / "cache")
    rows = corpus.table.set_index("utterance").loc[tested["utterance"]]
    asked = [Utterance(*row) for row in rows[["file", "start", "end", "text"]].itertuples(index=False)]
    [found] = model.tables(model._features(asked)[0])
    pd.testing.assert_frame_equal(found, tested[list(found)], check_exact=True)


def test_200_damaged_files_are_named_and_end_nothing(trained, tmp_path):
    damaged = [str(place) for place in damage(tmp_path / "files", 200)]
    good = str(tmp_path / "sounds" / "a.wav")
    files = [*damaged, good]
    ran = CliRunner().invoke(app, ["predict", str(trained[1]), "-", "--speech-only"], input="\n".join(files))
    assert ran.exit_code == 0, repr(ran.exception)
    told = [line.removeprefix("left out ") for line in ran.stderr.splitlines() if line.startswith("left out ")]
    answered = [json.loads(line)["file"] for line in ran.stdout.splitlines()]
    named = [next(file for file in files if line.startswith(f"{file}: ")) for line in told]
    assert sorted([*named, *answered]) == sorted(files) and good in answered
    assert {str(tmp_path / "files" / name) for name in STRANGE} <= set(named)
    assert all(len(line.partition(": ")[2]) > 5 for line in told) and "Traceback" not in ran.stderr
    # What is still a sound after the damage may be predicted; random bytes, text and nothing are none.
    assert len(named) > 75 and f"{len(answered)} predicted, {len(named)} left out" in ran.stderr


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("latin.csv", "file,text\nf\xfcr.wav,gr\xfcn\n".encode("latin-1"), "is not in UTF-8"),
        ("bad.parquet", b"PAR1 nothing", "cannot be read as a table"),
    ],
)
def test_a_damaged_table_is_told(trained, tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    ser("predict", trained[1], tmp_path / name, fails=sentence)
    ser("predict", trained[1], trained[2]["file"][0], "--transcripts", tmp_path / name, fails=sentence)


def test_a_target_that_is_no_file_is_written_to_and_never_replaced(trained, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    read = list[str]()
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()), daemon=True)
    reader.start()
    words = ("predict", trained[1], trained[2]["file"][0], "--speech-only", "--to")
    ser(*words, tmp_path / "pipe", "--format", "csv")
    reader.join(timeout=30)
    assert read[0].startswith("file,start,end,emotion") and stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    ser(*words, tmp_path / "pipe", "--format", "parquet", fails="Parquet needs one")
    ser(*words, "/proc/x.csv", fails="cannot be written")
