"""An archive in an object store or a folder: one object per record, named by the record's path, so copying is safe to repeat.

    s3://bucket/path/folds/<fingerprint>/<split>/fold-03.tar.xz      the four files of a record, test part sealed
    s3://bucket/path/studies/<id>.tar.xz                             study.json, tables and report
    s3://bucket/path/looks-<hash>.tar.xz                          which test scores were shown
Also gs:// and file://. Endpoint and credentials come from the environment (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, ...).
An object exists completely or not at all. One that is damaged is refused and names itself; it is never taken for a record.
"""

import contextlib
import os
import posixpath
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cluster.study_record import load_study
from cluster.submit.bundle import LOOKS, Arrived, contents, pack_places, record_places, study_places, unpack
from ser_core.cross_validation.records import FoldKey, RunStore
from ser_core.errors import RecordError, SettingError

SCHEMES = ("s3", "gs", "file")
SUFFIX = ".tar.xz"
EVERYTHING = "all"
"""The word for all studies and records of a store."""


def check_url(url: str) -> str:
    """Returns the address of an archive. Raises SettingError for other schemes and for addresses with credentials."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or not (parts.netloc + parts.path).strip("/"):
        shown = f"{parts.scheme}://" * bool(parts.scheme) + parts.netloc.rpartition("@")[2] + parts.path  # without credentials
        raise SettingError(f"an archive is s3://BUCKET/PATH, gs://BUCKET/PATH or file:///PATH; got {shown or repr(url)}")
    if parts.scheme == "file" and parts.netloc:
        raise SettingError(f"{url}: a folder as an archive has three slashes, file:///{parts.netloc}{parts.path}")
    if "@" in parts.netloc or any("key" in name or "token" in name for name in parse_qs(parts.query)):
        raise SettingError("the archive's address holds a credential; put it into the environment (AWS_ACCESS_KEY_ID, ...)")
    return url


def upload(store: RunStore, wanted: str, url: str) -> int:
    """Copies a study and its records, or `all`, into the archive, without what is there. Returns how many objects were new."""
    with _archive(url) as (system, root):
        places = _wanted(store, wanted)
        there = _objects(system, root)
        new = [place for place in places if not _is_current(store, place, there.get(place + SUFFIX))]
        for place in new:
            content = pack_places(store, [LOOKS if place.startswith("looks-") else place])
            _write(system, f"{root}/{place}{SUFFIX}", content)
    return len(new)


def download(url: str, store: RunStore) -> Arrived:
    """Copies all records and studies that the store lacks out of the archive. Raises RecordError when it is empty."""
    arrived = Arrived()
    with _archive(url) as (system, root):
        there = _objects(system, root)
        if not there:
            raise RecordError(f"the archive {url} holds no records; check its address, or fill it with: ser archive STUDY {url}")
        # Records first, so that a study never comes before what it needs.
        for name, changed in sorted(there.items()):
            place = name.removesuffix(SUFFIX)
            if _is_current(store, place, changed, home=True):
                continue
            with system.open_input_stream(f"{root}/{name}", compression=None) as source:
                content = source.read()
            try:
                arrived += unpack(content, store)
            except RecordError as error:
                raise RecordError(f"{url}/{name}: {error}; if it stays, delete this object and archive its study again") from None
    return arrived


def _wanted(store: RunStore, wanted: str) -> list[str]:
    looks = [f"looks-{digest}" for place, digest in contents(store).items() if place == LOOKS]
    if wanted == EVERYTHING:
        found = [*record_places(store), *study_places(store), *looks]
        if not found:
            raise RecordError(f"{store.folder} holds no records yet; name the store to be archived with --store")
        return found
    study = load_study(store, wanted)
    records = {f"folds/{key}" for key in study.keys}
    return [*(place for place in record_places(store) if place in records), f"studies/{study.id}", *looks]


def _is_current(store: RunStore, place: str, archived: float | None, home: bool = False) -> bool:
    """Whether an object need not be copied: a record that is there, a study that is there and not older."""
    folder = store.folder / place
    if place.startswith("folds/"):
        return _key(place) in store if home else archived is not None
    if place.startswith("looks-"):
        return not home and archived is not None
    if not folder.exists():
        return False
    changed = max((file.stat().st_mtime for file in folder.iterdir()), default=0.0)
    # Object stores know whole seconds only. Copying a study once too often does no harm: `unpack` compares times.
    return False if home else archived is not None and int(archived) > int(changed)


def _key(place: str) -> FoldKey:
    _, fingerprint, split, fold = place.split("/")
    return FoldKey(fingerprint, split, int(fold.removeprefix("fold-")))


def _objects(system: Any, root: str) -> dict[str, float]:
    """Returns the names of all records and studies below the archive's root, with the time at which they were written."""
    from pyarrow.fs import FileSelector, FileType

    found = system.get_file_info(FileSelector(root, allow_not_found=True, recursive=True))
    return {
        posixpath.relpath(each.path, root): each.mtime.timestamp() if each.mtime else 0.0
        for each in found
        if each.type == FileType.File and each.path.endswith(SUFFIX) and not each.base_name.startswith(".")
    }


def _write(system: Any, path: str, content: bytes) -> None:
    """Writes an object. A file gets its name when it is complete; an object store shows an object only when it is complete."""
    from pyarrow.fs import LocalFileSystem

    if not isinstance(system, LocalFileSystem):
        with system.open_output_stream(path, compression=None) as target:
            target.write(content)
        return
    folder, name = posixpath.split(path)
    draft = f"{folder}/.{name}.{uuid.uuid4().hex}"
    system.create_dir(folder, recursive=True)
    with system.open_output_stream(draft, compression=None) as target:
        target.write(content)
    system.move(draft, path)


@contextlib.contextmanager
def _archive(url: str) -> Iterator[tuple[Any, str]]:
    """Yields the file system and the path of an archive. Its errors become one sentence."""
    from pyarrow import ArrowException, fs

    parts = urlsplit(check_url(url))
    try:
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        if parts.scheme == "s3" and endpoint:  # Arrow ignores these variables (apache/arrow #49643)
            server = urlsplit(endpoint)
            region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
            yield (
                fs.S3FileSystem(endpoint_override=server.netloc, scheme=server.scheme, region=region),
                (f"{parts.netloc}{parts.path}".rstrip("/")),
            )
        else:
            system, root = fs.FileSystem.from_uri(url)
            yield system, root.rstrip("/")
    except (OSError, ArrowException) as error:
        reason = " ".join(str(error).split()).partition(" Detail: [")[0][:300]
        remedy = "check its address, AWS_ENDPOINT_URL, and the credentials in the environment"
        if parts.scheme == "file":
            remedy = "check the path, your permissions and the free space"
        raise RecordError(f"the archive {url} failed ({reason}); {remedy}") from error
