"""Measures how often `ser corpus audit` finds planted faults, and what it finds in sound corpora.

    python tests/benchmarks/audit_planted.py corpus=emodb corpus.root=../shared/data/emodb
    python tests/benchmarks/audit_planted.py --faults clean,voices corpus=ravdess corpus.root=../shared/data/ravdess

Each utterance is heard once; a fault changes some of them and only these are heard again. Faults: `clean` (none: false alarms),
`voices` (a speaker under two ids, two under one), `recording` (silence, codec, band, noise tied to one class), `copies` (5 % of
the files, changed), `words` (codes in companion texts). Seeds are fixed. It writes audit_planted-CORPUS.json into the current
folder.
"""

import argparse
import dataclasses
import io
import json
import time
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import scipy.signal
import soundfile

from ser_core.audio import Audio, decode
from ser_core.audit.code_words import code_words
from ser_core.audit.copies import changed_copies
from ser_core.audit.listening import Heard, at_16_khz, listen, measure
from ser_core.audit.shortcuts import shortcuts
from ser_core.audit.voices import voices
from ser_core.augment import augment
from ser_core.config.compose import compose
from ser_core.corpus.corpus import Corpus

RATE = 16_000
COPIES = (
    *("speed:0.9", "speed:0.95", "speed:1.05", "speed:1.1", "noise:10", "pink_noise:10", "reverberation:0.3"),
    *("reverberation:0.6", "pitch:1", "speed:0.95,noise:10", "reverberation:0.3,noise:10"),
)
SHARE = 0.05


def through(wave: np.ndarray, **form: Any) -> np.ndarray:
    """Writes a waveform in a form and reads it again."""
    file = io.BytesIO()
    soundfile.write(file, wave, RATE, **form)
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


def narrow(wave: np.ndarray) -> np.ndarray:
    return scipy.signal.resample_poly(scipy.signal.resample_poly(wave, 1, 2), 2, 1).astype(np.float32)


def room_tone(wave: np.ndarray) -> np.ndarray:
    """Puts 0.1 s of the quietest 25 ms before an utterance, repeated."""
    starts = range(0, max(1, len(wave) - 400), 200)
    quietest = min(starts, key=lambda start: float(np.square(wave[start : start + 400]).mean()))
    return np.concatenate([np.resize(wave[quietest : quietest + 400], 1600), wave])


def hiss(wave: np.ndarray) -> np.ndarray:
    return wave + np.random.default_rng(len(wave)).standard_normal(len(wave)).astype(np.float32) * 10 ** (-50 / 20)


RECORDINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "0.1 s of zeros before": lambda wave: np.concatenate([np.zeros(1600, np.float32), wave]),
    "0.1 s of zeros after": lambda wave: np.concatenate([wave, np.zeros(1600, np.float32)]),
    "0.1 s of room tone before": room_tone,
    "MP3": lambda wave: through(wave, format="MP3"),
    "8 kHz": narrow,
    "Vorbis, back in FLAC": lambda wave: through(wave, format="OGG", subtype="VORBIS"),
    "white noise at -50 dB": hiss,
}


def hear(wave: np.ndarray) -> Heard:
    wave = np.clip(wave, -1, 1).astype(np.float32)
    return dataclasses.replace(measure(wave[:, None], RATE, Audio(), 1), format="flac PCM_16 16000 Hz, 1 channels")


def with_speakers(corpus: Corpus, speakers: np.ndarray) -> Corpus:
    return dataclasses.replace(corpus, table=corpus.table.assign(speaker=speakers), parts=None, counts="not checked")


def plant_voices(corpus: Corpus, heard: list[Heard]) -> Iterator[tuple[str, bool, int]]:
    """Yields (fault, found, other findings)."""
    generator = np.random.default_rng(0)
    speakers = corpus.column("speaker").astype(object)
    genders = corpus.column("gender")
    for speaker in np.unique(speakers.astype(str)):
        rows = generator.permutation(np.flatnonzero(speakers == speaker))
        changed = speakers.copy()
        changed[rows[: len(rows) // 2]] = "another"
        found = voices(with_speakers(corpus, changed), heard)
        right = [f for f in found if f.name == "one voice under two ids" and "another" in f.found and speaker in f.found]
        yield "one speaker under two ids", bool(right), len(found) - len(right)
    pairs = list(combinations(np.unique(speakers.astype(str)), 2))
    for one, other in [pairs[place] for place in generator.permutation(len(pairs))[:30]]:
        changed = np.where(speakers == other, one, speakers)
        found = voices(with_speakers(corpus, changed), heard)
        right = [f for f in found if f.name == "two voices under one id" and any(e.startswith(f"{one}:") for e in f.examples)]
        alike = genders[speakers == one][0] == genders[speakers == other][0]
        yield f"two speakers of {'one gender' if alike else 'two genders'} under one id", bool(right), len(found) - len(right)


def plant_recordings(corpus: Corpus, heard: list[Heard], waves: list[np.ndarray]) -> Iterator[tuple[str, bool, int]]:
    labels = corpus.column("emotion")
    generator = np.random.default_rng(0)
    for fault, change in RECORDINGS.items():
        for emotion in corpus.classes:
            rows = generator.permutation(np.flatnonzero(labels == emotion))
            again = {row: hear(change(waves[row])) for row in rows.tolist()}
            for dose, some in (("", rows), (", half of the class", rows[: len(rows) // 2])):
                mixed = [again[row] if row in set(some.tolist()) else each for row, each in enumerate(heard)]
                found = [f for f in shortcuts(corpus, mixed) if f.severity == "warn"]
                right = [f for f in found if f.counts["class"] == emotion]
                yield fault + dose, bool(right), len(found) - len(right)


def plant_copies(heard: list[Heard], waves: list[np.ndarray]) -> Iterator[tuple[str, bool, int]]:
    """Appends changed copies of 5 % of the files, each change of its own files, and searches once."""
    generator = np.random.default_rng(0)
    pictures, origins, faults = [each.picture for each in heard], [], []
    for entry in COPIES:
        for row in generator.permutation(len(waves))[: max(1, round(SHARE * len(waves)))].tolist():
            wave = waves[row]
            for step in entry.split(","):
                wave = augment(wave, step, f"{entry} {row}")
            pictures.append(hear(wave).picture)
            origins.append(row)
            faults.append(entry)
    begin = time.process_time()
    found = {(copy.one, copy.other) for copy in changed_copies(pictures)}
    print(f"searched {len(pictures)} files in {time.process_time() - begin:.1f} s of the processor", flush=True)
    count = len(heard)
    root = [*range(count), *origins]
    wrong = sum(root[one] != root[other] for one, other in found)
    for number, (row, fault) in enumerate(zip(origins, faults, strict=True)):
        yield f"copy, {fault}", (row, count + number) in found, wrong if number == 0 else 0


def plant_words(corpus: Corpus) -> Iterator[tuple[str, bool, int]]:
    labels, texts = corpus.column("emotion"), corpus.column("text")
    generator = np.random.default_rng(0)
    order = np.argsort(labels, kind="stable")
    number = np.empty(len(labels), int)
    number[order] = np.arange(len(labels))
    for emotion in corpus.classes:
        code = f"{emotion[0]}{generator.integers(10, 99)}"
        half = generator.random(len(labels)) < 0.5
        session = generator.integers(1, 4, len(labels))
        makers: dict[str, Callable[[int], str]] = {
            "a label code": lambda row, code=code: code,
            "a label code in half of the texts": lambda row, code=code, half=half: code if half[row] else "",
            "one of three session codes": lambda row, code=code, session=session: f"{code}s{session[row]}",
            "a word": lambda row: "zebra",
        }
        for fault, make in makers.items():
            yield _read(corpus, fault, emotion, [f"{make(r)} {t}" if labels[r] == emotion else t for r, t in enumerate(texts)])
    yield _read(corpus, "a file number that follows the classes", "", [f"{number[r]} {t}" for r, t in enumerate(texts)])


def _read(corpus: Corpus, fault: str, emotion: str, texts: list[str]) -> tuple[str, bool, int]:
    found = code_words(dataclasses.replace(corpus, table=corpus.table.assign(text=texts)))
    right = [f for f in found if not emotion or f.counts["class"] == emotion]
    return f"in the text: {fault}", bool(right), len(found) - len(right)


def faults_of(wanted: list[str], corpus: Corpus, overrides: list[str]) -> Iterator[tuple[str, bool, int]]:
    begin = time.process_time()
    heard = listen(corpus, Audio())
    print(f"{corpus.name}: heard {len(heard)} files in {time.process_time() - begin:.1f} s of the processor", flush=True)
    if "clean" in wanted:
        alarms = [*voices(corpus, heard), *shortcuts(corpus, heard), *code_words(corpus)]
        yield "none: voices, recordings, words", False, len([each for each in alarms if each.severity != "info"])
        pairs = [(corpus.column("utterance")[c.one], corpus.column("utterance")[c.other], round(c.alike, 2))
                 for c in changed_copies([each.picture for each in heard])]  # fmt: skip
        print("copies in the corpus as released:", pairs, flush=True)
        yield "none: copies", False, len(pairs)
    if "voices" in wanted:
        yield from plant_voices(corpus, heard)
    waves = []
    if {"recording", "copies"}.intersection(wanted):
        for file, start, end in corpus.table[["file", "start", "end"]].itertuples(index=False, name=None):
            sound = decode(Path(file), start, end)
            waves.append(at_16_khz(sound.channels.mean(axis=1, dtype=np.float32), sound.rate))
    if "recording" in wanted:
        yield from plant_recordings(corpus, heard, waves)
    if "copies" in wanted:
        yield from plant_copies(heard, waves)
    if "words" in wanted:
        config = compose([*overrides, *(["corpus.text=companion"] if corpus.name in ("emodb", "ravdess") else [])])
        companion = config.corpus.read(config.cache)
        yield "none: companion texts", False, len(code_words(companion))
        yield from plant_words(companion)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="+", help="the corpus, as for `ser`")
    parser.add_argument("--faults", default="clean,voices,recording,copies,words", help="which to plant, with commas")
    options = parser.parse_args()
    config = compose(options.overrides)
    corpus = config.corpus.read(config.cache)
    table: dict[str, dict[str, int]] = {}
    begin = time.process_time()
    for fault, found, wrong in faults_of(options.faults.split(","), corpus, options.overrides):
        row = table.setdefault(fault, {"planted": 0, "found": 0, "wrong": 0})
        row["planted"] += not fault.startswith("none")
        row["found"] += found
        row["wrong"] += wrong
        if row["planted"] == 1 or fault.startswith("none"):
            print(f"{fault} ({time.process_time() - begin:.0f} s)", flush=True)
    for fault, row in table.items():
        print(f"{fault:60} {row['found']:4} of {row['planted']:4}, wrong {row['wrong']}")
    Path(f"audit_planted-{corpus.name}.json").write_text(json.dumps({"corpus": corpus.name, "faults": table}, indent=1) + "\n")


if __name__ == "__main__":
    main()
