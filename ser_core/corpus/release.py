"""How the folder and audio files of a release are found, and the companion text next to them."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ser_core.corpus.corpus import cells
from ser_core.corpus.user_tables import read_user_table
from ser_core.corpus.user_tables.cell_values import to_numbers
from ser_core.errors import CorpusError

AUDIO_SUFFIXES = (".wav", ".flac", ".opus", ".ogg", ".mp3")
"""The first of these is used if an utterance exists in several formats."""
OTHER_SUFFIXES = (
    *(".aac", ".aif", ".aiff", ".amr", ".au", ".avi", ".caf", ".gsm", ".m4a", ".mkv", ".mov", ".mp4", ".oga", ".raw", ".rf64"),
    *(".snd", ".sph", ".txt", ".w64", ".webm", ".wma"),
)
"""Other suffixes of an utterance's file, removed from its name: another format, a video, a transcript."""
COMPANION = "companion_text.csv"


def release_folder(corpus: str, root: str) -> Path:
    """Returns the folder in `corpus.root`. Raises CorpusError if none is given or it does not exist."""
    if not root:
        raise CorpusError(f"corpus {corpus} needs its folder: add corpus.root=PATH")
    folder = Path(root).absolute()
    try:
        there = folder.is_dir()
    except OSError as error:
        raise CorpusError(f"corpus {corpus}: {folder} cannot be opened: {error.strerror}; correct corpus.root") from None
    if not there:
        raise CorpusError(f"corpus {corpus}: no folder {folder}; correct corpus.root")
    return folder


def is_file(place: Path) -> bool:
    """Whether the file exists; False for an impossible name (too long, with a NUL) and for an unreadable folder."""
    try:
        return place.is_file()
    except (OSError, ValueError):
        return False


def without_suffix(name: str) -> str:
    """Removes the suffix of a known format from a file's name or path; other text after a dot is part of the name.

    >>> without_suffix("wav/a.b.WAV"), without_suffix("m3.s_trzymaj_5")
    ('wav/a.b', 'm3.s_trzymaj_5')
    """
    beginning, dot, suffix = name.rpartition(".")
    return beginning if f"{dot}{suffix}".lower() in (*AUDIO_SUFFIXES, *OTHER_SUFFIXES) else name


def file_name(place: str) -> str:
    """Returns a file's name without folders and without the suffix of a known format.

    >>> file_name("/x/a.b.flac"), file_name("a.b")
    ('a.b', 'a.b')
    """
    return without_suffix(Path(place.replace("\\", "/")).name)


def files_below(folder: Path) -> tuple[list[Path], list[str]]:
    """Returns all files anywhere below a folder, and a sentence for each folder that cannot be opened."""
    closed: list[OSError] = []
    files = [Path(place) / name for place, _, names in os.walk(folder, onerror=closed.append) for name in names]
    return files, [f"{error.filename} cannot be opened ({error.strerror}), so its files are left out" for error in closed]


def closed_folders(root: str | Path) -> tuple[str, ...]:
    """Returns sentences about folders below `root` that cannot be opened, for Corpus.notices."""
    return tuple(files_below(Path(root))[1])


def audio_by_stem(folder: Path, suffixes: tuple[str, ...] = AUDIO_SUFFIXES) -> dict[str, str]:
    """Returns audio files anywhere below `folder` by name without suffix; skips hidden files."""
    ranks = {suffix: rank for rank, suffix in enumerate(suffixes)}
    found: dict[str, tuple[int, str]] = {}
    for file in files_below(folder)[0]:
        rank = ranks.get(file.suffix.lower())
        if rank is not None and not file.name.startswith("."):
            found[file.stem] = min(found.get(file.stem, (len(ranks), "")), (rank, str(file)))
    return {stem: file for stem, (_, file) in found.items()}


def with_files(
    corpus: str, table: pd.DataFrame, files: Mapping[str, str], closed: Sequence[str], column: str = "utterance"
) -> pd.DataFrame:
    """Adds `file`, found by the name in `column`. Raises CorpusError with the number of missing files and the first one.

    `closed` are sentences about folders that could not be opened, which may be the reason.
    """
    names = table[column].tolist()
    if absent := sorted(name for name in names if name not in files):
        raise CorpusError(
            f"corpus {corpus}: {len(absent)} of {len(table)} utterances have no audio file, first {absent[0]}; "
            + "".join(f"{sentence}; " for sentence in closed)
            + "complete the files below corpus.root"
        )
    return table.assign(file=[files[name] for name in names])


def read_table(corpus: str, file: Path, columns: Sequence[str], numbers: Sequence[str] = ()) -> pd.DataFrame:
    """Reads a table of a release as text cells, with `numbers` as numbers, NaN if missing.

    Raises CorpusError with all faults if it lacks one of these columns or has unreadable rows.
    """
    table = read_user_table(file)
    table.need([*columns, *(name for name in numbers if name not in columns)])
    for name in [name for name in numbers if name in table.cells]:
        values, wrong, _, _ = to_numbers(table.column(name))
        table.fault(f"column {name!r} holds a rating that is not a number", wrong, name)
        table.cells[name] = values
    table.raise_faults(corpus)
    return table.cells


def labelled_files(corpus: str, root: str, pattern: re.Pattern[str]) -> Iterator[tuple[Path, re.Match[str]]]:
    """Yields audio files anywhere below `root` whose stem matches, in order of name.

    Raises CorpusError if the folder is missing or holds no such file.
    """
    folder = release_folder(corpus, root)
    found = False
    files, closed = files_below(folder)
    for file in sorted(files, key=lambda path: path.name):
        match = pattern.fullmatch(file.stem)
        if match and file.suffix.lower() in AUDIO_SUFFIXES and not file.name.startswith("."):
            found = True
            yield file.absolute(), match
    if not found:
        raise CorpusError("; ".join([f"corpus {corpus}: no audio file named like {pattern.pattern} below {folder}", *closed]))


def with_companion_text(corpus: str, root: str, table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Replaces the acted sentence with a written line of the same emotion; drops classes without such lines.

    A class without text would be identifiable by its empty text, so its utterances are dropped and their names returned.
    Raises CorpusError if `companion_text.csv` is missing or covers a class only partly.
    """
    file = Path(root) / COMPANION
    if not file.exists():
        raise CorpusError(f"corpus {corpus}: corpus.text=companion needs {file} with the columns file, text")
    lines = read_table(corpus, file, ("file", "text"))
    texts = dict(zip(map(file_name, lines["file"]), lines["text"], strict=True))
    table = table.assign(text=[texts.get(name, "") for name in table["utterance"]])
    emotions, covered = cells(table, "emotion"), cells(table, "text") != ""
    shares = {name: covered[emotions == name].mean() for name in sorted(set(emotions.tolist()))}
    if partly := [name for name, share in shares.items() if 0 < share < 1]:
        raise CorpusError(f"corpus {corpus}: {file} has no line for some utterances of {partly[0]}")
    dropped = [name for name, share in shares.items() if share == 0]
    return table.loc[~np.isin(emotions, dropped)], dropped


def check_some_file(corpus: str, files: Sequence[str]) -> None:
    """Raises CorpusError if none of the files exists, so the paths are wrong. The run decides about single missing files."""
    if not any(is_file(Path(file)) for file in files):
        raise CorpusError(f"corpus {corpus}: none of {len(files)} audio files exists, first {files[0]}; correct corpus.root")
