"""What every form of stored features provides: the steps of each utterance, checked, in the order of the corpus.

    utterances --items--> Stored (where its features lie, and a hash of them) --read--> [time dim] --StoredExtractor--> steps
A vector per utterance is one step. Values stay in single precision, because other tools scale theirs as they like.
"""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from ser_core.encoders.encoder import EncoderOption, average_frames
from ser_core.errors import CorpusError, SettingError
from ser_core.options import at_least, location_field, tolerance_field

TAIL_PARTS = 3
"""Parts of a path that are compared: the file and two folders."""


@dataclasses.dataclass(frozen=True)
class Stored:
    """Features of one utterance. `source` says where they lie, for messages; `content` is a hash of them."""

    utterance: str
    source: str
    content: str
    dim: int
    setting: str
    """Key of the option that names them, for messages."""
    values: np.ndarray | None = None
    """The features, if they are in memory; otherwise `source` is their file."""
    doubt: str = ""

    @property
    def key(self) -> str:
        return self.content

    def read(self, audio: Any = None, minimum_samples: int = 0) -> Float[np.ndarray, "time dim"]:
        """Returns the steps. Raises CorpusError for features of another shape, or that are not finite."""
        return checked(load_array(Path(self.source)) if self.values is None else self.values, self)


class Located(NamedTuple):
    """The stored features of some utterances, in their order, and sentences about their source."""

    items: list[Stored]
    notices: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class StoredFeatures(EncoderOption):
    """Base of the stored features."""

    key: ClassVar[str] = "model.features"
    reads: ClassVar[str] = "stored"
    path: str = location_field("")
    """Where the features lie."""
    dim: int = tolerance_field(0)
    """Numbers per step that the features must have, at least 0; 0 accepts what the first utterance has."""
    stride: int = 1
    """Consecutive steps averaged into one, at least 1; a vector per utterance is a single step."""

    def __post_init__(self) -> None:
        at_least(self, "dim", 0)
        at_least(self, "stride", 1)

    def extractor(self, device: torch.device) -> None:
        """Returns None, because another tool computed the features."""

    def items(self, utterances: pd.DataFrame, cache: Path) -> Located:
        """Returns the features of each utterance, given the columns utterance, file, start and end of a corpus.

        `cache` is a folder that remembers hashes of files. Raises SettingError if there is nothing at `path`, CorpusError for an
        utterance without features.
        """
        raise NotImplementedError

    def need_path(self) -> Path:
        """Returns the path. Raises SettingError if it is empty or leads nowhere."""
        if not self.path:
            raise SettingError(f"{self.key}.path is empty; give the {self.key}={self.name}'s place")  # type: ignore[attr-defined]
        if not Path(self.path).exists():
            raise SettingError(f"{self.key}.path: there is nothing at {self.path}; put the features there or correct the path")
        return Path(self.path)


class StoredExtractor:
    """Turns stored features into steps [time 1 dim]."""

    minimum_samples, side_by_side = 0, True

    def __init__(self, dim: int, stride: int) -> None:
        self.shape, self.stride = (1, dim), stride

    def identity(self) -> dict[str, Any]:
        return {"kind": "stored", "dim": self.shape[1], "stride": self.stride, "dtype": "float32"}

    def __call__(self, items: Sequence[Any]) -> list[Tensor]:
        return [average_frames(torch.from_numpy(steps)[:, None], self.stride) for steps in items]


def tails(path: str) -> list[str]:
    """Returns the last parts of a path without its suffix, the longest first.

    >>> tails("/data/wav/01/anger.flac")
    ['wav/01/anger', '01/anger', 'anger']
    """
    parts = PurePath(path).with_suffix("").parts[-TAIL_PARTS:] if PurePath(path).name else ()
    return ["/".join(parts[first:]) for first in range(len(parts))]


def ends_of(file: str) -> list[str]:
    """Returns the last parts of a file's path with its suffix, as in anger.flac.npy, then without."""
    return [*tails(f"{file}.npy"), *tails(file)]


def names_of(utterances: pd.DataFrame, segments: bool) -> list[list[str]]:
    """Returns the names by which each utterance may be found, the surest first: its own, then the ends of its file's path.

    An end that other files share is no name. With `segments`, utterances within one file share its names; else they have none.
    """
    files, owners = [str(file) for file in utterances["file"]], defaultdict[str, set[str]](set)
    counts = Counter(files)
    for file in counts:
        for tail in ends_of(file):
            owners[tail].add(file)
    found = []
    for name, file in zip(map(str, utterances["utterance"]), files, strict=True):
        ends = [tail for tail in ends_of(file) if len(owners[tail]) == 1] if segments or counts[file] == 1 else []
        found.append([name, *tails(name)[:1], *ends])
    return found


def load_array(file: Path) -> np.ndarray:
    """Returns the array of a .npy file, or of a .npz file with a single one. Raises CorpusError for any other file."""
    try:
        found = np.load(file, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return found
        with found:
            if len(found.files) == 1:
                return found[found.files[0]]
            names = ", ".join(found.files) or "nothing"
    except (OSError, ValueError, EOFError) as error:
        why = str(error).splitlines()[0]
        raise CorpusError(f"{file} cannot be read as an array ({why}); write it again with numpy.save") from error
    raise CorpusError(f"{file} holds {names}; write one array per file with numpy.save")


def checked(values: np.ndarray, item: Stored) -> Float[np.ndarray, "time dim"]:
    """Returns features in single precision with a row per step. Raises CorpusError, with the remedy, for anything else."""
    if values.dtype.kind not in "fiu":
        raise CorpusError(
            f"{item.source} holds {values.dtype} values, not numbers; store the features of {item.utterance} as floats"
        )
    steps = values[None] if values.ndim == 1 else values
    if steps.ndim != 2 or not steps.size:
        shape = " x ".join(map(str, values.shape))
        raise CorpusError(
            f"{item.source}: the features of {item.utterance} have the shape {shape or 'of a single number'}; "
            "store one vector, or time x dimensions with at least one step"
        )
    if steps.shape[1] != item.dim:
        raise CorpusError(
            f"{item.source}: the features of {item.utterance} have {steps.shape[1]} numbers per step, not {item.dim}; "
            f"all utterances need the same number, so compute them with one model, and set {item.setting}.dim if you give it"
        )
    with np.errstate(over="ignore"):
        steps = np.array(steps, dtype=np.float32, order="C")
    if not np.isfinite(steps).all():
        raise CorpusError(
            f"{item.source}: the features of {item.utterance} hold NaN or infinite values; compute them again, or leave out that "
            "column"
        )
    return steps
