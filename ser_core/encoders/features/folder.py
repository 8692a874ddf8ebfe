"""Stored features in a folder: one .npy or .npz file per utterance, as emotion2vec and many scripts write them.

    <folder>/<utterance>.npy          or in subfolders; the name of the audio file serves as well
A file holds a vector [dim] or steps [time dim]. Files of other utterances are passed over.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from ser_core.content_hashes import content_hashes
from ser_core.encoders.features.stored import Located, Stored, StoredFeatures, load_array, names_of, tails
from ser_core.errors import CorpusError, SettingError

SUFFIXES = (".npy", ".npz")


@dataclasses.dataclass(frozen=True)
class FeatureFolder(StoredFeatures):
    """Stored features, one .npy or .npz file per utterance; model.features=FOLDER/ chooses it."""

    key: ClassVar[str] = "model.features"
    name: str = "folder"
    """The name of this option."""

    @classmethod
    def reads_path(cls, path: str) -> bool:
        return Path(path).suffix.lower() not in (".csv", ".tsv", ".parquet")

    def items(self, utterances: pd.DataFrame, cache: Path) -> Located:
        folder = self.need_path()
        files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)
        if not files:
            raise SettingError(f"{self.key}: {folder} holds no .npy or .npz file; write one per utterance, or correct the path")
        found = self._matched(utterances, files, folder)
        hashes = content_hashes([str(file) for file in found], cache)
        dim = self.dim or _dim(found[0])
        named = zip(utterances["utterance"], found, strict=True)
        return Located([Stored(name, str(file), hashes[str(file)], dim, self.key) for name, file in named])

    def _matched(self, utterances: pd.DataFrame, files: Sequence[Path], folder: Path) -> list[Path]:
        """Returns the file of each utterance. Raises CorpusError for utterances with none or with several."""
        named: dict[str, list[Path]] = defaultdict(list)
        for file in files:
            inside = file.relative_to(folder).as_posix()
            for name in {inside.removesuffix(file.suffix), *tails(inside)}:
                named[name].append(file)
        # Segments of one file share its name, which then says nothing.
        found = [next((named[name] for name in names if name in named), []) for names in names_of(utterances, segments=False)]
        self._check([str(name) for name in utterances["utterance"]], found, named)
        return [each[0] for each in found]

    def _check(self, names: Sequence[str], found: Sequence[Sequence[Path]], named: Mapping[str, Sequence[Path]]) -> None:
        absent = [name for name, each in zip(names, found, strict=True) if not each]
        if absent:
            raise CorpusError(
                f"{self.key}: {self.path} has no file for {len(absent)} of {len(names)} utterances, first {absent[0]}.npy (it "
                f"has {len(named)} names, such as {next(iter(named))}); add the files, or name them after the utterances"
            )
        twice = next((each for each in found if len(each) > 1), None)
        if twice:
            raise CorpusError(
                f"{self.key}: {twice[0]} and {twice[1]} both have the name of an utterance; keep one of them in {self.path}"
            )


def _dim(file: Path) -> int:
    """Returns the numbers per step of a file; 0 for a single number, which `checked` refuses."""
    shape = np.shape(load_array(file))
    return shape[-1] if shape else 0
