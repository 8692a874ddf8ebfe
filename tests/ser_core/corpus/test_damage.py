"""Three hundred damaged files of many kinds: each is named with the reason of its kind, and a run can go on without them."""

import io
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from rich.console import Console

from cluster.cli.commands import check_corpus
from ser_core.config.compose import compose
from ser_core.cross_validation.cross_validate import FoldResult, cross_validate
from ser_core.cross_validation.plan import plan
from ser_core.errors import CorpusError
from tests.conftest import SMALL
from tests.ser_core.stored import without_length

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


Damaged = tuple[list[str], dict[str, str], int]
Make = Callable[[np.random.Generator], bytes | None]
KINDS: dict[str, tuple[str, Make, str]] = {
    "zero bytes": ("wav", lambda g: b"", "empty: 0 bytes"),
    "cut flac": ("flac", lambda g: bytes(sound(g, "FLAC")[: int(g.integers(9_000, 15_000))]), "truncated"),
    "cut wav": ("wav", lambda g: bytes(sound(g)[: int(g.integers(1_000, 30_000))]), "truncated: the header promises"),
    "cut wav header": ("wav", lambda g: bytes(sound(g)[: int(g.integers(12, 36))]), "undecodable"),
    "cut ogg": ("ogg", lambda g: bytes(sound(g, "OGG")[:-500]), "truncated"),
    "text": ("wav", lambda g: b"To whom it may concern.\n" * int(g.integers(1, 90)), "undecodable: Format not recognised"),
    "random bytes": ("flac", lambda g: b"\x01\x02" + g.bytes(int(g.integers(50, 9_000))), "undecodable: Format not recognised"),
    "a picture": ("wav", lambda g: b"\x89PNG\r\n\x1a\n" + g.bytes(900), "undecodable: a picture"),
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


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory, spoken_store: Path) -> Damaged:
    """Overrides of a table of all damaged files among the small demo corpus, the reasons, and how many files are sound."""
    folder = tmp_path_factory.mktemp("damaged")
    files, reasons = plant(folder)
    columns = ["utterance", "file", "speaker", "gender", "emotion", "text"]
    good = compose([*SMALL]).corpus.read(spoken_store / "cache").table[columns]
    speakers = good["speaker"].to_numpy()
    bad = [
        {"utterance": name, "file": str(file), "speaker": speakers[number % len(good)], "emotion": "anger", "text": "no"}
        for number, (name, file) in enumerate(files.items())
    ]
    pd.concat([good, pd.DataFrame(bad)]).to_csv(folder / "table.csv", index=False)
    place = [f"corpus.path={folder / 'table.csv'}", f"run.store={folder / 'store'}", "run.device=cpu"]
    return ["corpus=table", *place, "optim.epochs=1", "model.width=16"], reasons, len(good)


def unlike(said: Mapping[str, str], reasons: Mapping[str, str]) -> dict[str, str]:
    """What was said of files whose reason is another, or of sound ones."""
    wrong = {name: said.get(name, "nothing") for name in reasons if not said.get(name, "nothing").startswith(reasons[name])}
    return wrong | {name: why for name, why in said.items() if name not in reasons}


@pytest.mark.filterwarnings("ignore:invalid value")
def test_the_check_names_each_damaged_file_with_the_reason_of_its_kind(damaged: Damaged) -> None:
    overrides, reasons, sound_files = damaged
    assert len(KINDS) + 1 >= 12 and len(reasons) == FILES
    screen = io.StringIO()
    assert check_corpus(Console(file=screen, width=500), overrides) == 1
    *lines, last = screen.getvalue().splitlines()
    said = {name: why for name, _, why in (line.partition(": ") for line in lines)}
    assert len(lines) == FILES and unlike(said, reasons) == {}
    assert last == f"table: {FILES + sound_files} utterances, {FILES} with unusable audio"


@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_study_goes_on_without_them_when_asked_to(damaged: Damaged) -> None:
    overrides, reasons, sound_files = damaged
    with pytest.raises(CorpusError, match=f"{FILES} of {FILES + sound_files} utterances have unusable audio, first "):
        plan(compose(overrides))
    config = compose([*overrides, "run.on_bad_audio=skip"])
    *_, result = cross_validate(config, [1])
    assert isinstance(result, FoldResult)
    assert unlike(result.record.skipped, reasons) == {} and set(result.record.skipped) == set(reasons)
    sizes = result.record.sizes
    assert result.record.card["skipped"] == FILES
    assert sizes["train"] + sizes["dev"] + sizes["test"] == sound_files


def test_every_run_repeats_which_files_may_have_been_cut(spoken_store: Path, tmp_path: Path) -> None:
    made = compose([*SMALL]).corpus.read(spoken_store / "cache").table
    pipe = tmp_path / "pipe.wav"
    soundfile.write(pipe, *soundfile.read(str(made.loc[0, "file"])))
    pipe.write_bytes(without_length(pipe.read_bytes()))
    made.loc[0, "file"] = str(pipe)
    made[["utterance", "file", "speaker", "gender", "emotion", "text"]].to_csv(tmp_path / "table.csv", index=False)
    config = compose(["corpus=table", f"corpus.path={tmp_path / 'table.csv'}", f"run.store={tmp_path}", "run.device=cpu"])
    for _ in range(2):
        (notice,) = [each for each in plan(config).notices if "files of unknown length" in each]
        assert notice.startswith(f"1 of {len(made)} utterances") and str(made.loc[0, "utterance"]) in notice
