"""Packs records and studies of a store into one compressed archive, and unpacks them into another store.

    bundle = tar.xz of   folds/<fingerprint>/<split>/fold-03/{record.json, predictions-dev.parquet, test.json, ...}
                         studies/<id>/{study.json, table.md, report.html, ...}
                         looks.jsonl  looks/<tested set>.json
Sealed test files are copied as files; nothing here looks into them. A record that the receiver has is kept, and of a study the
later version. MLflow's database does not travel: it is rebuilt from records.
"""

import dataclasses
import hashlib
import io
import lzma
import os
import re
import tarfile
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path

from cluster.looks.ledger import LEDGER, SETS, merge_looks
from ser_core.cross_validation.records import FILES, FoldKey, RunStore, SealedRecord
from ser_core.errors import RecordError

LIMIT = 32 * 2**20
"""Bytes of files after which a bundle ends; the rest follows in the next one."""
RECORD = re.compile(r"folds/([0-9a-zA-Z]+)/([0-9a-zA-Z_-]+)/fold-(\d+)/([a-z.-]+)")
STUDY = re.compile(r"studies/([\w-]+)/([\w-][\w.-]*)")
LOOKS = LEDGER
"""The ledger of looks travels with its tested sets."""
TESTED = re.compile(rf"{SETS}/([0-9a-f]+)\.json")
DIGITS = 10
"""Hexadecimal digits by which the receiver names what it has."""


@dataclasses.dataclass(frozen=True)
class Bundle:
    """Some of what the receiver lacks."""

    content: bytes
    """A tar.xz; b"" when the receiver has everything."""
    more: bool
    """Whether further bundles follow."""


@dataclasses.dataclass
class Arrived:
    """What came home."""

    records: int = 0
    """Records that were written. Records that were there already do not count."""
    studies: set[str] = dataclasses.field(default_factory=set)
    """Ids of the studies that were written."""

    def __iadd__(self, other: "Arrived") -> "Arrived":
        self.records += other.records
        self.studies |= other.studies
        return self


def record_places(store: RunStore) -> Iterator[str]:
    """Yields the places of all complete records, relative to the store, in a fixed order."""
    for file in sorted(store.folder.glob("folds/*/*/fold-*/record.json")):
        if all((file.parent / name).exists() for name in FILES):
            yield str(file.parent.relative_to(store.folder))


def study_places(store: RunStore) -> Iterator[str]:
    """Yields the places of all studies, relative to the store."""
    for file in sorted(store.folder.glob("studies/*/study.json")):
        yield str(file.parent.relative_to(store.folder))


def contents(store: RunStore) -> dict[str, str]:
    """Returns every place that can travel, with a digest that changes when the receiver should get it again."""
    found = {place: _digest(place) for place in record_places(store)}
    if (store.folder / LOOKS).exists():
        found[LOOKS] = _digest((store.folder / LOOKS).read_text())
    for place in study_places(store):
        files = _files(store, place)
        if files:
            # Whole seconds, which survive a tar.
            found[place] = _digest("\n".join(f"{name} {file.stat().st_size} {int(file.stat().st_mtime)}" for name, file in files))
    return found


def pack(store: RunStore, have: Collection[str] = (), limit: int = LIMIT) -> Bundle:
    """Packs what is in the store and not among the digests `have`, studies first, up to a limit of bytes."""
    known = set(have)
    missing = sorted((place for place, digest in contents(store).items() if digest not in known), reverse=True)
    chosen, size = list[str](), 0
    while missing and size < limit:
        chosen.append(missing.pop(0))
        size += sum(file.stat().st_size for _, file in _files(store, chosen[-1]))
    return Bundle(pack_places(store, chosen) if chosen else b"", bool(missing))


def pack_places(store: RunStore, places: Collection[str]) -> bytes:
    """Packs these records and studies into a tar.xz."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:xz", preset=1) as tar:
        for place in places:
            for name, file in _files(store, place):
                entry = tarfile.TarInfo(name)
                content = file.read_bytes()
                entry.size, entry.mtime, entry.mode = len(content), int(file.stat().st_mtime), 0o644
                tar.addfile(entry, io.BytesIO(content))
    return target.getvalue()


def unpack(content: bytes, store: RunStore) -> Arrived:
    """Writes the records and studies of a bundle into a store, each of them completely or not at all.

    Raises RecordError for a damaged bundle and for entries that are no part of a record or a study.
    """
    arrived, files = Arrived(), dict[str, tuple[bytes, int]]()
    try:
        # All of it, since a tar reader does not notice when only the end is missing.
        with tarfile.open(fileobj=io.BytesIO(lzma.decompress(content)), mode="r:") as tar:
            for entry in tar:
                known = entry.name == LOOKS or any(each.fullmatch(entry.name) for each in (RECORD, STUDY, TESTED))
                if not (entry.isfile() and known):
                    raise RecordError(
                        f"what arrived contains {entry.name!r}, which belongs to no record or study; nothing was unpacked"
                    )
                source = tar.extractfile(entry)
                assert source
                files[entry.name] = (source.read(), int(entry.mtime))
    except (tarfile.TarError, lzma.LZMAError, EOFError, ValueError) as error:
        raise RecordError(f"the records arrived damaged ({error}); repeat the command") from error
    arrived.records = _receive_records(store, files)
    arrived.studies = _receive_studies(store, files)
    for name, (content, changed) in files.items():
        if TESTED.fullmatch(name) and not (store.folder / name).exists():
            (store.folder / SETS).mkdir(parents=True, exist_ok=True)
            _write(store.folder / name, content, changed)
    if LOOKS in files:
        merge_looks(store, files[LOOKS][0])
    return arrived


def copy(source: RunStore, target: RunStore) -> Arrived:
    """Copies what a store lacks from another one on this machine, bundle by bundle."""
    arrived, more = Arrived(), True
    while more:
        bundle = pack(source, contents(target).values())
        more = bundle.more
        if bundle.content:
            arrived += unpack(bundle.content, target)
    return arrived


def _receive_records(store: RunStore, files: dict[str, tuple[bytes, int]]) -> int:
    records: dict[FoldKey, dict[str, bytes]] = {}
    for name, (content, _) in files.items():
        if found := RECORD.fullmatch(name):
            records.setdefault(FoldKey(found[1], found[2], int(found[3])), {})[found[4]] = content
    new = [key for key in records if key not in store]
    for key in new:
        store.receive(SealedRecord(key, records[key]))
    return len(new)


def _receive_studies(store: RunStore, files: dict[str, tuple[bytes, int]]) -> set[str]:
    studies: dict[str, dict[str, tuple[bytes, int]]] = {}
    for name, content in files.items():
        if found := STUDY.fullmatch(name):
            studies.setdefault(found[1], {})[found[2]] = content
    written = set()
    for study, parts in studies.items():
        folder = store.folder / "studies" / study
        # study.json last: a study without it does not exist for any reader.
        for name, (content, changed) in sorted(parts.items(), key=lambda part: part[0] == "study.json"):
            file = folder / name
            if not file.exists() or int(file.stat().st_mtime) < changed:
                folder.mkdir(parents=True, exist_ok=True)
                _write(file, content, changed)
                written.add(study)
    return written


def _write(file: Path, content: bytes, changed: int) -> None:
    """Writes a file atomically, with this time of change, by which later versions are known."""
    draft = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    draft.write_bytes(content)
    os.utime(draft, (changed, changed))
    draft.replace(file)


def _files(store: RunStore, place: str) -> list[tuple[str, Path]]:
    """Returns the files of a record, of a study, or the ledger of looks, with their names in the bundle."""
    folder = store.folder / place
    if place == LOOKS:
        sets = sorted((store.folder / SETS).glob("[0-9a-f]*.json"))
        return [(place, folder), *((f"{SETS}/{file.name}", file) for file in sets)] if folder.exists() else []
    if place.startswith("folds/"):
        return [(f"{place}/{name}", folder / name) for name in FILES]
    files = sorted(file for file in folder.iterdir() if file.is_file())
    return [(f"{place}/{file.name}", file) for file in files if STUDY.fullmatch(f"{place}/{file.name}")]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
