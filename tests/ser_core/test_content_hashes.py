"""Content hashes: the right ones, remembered, and taken again when a file changes."""

import hashlib
import json
import os
import threading
from pathlib import Path

import pytest

from ser_core import content_hashes as contents
from ser_core.content_hashes import content_hashes, file_hash, joint_hash


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    (tmp_path / "data").mkdir()
    places = [tmp_path / "data" / f"{number}.bin" for number in range(5)]
    for number, place in enumerate(places):
        place.write_bytes(bytes([number]) * 1000)
    return places


def test_hashes_are_sha256_of_the_bytes(files: list[Path], tmp_path: Path) -> None:
    hashes = content_hashes(files, tmp_path / "cache")
    for file in files:
        assert hashes[str(file)] == hashlib.sha256(file.read_bytes()).hexdigest()[:32]


def test_what_is_decoded_anew_hashes_anew(files: list[Path], tmp_path: Path) -> None:
    """Features of MP3s that an earlier edition cut in silence are not found again."""
    files[0].write_bytes(b"ID3\x03\0")
    assert file_hash(files[0]) != hashlib.sha256(files[0].read_bytes()).hexdigest()[:32]
    state = files[0].stat()
    (tmp_path / "contents.json").write_text(json.dumps({str(files[0]): [state.st_size, state.st_mtime_ns, "of before"]}))
    assert content_hashes(files, tmp_path)[str(files[0])] == file_hash(files[0])


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    places = [str(tmp_path / name) for name in ("pipe.wav", "gone.wav", "a\0.wav", "a" * 300, ".")]
    assert content_hashes(places, tmp_path) == dict.fromkeys(places, "")


def test_the_second_run_reads_nothing(files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = content_hashes(files, tmp_path / "cache")
    monkeypatch.setattr(contents, "file_hash", lambda file: pytest.fail(f"{file} is read again"))
    written = (tmp_path / "cache" / "contents.json").stat().st_mtime_ns
    assert content_hashes(files, tmp_path / "cache") == first
    assert (tmp_path / "cache" / "contents.json").stat().st_mtime_ns == written


def test_a_changed_file_is_read_again_and_only_that_one(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content_hashes(files, tmp_path / "cache")
    files[2].write_bytes(b"other" * 200)
    read: list[str] = []
    monkeypatch.setattr(contents, "file_hash", lambda file: read.append(str(file)) or file_hash(file))
    after = content_hashes(files, tmp_path / "cache")
    assert read == [str(files[2])]
    assert [name for name in before if before[name] != after[name]] == [str(files[2])]


def test_what_cannot_be_read_has_no_hash_and_is_not_remembered(files: list[Path], tmp_path: Path) -> None:
    absent = tmp_path / "data" / "absent.bin"
    assert content_hashes([absent, files[0]], tmp_path / "cache")[str(absent)] == ""
    absent.write_bytes(b"here now")
    assert content_hashes([absent], tmp_path / "cache")[str(absent)] == file_hash(absent)


@pytest.mark.parametrize("damage", ["", "{", "[1, 2]", "\x00" * 10])
def test_a_damaged_memory_is_made_again(files: list[Path], tmp_path: Path, damage: str) -> None:
    expected = content_hashes(files, tmp_path / "cache")
    (tmp_path / "cache" / "contents.json").write_text(damage)
    assert content_hashes(files, tmp_path / "cache") == expected


def test_many_may_write_at_once(files: list[Path], tmp_path: Path) -> None:
    threads = [threading.Thread(target=content_hashes, args=([file], tmp_path / "cache")) for file in files * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert content_hashes(files, tmp_path / "cache") == {str(file): file_hash(file) for file in files}
    assert [place.name for place in (tmp_path / "cache").iterdir()] == ["contents.json"]


def test_the_joint_hash_knows_contents_and_no_order() -> None:
    assert joint_hash(["a", "b", "c"]) == joint_hash(iter(["c", "a", "b"]))
    assert len({joint_hash([]), joint_hash(["a"]), joint_hash(["a", "a"]), joint_hash(["aa"])}) == 4
