"""Records travel whole, once and unread: the receiver ends with the same files, whatever the bundle's size."""

import io
import os
import subprocess
import sys
import tarfile

import pytest

from cluster.submit.bundle import contents, pack, unpack
from cluster.submit.send import home_sentence, receive_all, received, sent_text
from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError
from tests.cluster.submit.conftest import files, fill
from tests.shared_material import ROOT


def without_database(store):
    return {name: content for name, content in files(store).items() if name != "mlflow.db"}


@pytest.mark.parametrize("limit", [1, 5000, 10**9])
def test_a_store_arrives_whole_in_bundles_of_any_size(filled, tmp_path, limit):
    home, asked = RunStore(tmp_path / "home"), []

    def ask(have):
        asked.append(have)
        return f"noise\n{sent_text(pack(filled, {have[at : at + 10] for at in range(0, len(have), 10)}, limit))}more noise\n"

    arrived = receive_all(home, ask)
    assert (arrived.records, arrived.studies) == (3, {"fusion-123456"})
    assert files(home) == without_database(filled)
    assert len(asked) == {1: 5, 5000: 2, 10**9: 1}[limit]
    assert receive_all(home, ask).records == 0
    assert "ser report fusion-123456" in home_sentence(arrived, home.folder)


def test_the_sending_program_prints_what_is_missing(filled, tmp_path):
    home = RunStore(tmp_path / "home")

    def ask(have):
        command = [sys.executable, "-m", "cluster.submit.send", str(filled.folder), *([have] if have else [])]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout

    assert receive_all(home, ask).records == 3
    assert received(ask("".join(contents(home).values()))).content == b""


def test_what_is_there_is_kept_and_a_later_study_replaces_an_earlier_one(filled, tmp_path):
    home = fill(tmp_path / "home")
    mine = files(home)
    table = filled.folder / "studies/fusion-123456/table.md"
    table.write_text("later")
    os.utime(table, (2e9, 2e9))
    (filled.folder / "looks.jsonl").write_text('{"when": "now"}\n{"when": "later"}\n')
    assert unpack(pack(filled).content, home).records == 0
    assert files(home) == {
        **mine,
        "studies/fusion-123456/table.md": b"later",
        "looks.jsonl": b'{"when": "now"}\n{"when": "later"}\n',
    }


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "folds/a/b/fold-01/../../evil", "folds/a/b/fold-01/evil.py/x", "mlflow.db"]
)
def test_other_files_are_refused(tmp_path, name):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:xz") as tar:
        tar.addfile(tarfile.TarInfo(name))
    with pytest.raises(RecordError, match="nothing was unpacked"):
        unpack(target.getvalue(), RunStore(tmp_path))
    assert not list(tmp_path.iterdir())


def test_links_are_refused(tmp_path):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:xz") as tar:
        entry = tarfile.TarInfo("studies/a/study.json")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(entry)
    with pytest.raises(RecordError, match="nothing was unpacked"):
        unpack(target.getvalue(), RunStore(tmp_path))


def test_damage_on_the_way_is_noticed(filled, tmp_path):
    content, home = pack(filled).content, RunStore(tmp_path / "home")
    for damaged in (content[: len(content) // 2], content[:200] + b"x" + content[201:], b"nothing"):
        with pytest.raises(RecordError, match="damaged"):
            unpack(damaged, home)
    assert not home.folder.exists()
    text = sent_text(pack(filled))
    with pytest.raises(RecordError, match="SHA-256"):
        received(text.replace(text.splitlines()[3], text.splitlines()[2]))
    with pytest.raises(RecordError, match="No module named cluster"):
        received("python: No module named cluster\n")
