"""EmoDB and RAVDESS are read from file names: on small made trees, and counted on the real ones."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from ser_core.config.compose import compose
from ser_core.config.identity import fingerprint
from ser_core.corpus.corpus import Corpus
from ser_core.corpus.emodb import EmoDB
from ser_core.corpus.ravdess import Ravdess
from ser_core.corpus.release import check_some_file, file_name, is_file
from ser_core.errors import CorpusError, SettingError
from tests.shared_material import shared

EMODB = ("03a01Fa.wav", "08a02Wb.flac", "16b10Lc.wav", "14a05Nd.WAV")
RAVDESS = ("03-01-06-01-02-01-12.wav", "03-01-02-02-01-02-01.opus")
JUNK = ("._03a01Fa.wav", "._03-01-06-01-02-01-12.wav", "03a01Fa.txt", "notes.wav", "03a01Xa.wav", "03-02-06-01-02-01-12.wav")
WHERE = Path("unused")


def tree(folder: Path, names: Sequence[str]) -> str:
    for number, name in enumerate(names):
        place = folder / f"part{number % 2}" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    return str(folder)


@pytest.fixture
def deep() -> Iterator[Callable[[Path], Path]]:
    """Makes a folder so deep below another that nobody can open it by its path, not even root."""
    made: list[Path] = []

    def dig(folder: Path) -> Path:
        made.append(folder / ("d" * 255))
        place = os.open(folder, os.O_RDONLY)
        for _ in range(20):
            os.mkdir("d" * 255, dir_fd=place)
            below = os.open("d" * 255, os.O_RDONLY, dir_fd=place)
            os.close(place)
            place = below
        os.close(place)
        return made[-1]

    yield dig
    for folder in made:
        shutil.rmtree(folder)


def row(corpus: Corpus, utterance: str) -> dict[str, str]:
    rows = dict(zip(corpus.column("utterance").tolist(), corpus.table.to_dict("records"), strict=True))
    return {str(name): value for name, value in rows[utterance].items()}


def test_emodb_names_say_everything(tmp_path: Path) -> None:
    corpus = EmoDB(root=tree(tmp_path, [*EMODB, *JUNK]), counts="any").read(WHERE)
    assert corpus.column("utterance").tolist() == ["03a01Fa", "08a02Wb", "14a05Nd", "16b10Lc"]
    expected = {"speaker": "03", "gender": "male", "emotion": "happiness", "text": "Der Lappen liegt auf dem Eisschrank."}
    assert row(corpus, "03a01Fa").items() >= expected.items()
    assert row(corpus, "16b10Lc").items() >= {"speaker": "16", "gender": "female", "emotion": "boredom"}.items()
    assert Path(row(corpus, "08a02Wb")["file"]) == tmp_path / "part1" / "08a02Wb.flac"


def test_ravdess_names_say_everything(tmp_path: Path) -> None:
    corpus = Ravdess(root=tree(tmp_path, [*RAVDESS, *JUNK]), counts="any").read(WHERE)
    assert len(corpus) == 2
    expected = {"speaker": "12", "gender": "female", "emotion": "fear", "text": "Dogs are sitting by the door."}
    assert row(corpus, "03-01-06-01-02-01-12").items() >= expected.items()
    assert row(corpus, "03-01-02-02-01-02-01").items() >= {"speaker": "01", "gender": "male", "emotion": "calm"}.items()


@pytest.mark.parametrize("option", [EmoDB, Ravdess])
def test_a_folder_without_the_corpus_is_refused(tmp_path: Path, option: type[EmoDB] | type[Ravdess]) -> None:
    for root, message in (
        ("", "add corpus.root=PATH"),
        (str(tmp_path / "no"), "no folder"),
        (tree(tmp_path, JUNK[:4]), "no audio"),
    ):
        with pytest.raises(CorpusError, match=message):
            option(root=root).read(WHERE)
    with pytest.raises(SettingError, match=r"corpus\.text must be one of"):
        option(text="spoken")


@pytest.mark.parametrize(("option", "names"), [(EmoDB, EMODB), (Ravdess, RAVDESS)])
def test_other_counts_are_refused_or_noted(tmp_path: Path, option: type[EmoDB] | type[Ravdess], names: Sequence[str]) -> None:
    root = tree(tmp_path, names)
    with pytest.raises(CorpusError, match=r"does not match the release: .* expected, 1 found.*corpus\.counts=any"):
        option(root=root).read(WHERE)
    assert option(root=root, counts="any").read(WHERE).card("")["counts"].startswith("not those of the release: ")
    assert fingerprint(compose([f"corpus={option.name}", "corpus.counts=any"])) == fingerprint(compose([f"corpus={option.name}"]))


def test_a_companion_line_replaces_the_sentence_and_its_absence_drops_the_class(tmp_path: Path) -> None:
    root = tree(tmp_path, EMODB)
    lines = [f"flac/{name},about {name}" for name in EMODB if "L" not in name]
    (tmp_path / "companion_text.csv").write_text("\n".join(["file,text", *lines]))
    corpus = EmoDB(root=root, text="companion", counts="any").read(WHERE)
    assert corpus.column("text").tolist() == ["about 03a01Fa.wav", "about 08a02Wb.flac", "about 14a05Nd.WAV"]
    assert "boredom" not in corpus.classes and "boredom" in corpus.merged


def test_a_class_with_some_lines_alone_is_refused(tmp_path: Path) -> None:
    root = tree(tmp_path, [*EMODB, "03a02Fa.wav"])
    with pytest.raises(CorpusError, match=r"needs .*companion_text\.csv with the columns file, text"):
        EmoDB(root=root, text="companion", counts="any").read(WHERE)
    (tmp_path / "companion_text.csv").write_text("file,text\nflac/03a01Fa.flac,oh joy\n")
    with pytest.raises(CorpusError, match="no line for some utterances of happiness"):
        EmoDB(root=root, text="companion", counts="any").read(WHERE)


def test_without_text_there_is_none(tmp_path: Path) -> None:
    corpus = EmoDB(root=tree(tmp_path, EMODB), text="none", counts="any").read(WHERE)
    assert set(corpus.column("text")) == {""} and corpus.text_source == "none"


@pytest.mark.shared
def test_the_real_emodb_counts() -> None:
    root = str(shared("data", "emodb"))
    card = EmoDB(root=root).read(WHERE).card("")
    assert card["counts"] == "as released"
    counts = {"anger": 127, "boredom": 81, "disgust": 46, "fear": 69, "happiness": 71, "neutral": 79, "sadness": 62}
    assert (card["utterances"], card["speakers"], card["emotions"], card["unlabelled"]) == (535, 10, counts, 0)
    companion = EmoDB(root=root, text="companion").read(WHERE)
    assert len(companion) == 535 - 81 and "boredom" not in companion.classes
    assert "" not in companion.column("text") and companion.merged == "dropped boredom (no companion line)"


@pytest.mark.shared
def test_the_real_ravdess_counts() -> None:
    root = str(shared("data", "ravdess"))
    card = Ravdess(root=root).read(WHERE).card("")
    assert (card["utterances"], card["speakers"]) == (1440, 24)
    assert card["emotions"] == {name: 96 if name == "neutral" else 192 for name in card["classes"]}
    companion = Ravdess(root=root, text="companion").read(WHERE)
    assert len(companion) == 1440 - 192 and companion.merged == "dropped calm (no companion line)"


@pytest.mark.shared
def test_every_real_emodb_sentence_is_known_and_genders_are_even() -> None:
    corpus = EmoDB(root=str(shared("data", "emodb"))).read(WHERE)
    assert "" not in corpus.column("text") and len(set(corpus.column("text"))) == 10
    genders = dict(zip(corpus.column("speaker").tolist(), corpus.column("gender").tolist(), strict=True))
    assert sorted(genders.values()) == ["female"] * 5 + ["male"] * 5


@pytest.mark.parametrize(("option", "names"), [(EmoDB, EMODB), (Ravdess, RAVDESS)])
def test_a_folder_that_cannot_be_opened_is_named_and_the_rest_is_read(
    tmp_path: Path, deep: Callable[[Path], Path], option: type[EmoDB] | type[Ravdess], names: Sequence[str]
) -> None:
    root = tree(tmp_path, names)
    deep(tmp_path / "part0")
    corpus = option(root=root, counts="any").read(WHERE)
    assert len(corpus) == len(names)
    assert len(corpus.notices) == 1 and "cannot be opened (File name too long)" in corpus.notices[0]
    with pytest.raises(CorpusError, match=r"does not match the release: .*cannot be opened .*corpus\.counts=any"):
        option(root=root).read(WHERE)
    with pytest.raises(CorpusError, match=r"no audio file named like .*cannot be opened"):
        option(root=str(deep(tmp_path / "part1"))).read(WHERE)


@pytest.mark.parametrize("root", ["x" * 300, "a/" * 3000])
def test_a_root_that_no_folder_can_have_is_refused(root: str) -> None:
    with pytest.raises(CorpusError, match=r"cannot be opened: File name too long; correct corpus\.root"):
        EmoDB(root=root).read(WHERE)


@pytest.mark.parametrize("name", ["x" * 300 + ".wav", "a\0b.wav", "no/such.wav", "/proc/1/nothing/x.wav", ""])
def test_names_that_no_file_can_have_are_absent(name: str, tmp_path: Path) -> None:
    assert not is_file(tmp_path / name)
    with pytest.raises(CorpusError, match="none of 1 audio files exists"):
        check_some_file("x", [str(tmp_path / name)])


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("a.b.c", "a.b.c"),
        ("x/a.b.c.wav", "a.b.c"),
        ("m3.s_trzymaj_5", "m3.s_trzymaj_5"),
        ("v1.0/clip.MP4", "clip"),
        ("19.an.4.avi", "19.an.4"),
        ("wav", "wav"),
    ],
)
def test_only_the_suffix_of_a_known_format_is_cut(place: str, name: str) -> None:
    assert file_name(place) == name
