"""A corpus that a speech synthesiser speaks, so that you can try everything without a download or a licence.

    settings, seed -> demo_script: what, who, how -> espeak -> 16 kHz FLAC + manifest.csv -> Corpus

Models can learn it from two channels: linear models, leaving one speaker out, reach a UAR of .63 from the voice,
.68 from the words and .83 from both. It says nothing about people: the emotions follow rules written for this corpus,
and a model that does well here has found those rules.
"""

import dataclasses
import hashlib
import json
import math
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from filelock import FileLock
from jaxtyping import Float64
from rich.console import Console
from rich.progress import track

from ser_core.corpus import espeak
from ser_core.corpus.corpus import Corpus, CorpusOption, Dimension, complete
from ser_core.corpus.demo_script import CLASSES, MOST_SPEAKERS, write_script
from ser_core.corpus.espeak import Line
from ser_core.corpus.text_file import TEXTS, TRANSCRIBED, check_text_file, with_text
from ser_core.options import at_least, content_field, location_field, one_of, within

GENERATION = 1
"""Increased by one when a change makes other files from the same script."""
SAMPLE_RATE_HZ = 16000
MANIFEST = "manifest.csv"
DIMENSIONS = tuple(Dimension(name, 1.0, 5.0) for name in ("valence", "arousal", "dominance"))


@dataclasses.dataclass(frozen=True)
class DemoCorpus(CorpusOption):
    """Four emotions acted by a speech synthesiser, made on first use; the same settings give the same bytes."""

    name: str = "demo"
    """This option's name."""
    speakers: int = 10
    """Number of voices, alternating between men and women, two per session, from 2 to 20."""
    sentences: int = 8
    """Sentences per speaker and emotion, at least 6."""
    seed: int = 0
    """Seed of the sentences, the voices' habits and the delivery of each sentence; at least 0."""
    text: str = content_field("gold")
    """Text channel: gold (what was spoken, which has no tags: plain is the same), column, or none."""
    text_file: str = location_field("")
    """Texts of corpus.text=column: a CSV or Parquet with the columns utterance (or file) and text."""

    def __post_init__(self) -> None:
        within(self, "speakers", 2, MOST_SPEAKERS)
        at_least(self, "sentences", 6)
        at_least(self, "seed", 0)
        one_of(self, "text", TEXTS)
        check_text_file(self.text, self.text_file)

    def read(self, cache: Path) -> Corpus:
        """Reads the utterances; speaks them into `cache` first if they are not there yet."""
        rows, lines = write_script(self.speakers, self.sentences, self.seed)
        folder = cache.absolute() / "demo" / script_hash(rows, lines)
        if not is_complete(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(folder.with_suffix(".lock")):
                if not is_complete(folder):
                    speak_into(folder, rows, lines)
        table = read_manifest(folder)
        table["file"] = [str(folder / utterance) for utterance in table["utterance"]]
        text_source, text_notices = "spoken", list[str]()
        if self.text not in TRANSCRIBED:
            table, text_source, text_notices = with_text("demo", table, self.text, self.text_file, "spoken")
        return Corpus(
            name=self.name,
            table=complete(table),
            classes=CLASSES,
            dimensions=DIMENSIONS,
            licence="Apache-2.0 like Bridgework, which wrote it; the licence of espeak-ng does not cover what it says",
            source=f"spoken by espeak-ng (espeakng-loader {espeak.version()}), generation {GENERATION}",
            text_source=text_source,
            notices=tuple(text_notices),
        )


def script_hash(rows: pd.DataFrame, lines: Sequence[Line]) -> str:
    """Returns the name of the folder: a hash of the script, the synthesiser and the generation of this file."""
    content = [rows.to_dict("list"), [dataclasses.astuple(line) for line in lines], GENERATION, espeak.version()]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def speak_into(folder: Path, rows: pd.DataFrame, lines: Sequence[Line]) -> None:
    """Speaks into a folder next to `folder` and renames it when it is complete. The caller holds the lock."""
    part = folder.with_suffix(".part")
    for leftover in (part, folder):
        if leftover.exists():
            shutil.rmtree(leftover)
    spoken = zip(rows["utterance"], espeak.speak(lines), strict=True)
    screen, silent = Console(stderr=True), not sys.stderr.isatty()
    for utterance, wave in track(spoken, "speaking the demo corpus", len(lines), console=screen, disable=silent):
        write_audio(part / utterance, wave)
    rows.to_csv(part / MANIFEST, index=False)
    part.rename(folder)


def write_audio(path: Path, wave: Float64[np.ndarray, "samples"]) -> None:
    """Writes one FLAC file at SAMPLE_RATE_HZ.

    SciPy resamples in double precision on one thread. torchaudio's convolution is as good, but its threads take 25
    times as long on busy cores, and their number could change a rounding.
    """
    from scipy.signal import resample_poly

    shared = math.gcd(SAMPLE_RATE_HZ, espeak.SAMPLE_RATE_HZ)
    resampled = resample_poly(wave, SAMPLE_RATE_HZ // shared, espeak.SAMPLE_RATE_HZ // shared)
    pcm = np.clip(np.round(resampled * 2**15), -(2**15), 2**15 - 1).astype(np.int16)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, pcm, SAMPLE_RATE_HZ, subtype="PCM_16")


def read_manifest(folder: Path) -> pd.DataFrame:
    """Reads the manifest as it was written."""
    table = pd.read_csv(folder / MANIFEST, dtype=str, keep_default_na=False)
    return table.astype({dimension.name: float for dimension in DIMENSIONS})


def is_complete(folder: Path) -> bool:
    """Whether the manifest and every file in it exist."""
    if not (folder / MANIFEST).is_file():
        return False
    return all((folder / utterance).is_file() for utterance in read_manifest(folder)["utterance"])
