"""An archive holds whole records only: copying is safe to repeat, and nothing half-written is taken for a record."""

import os
import socket
import subprocess
import urllib.request

import pytest

from cluster.submit.archive import check_url, download, upload
from ser_core.cross_validation.records import RunStore
from ser_core.errors import BridgeworkError, RecordError, SettingError
from tests.cluster.conftest import until
from tests.cluster.submit.conftest import files, fill
from tests.cluster.submit.other_tools import TOOLS, needs


def answers(address):
    try:
        with urllib.request.urlopen(address):
            return True
    except OSError:
        return False


@pytest.fixture
def bucket(monkeypatch):
    """A bucket of a real object server on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        [TOOLS / "moto_server", "-p", str(port)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as server:
        try:
            until(lambda: answers(address), 30, "moto")
            urllib.request.urlopen(urllib.request.Request(f"{address}/lab", method="PUT")).close()
            for name, value in {"ENDPOINT_URL": address, "ACCESS_KEY_ID": "me", "SECRET_ACCESS_KEY": "hidden-word"}.items():
                monkeypatch.setenv(f"AWS_{name}", value)
            yield "s3://lab/studies"
        finally:
            server.kill()


@pytest.fixture(params=["folder", pytest.param("bucket", marks=needs("moto_server"))])
def url(request, tmp_path):
    return f"file://{tmp_path}/archive" if request.param == "folder" else request.getfixturevalue("bucket")


def test_a_study_comes_back_from_an_archive(filled, tmp_path, url):
    assert upload(filled, "fusion", url) == 5
    assert upload(filled, "fusion", url) == 0
    home = RunStore(tmp_path / "home")
    arrived = download(url, home)
    assert (arrived.records, arrived.studies) == (3, {"fusion-123456"})
    assert files(home) == {name: content for name, content in files(filled).items() if name != "mlflow.db"}
    assert download(url, home).records == 0
    fill(tmp_path / "more", folds=5)
    assert upload(RunStore(tmp_path / "more"), "all", url) >= 2
    assert download(url, home).records == 2


def test_a_partial_object_is_no_record(filled, tmp_path):
    url, archive = f"file://{tmp_path}/archive", tmp_path / "archive"
    upload(filled, "all", url)
    (object_,) = archive.glob("folds/*/*/fold-02.tar.xz")
    object_.with_name(".fold-09.tar.xz.half").write_bytes(b"half")
    object_.write_bytes(object_.read_bytes()[:-40])
    home = RunStore(tmp_path / "home")
    with pytest.raises(RecordError, match=r"fold-02.tar.xz: .* delete this object"):
        download(url, home)
    assert not list(home.folder.glob("folds/*/*/fold-02"))
    object_.unlink()
    assert upload(filled, "all", url) == 1
    assert download(url, home).records == 2


@pytest.mark.parametrize("url", ["s3://key:secret@bucket/x", "s3://bucket/x?secret_key=s", "http://host/x", "bucket", "s3://"])
def test_addresses_with_credentials_and_others_are_refused(url):
    with pytest.raises(SettingError) as refused:
        check_url(url)
    assert "secret@" not in str(refused.value) and "=s" not in str(refused.value)


def test_an_archive_that_does_not_answer_is_named(filled, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "hidden-word")
    with pytest.raises(BridgeworkError, match="check its address") as refused:
        upload(filled, "all", "s3://lab/x")
    assert "hidden-word" not in str(refused.value) and "\n" not in str(refused.value)
    with pytest.raises(RecordError, match="holds no records"):
        download(f"file://{tmp_path}/nothing", RunStore(tmp_path))


def test_a_file_without_rights_is_no_traceback(filled):
    if not os.getuid():
        pytest.skip("root may write everywhere")
    with pytest.raises(RecordError):
        upload(filled, "all", "file:///proc/archive")
