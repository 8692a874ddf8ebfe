"""The record of a fold: written once per fold and configuration, with its test part sealed in separate files.

<store>/folds/<fingerprint>/<split>/fold-03/
    record.json  predictions-dev.parquet      the only files that search, pruning and early stopping may read
    test.json    predictions-test.parquet     read only by `open_test`, `open_tests` and `open_test_metrics`
A fold also travels between stores: `seal` packs its files as they are, `receive` writes them without reading them.
"""

import dataclasses
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

from ser_core.errors import RecordError

FILES = ("record.json", "predictions-dev.parquet", "test.json", "predictions-test.parquet")
"""Files of a record."""


@dataclasses.dataclass(frozen=True, order=True)
class FoldKey:
    """What identifies a fold: resolved configuration, split and number."""

    fingerprint: str
    split: str
    fold: int

    def __str__(self) -> str:
        return f"{self.fingerprint}/{self.split}/fold-{self.fold:02d}"


@dataclasses.dataclass(frozen=True)
class FoldRecord:
    """One trained fold, as far as any decision may see it. Scores are fractions, times are seconds."""

    key: FoldKey
    seed: int
    held_out: str
    """What the test part holds out, such as "speaker 03"."""
    config: dict[str, Any]
    card: dict[str, Any]
    """Protocol card: corpus counts, label map, licence, content hash, protocol and development rule."""
    sizes: dict[str, int]
    """Utterances in train, dev and test; `parameters` of the model, and `<task>.parameters` that only this task's predictions
    need (older records lack them); `<task>.left_out` if above 0: training utterances with labels that the task could not use
    (for example a transcript longer than the frames allow)."""
    dev: dict[str, float]
    """Development metrics at the chosen epoch, by the names of metrics.METRICS; METRIC@CONDITION under config.conditions."""
    epochs: list[dict[str, float]]
    """Per epoch: losses by task, learning rate, development score; with weighting.monitor also weight.<task>, norm.<task> (of the
    gradient on the trunk, before weighting) and cosine.<task>.<task>, means over steps."""
    chosen_epoch: int
    seconds: float
    skipped: dict[str, str]
    """Utterances left out because of their audio, with the reason; empty unless run.on_bad_audio=skip."""
    environment: dict[str, str]
    """Versions of program and libraries, device."""
    spent: dict[str, float] = dataclasses.field(default_factory=dict)
    """Peak memory_gb and, on a GPU, gpu_memory_gb, gpu_share and gpu_seconds; empty in records older than this measurement."""


@dataclasses.dataclass(frozen=True)
class TestPart:
    """The sealed part: test metrics, test metrics of the baselines, predictions per utterance.

    `predictions` columns: utterance, speaker, gender, emotion.target, emotion.predicted, emotion.p.<class>,
    emotion.v.<class> (shares of votes, if the corpus has them),
    dimensions.<name>.target, dimensions.<name>.predicted (in the corpus's own scale), gender.target, gender.predicted,
    gender.p.<class>, the same three of style, transcript.target, transcript.predicted (spelled in transcript.CHARACTERS).
    A column exists if its task is trained.
    """

    __test__ = False
    key: FoldKey
    metrics: dict[str, float]
    """Named as in metrics.METRICS; METRIC@CONDITION for config.conditions, which leave no predictions."""
    baselines: dict[str, dict[str, float]]
    """Metrics of each baseline in baselines.BASELINES that the corpus allows."""
    predictions: pd.DataFrame


class SealedRecord:
    """The files of a fold on their way from one store to another. Only `RunStore.receive` takes them out, and only once."""

    def __init__(self, key: FoldKey, files: Mapping[str, bytes]) -> None:
        self.key, self._files = key, dict(files)

    @property
    def size(self) -> int:
        """Bytes of all files; 0 after they were taken out."""
        return sum(map(len, self._files.values()))

    def take_files(self) -> dict[str, bytes]:
        """Returns the files and forgets them, so that they occupy no memory wherever else this object is kept."""
        files, self._files = self._files, {}
        return files


class RunStore:
    """Folder of fold records. Any number of processes may read and write it at the same time.

    `on_state(key)` is called after the checkpoint of a fold in training has been saved or deleted.
    """

    def __init__(self, folder: Path | str, on_state: Callable[[FoldKey], None] = lambda key: None) -> None:
        self.folder, self.on_state = Path(folder).absolute(), on_state

    def place(self, key: FoldKey) -> Path:
        return self.folder / f"folds/{key}"

    def state_place(self, key: FoldKey) -> Path:
        """Returns the path of the fold's checkpoint during training."""
        place = self.place(key)
        # Hidden, so that searches for fold-* find only records.
        return place.parent / f".{place.name}.state"

    def __contains__(self, key: FoldKey) -> bool:
        return (self.place(key) / "record.json").exists()

    def of_split(self, split: str) -> list[FoldKey]:
        """Returns the keys of every recorded fold of a split, for all configurations."""
        places = (file.parent for file in self.folder.glob(f"folds/*/{split}/fold-*/record.json"))
        return sorted(FoldKey(place.parents[1].name, split, int(place.name.removeprefix("fold-"))) for place in places)

    def load(self, key: FoldKey) -> FoldRecord:
        """Reads the development part. Raises RecordError when it is missing or damaged."""
        fields = self._read(self.place(key) / "record.json")
        return FoldRecord(**{**fields, "key": key})

    def dev_predictions(self, key: FoldKey) -> pd.DataFrame:
        """Reads development predictions per utterance, columns as in TestPart."""
        return pd.read_parquet(self.place(key) / "predictions-dev.parquet")

    def open_test(self, key: FoldKey) -> TestPart:
        """Reads the test part. Only reports call this; code that decides never does (tests/test_firewall.py)."""
        return self.open_tests([key])[0]

    def open_tests(self, keys: Sequence[FoldKey]) -> list[TestPart]:
        """Reads the test parts of several folds. It reads their predictions together, which is faster than one by one."""
        fields = [self._read(self.place(key) / "test.json") for key in keys]
        tables = read_together([self.place(key) / "predictions-test.parquet" for key in keys])
        return [
            TestPart(key, each["metrics"], each["baselines"], table)
            for key, each, table in zip(keys, fields, tables, strict=True)
        ]

    def open_test_metrics(self, key: FoldKey) -> dict[str, float]:
        """Reads the test metrics without the predictions. Only what shows results calls this, as for `open_test`."""
        return self._read(self.place(key) / "test.json")["metrics"]

    def write(self, record: FoldRecord, dev_predictions: pd.DataFrame, test: TestPart) -> None:
        """Writes a fold completely or not at all. An existing fold is left unchanged."""
        with self._draft(record.key) as draft:
            fields = {name: value for name, value in dataclasses.asdict(record).items() if name != "key"}
            (draft / "record.json").write_text(json.dumps(fields, indent=1, sort_keys=True))
            (draft / "test.json").write_text(
                json.dumps({"metrics": test.metrics, "baselines": test.baselines}, indent=1, sort_keys=True)
            )
            dev_predictions.to_parquet(draft / "predictions-dev.parquet", index=False)
            test.predictions.to_parquet(draft / "predictions-test.parquet", index=False)

    def seal(self, key: FoldKey) -> SealedRecord:
        """Returns the files of a recorded fold, to be written to another store by `receive`."""
        return SealedRecord(key, {name: (self.place(key) / name).read_bytes() for name in FILES})

    def receive(self, sealed: SealedRecord) -> None:
        """Writes a fold from another store as `write` does. It does not look into the files, so the test part stays sealed.

        Raises RecordError when files are missing, or have other names.
        """
        files = sealed.take_files()
        if set(files) != set(FILES):
            raise RecordError(f"the record of {sealed.key} arrived incomplete; run the study again")
        with self._draft(sealed.key) as draft:
            for name in FILES:
                (draft / name).write_bytes(files[name])

    @contextmanager
    def _draft(self, key: FoldKey) -> Iterator[Path]:
        """Yields a folder for the files of a fold and renames it to the fold's place at the end, unless the fold exists."""
        place = self.place(key)
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.parent / f".{place.name}.{uuid.uuid4().hex}"
        draft.mkdir()
        try:
            yield draft
            for file in draft.iterdir():
                with file.open("rb") as written:
                    # On disk before the rename, so that a power cut never leaves a complete name with empty files.
                    os.fsync(written.fileno())
            # Records are written once: if another process was faster, its record stays.
            if not place.exists():
                draft.rename(place)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def read_state(self, key: FoldKey, most: int) -> bytes:
        """Returns the checkpoint of a fold in training, or b"" if there is none or it has more than `most` bytes."""
        file = self.state_place(key)
        try:
            return file.read_bytes() if file.stat().st_size <= most else b""
        except FileNotFoundError:
            return b""

    def write_state(self, key: FoldKey, content: bytes) -> None:
        """Writes the checkpoint of a fold in training atomically; b"" deletes it."""
        file = self.state_place(key)
        if not content:
            file.unlink(missing_ok=True)
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"{file.name}.{uuid.uuid4().hex}")
        try:
            draft.write_bytes(content)
            draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)

    @contextmanager
    def claim(self, key: FoldKey) -> Iterator[bool]:
        """Holds a lock on the fold against other processes and yields whether it still has to be trained."""
        place = self.place(key)
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(place.parent / f".{place.name}.lock"):
            yield key not in self

    def _read(self, file: Path) -> dict[str, Any]:
        try:
            return json.loads(file.read_bytes())
        except FileNotFoundError:
            raise RecordError(f"no fold record at {file.parent}; run the study that trains it first") from None
        except json.JSONDecodeError as error:
            raise RecordError(f"{file} is damaged ({error}); delete its folder and run the study again") from error


def read_together(files: Sequence[Path]) -> list[pd.DataFrame]:
    """Reads Parquet files as pandas would one by one, but converts files with the same columns together."""
    import pyarrow
    from pyarrow import parquet

    found = [parquet.ParquetFile(pyarrow.BufferReader(file.read_bytes())).read(use_threads=False) for file in files]
    by_schema: dict[pyarrow.Schema, list[int]] = {}
    for place, table in enumerate(found):
        by_schema.setdefault(table.schema.remove_metadata(), []).append(place)
    tables: dict[int, pd.DataFrame] = {}
    for places in by_schema.values():
        joined = pyarrow.concat_tables([found[place] for place in places]).combine_chunks().to_pandas()
        start = 0
        for place in places:
            rows = len(found[place])
            tables[place] = joined.iloc[start : start + rows]
            tables[place].index = pd.RangeIndex(rows)
            start += rows
    return [tables[place] for place in range(len(files))]
