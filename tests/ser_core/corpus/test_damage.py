"""Three hundred damaged files of many kinds: each is named with the reason of its kind, and a run can go on without them."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from ser_core.audio import Audio
from ser_core.compose import compose
from ser_core.corpus.check import check_audio
from ser_core.corpus.corpus import Corpus, complete
from ser_core.cross_validate import plan
from tests.conftest import SMALL

FILES = 300


def sound(generator: np.random.Generator, form: str = "WAV", **settings: str) -> bytearray:
    """A second of noise as a file."""
    content = io.BytesIO()
    soundfile.write(content, generator.uniform(-0.3, 0.3, 16_000), 16_000, format=form, **settings)
    return bytearray(content.getvalue())


def floats(generator: np.random.Generator, value: float, count: int = 16_000) -> bytes:
    """A WAV of floats of which one is `value`."""
    wave = generator.uniform(-0.3, 0.3, count)
    wave[int(generator.integers(count))] = value
    content = io.BytesIO()
    soundfile.write(content, wave, 16_000, format="WAV", subtype="FLOAT")
    return content.getvalue()


def constant(generator: np.random.Generator, level: float, count: int) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, generator.uniform(-level, level, count), 16_000, format="WAV", subtype="FLOAT")
    return content.getvalue()


def with_field(generator: np.random.Generator, offset: int, form: str, value: int) -> bytes:
    """A WAV with one number of its header changed."""
    content = sound(generator)
    struct.pack_into(form, content, offset, value)
    return bytes(content)


Make = Callable[[np.random.Generator], bytes | None]
KINDS: dict[str, tuple[str, Make, str]] = {
    "zero bytes": ("wav", lambda g: b"", "empty: 0 bytes"),
    "cut flac": ("flac", lambda g: bytes(sound(g, "FLAC")[: int(g.integers(9_000, 15_000))]), "truncated or damaged"),
    "cut wav": ("wav", lambda g: bytes(sound(g)[: int(g.integers(1_000, 30_000))]), "truncated: the header promises"),
    "cut wav header": ("wav", lambda g: bytes(sound(g)[: int(g.integers(12, 36))]), "undecodable"),
    "cut ogg": ("ogg", lambda g: bytes(sound(g, "OGG")[:-500]), "truncated"),
    "text": ("wav", lambda g: b"To whom it may concern.\n" * int(g.integers(1, 90)), "undecodable: Format not recognised"),
    "random bytes": ("flac", lambda g: b"\x01\x02" + g.bytes(int(g.integers(50, 9_000))), "undecodable: Format not recognised"),
    "a picture": ("wav", lambda g: b"\x89PNG\r\n\x1a\n" + g.bytes(900), "undecodable: Format not recognised"),
    "nan": ("wav", lambda g: floats(g, np.nan), "holds values that are not finite"),
    "inf": ("wav", lambda g: floats(g, np.inf), "holds values that are not finite"),
    "silent": ("wav", lambda g: constant(g, 5e-5, 16_000), "silent"),
    "too short": ("wav", lambda g: constant(g, 0.3, int(g.integers(1, 400))), "too short"),
    "no frames": ("wav", lambda g: constant(g, 0.3, 0), "empty: no audio frames"),
    "missing": ("wav", lambda g: None, "missing"),
    "more promised": ("wav", lambda g: with_field(g, 40, "<I", int(g.integers(40_000, 2**31))), "truncated: the header promises"),
    "no channels": ("wav", lambda g: with_field(g, 22, "<H", 0), "undecodable"),
    "odd rate": ("wav", lambda g: with_field(g, 24, "<I", 3), "a sample rate of 3 Hz"),
}
FOLDER = "a folder"


def plant(folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """FILES damaged files, taken in turn from the kinds, and what each reason begins with."""
    generator = np.random.default_rng(0)
    names = [*KINDS, FOLDER]
    files, reasons = {}, {}
    for number in range(FILES):
        kind = names[number % len(names)]
        suffix, make, reason = KINDS.get(kind, ("wav", lambda g: None, "a folder"))
        name = f"{number:03d} {kind}"
        files[name], reasons[name] = folder / f"{number}.{suffix}", reason
        if kind == FOLDER:
            files[name].mkdir()
        elif (content := make(generator)) is not None:
            files[name].write_bytes(content)
    return files, reasons


@pytest.mark.filterwarnings("ignore:invalid value")
def test_each_damaged_file_is_named_with_the_reason_of_its_kind(tmp_path: Path) -> None:
    files, reasons = plant(tmp_path)
    rows = [{"utterance": name, "file": str(file), "speaker": "x"} for name, file in files.items()]
    said = check_audio(Corpus("made", complete(pd.DataFrame(rows)), (), (), "none", "made here"), Audio())
    assert len(KINDS) >= 12 and len(files) == FILES
    assert {name: said.get(name) for name in files if not said.get(name, "").startswith(reasons[name])} == {}


def test_a_run_that_skips_goes_on_without_them(tmp_path: Path, spoken_store: Path) -> None:
    files, _ = plant(tmp_path)
    columns = ["utterance", "file", "speaker", "gender", "emotion", "text"]
    good = compose([*SMALL]).corpus.read(spoken_store / "cache").table[columns]
    speakers = good["speaker"].to_numpy()
    damaged = [
        {"utterance": name, "file": str(file), "speaker": speakers[number % len(good)], "emotion": "anger", "text": "no"}
        for number, (name, file) in enumerate(list(files.items())[:36])
    ]
    pd.concat([good, pd.DataFrame(damaged)]).to_csv(tmp_path / "table.csv", index=False)
    chosen = [f"corpus.path={tmp_path / 'table.csv'}", f"run.store={tmp_path / 'store'}", "run.on_bad_audio=skip"]
    planned = plan(compose(["corpus=table", *chosen, "run.device=cpu"]))
    assert planned.card["skipped"] == len(damaged)
    assert len(planned.inputs.corpus) == len(good)
    assert set(planned.inputs.skipped) == {row["utterance"] for row in damaged}
