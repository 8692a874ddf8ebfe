"""The demo corpus: same knobs, same bytes; made once and whole; words and voice each carry a part of the emotion."""

import dataclasses
import hashlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import espeakng_loader
import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import recall_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from torchaudio.functional import melscale_fbanks

from ser_core.corpus import demo, espeak
from ser_core.corpus.corpus import Corpus
from ser_core.corpus.demo import DemoCorpus
from ser_core.corpus.demo_script import CLASSES, VOICES, write_script
from ser_core.corpus.demo_sentences import OPEN, OWN, PAIRS, SHARED, SLOTS
from ser_core.corpus.espeak import Line
from ser_core.errors import CorpusError, SettingError

SMALL = DemoCorpus(speakers=2, sentences=6)

READ = """
import sys
from pathlib import Path
from ser_core.corpus import demo

spoken = []
speak = demo.espeak.speak
demo.espeak.speak = lambda lines: spoken.append(len(lines)) or speak(lines)
for speakers in map(int, sys.argv[2:]):
    demo.DemoCorpus(speakers=speakers, sentences=6).read(Path(sys.argv[1]))
print(*spoken)
"""
"""Reads corpora of so many speakers into a folder, and says how many lines it spoke for each that it had to make."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def small(cache: Path) -> Corpus:
    return SMALL.read(cache)


def content(corpus: Corpus) -> dict[str, str]:
    files = zip(corpus.table["utterance"], corpus.table["file"], strict=True)
    return {utterance: hashlib.sha256(Path(file).read_bytes()).hexdigest() for utterance, file in files}


def reader(cache: Path, *speakers: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", READ, str(cache), *map(str, speakers)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def answer(process: subprocess.Popen[str]) -> list[int]:
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return [int(lines) for lines in said.split()]


def test_every_speaker_says_every_emotion_equally_often(small: Corpus) -> None:
    table = small.table
    assert small.name == "demo" and small.classes == CLASSES and small.text_source == "spoken"
    assert table.groupby(["speaker", "emotion"]).size().to_dict() == {(s, e): 6 for s in ("01", "02") for e in CLASSES}
    assert table.groupby("speaker")[["gender", "session"]].first().to_numpy().tolist() == [["male", "1"], ["female", "1"]]
    assert (table["text"].str.len() > 10).all() and not table["text"].str.contains("[{}]").any()
    assert [(d.name, d.low, d.high) for d in small.dimensions] == [(n, 1, 5) for n in ("valence", "arousal", "dominance")]


def test_files_are_16_khz_mono_and_neither_silent_nor_clipped(small: Corpus) -> None:
    for file in small.table["file"]:
        assert Path(file).is_absolute()
        about, (wave, _) = soundfile.info(file), soundfile.read(file)
        assert (about.format, about.subtype, about.samplerate, about.channels) == ("FLAC", "PCM_16", 16000, 1)
        assert 0.5 < about.duration < 8 and 0.05 < np.abs(wave).max() < 1


def test_processes_that_ask_at_once_make_it_once_and_alike(small: Corpus, tmp_path: Path) -> None:
    """One of them speaks another corpus first; the bytes are those that this process made in another folder."""
    readers = [reader(tmp_path, 3, 2), reader(tmp_path, 2)]
    assert sorted(lines for process in readers for lines in answer(process)) == [2 * 4 * 6, 3 * 4 * 6]
    theirs = SMALL.read(tmp_path)
    assert content(theirs) == content(small)
    pd.testing.assert_frame_equal(theirs.table.drop(columns="file"), small.table.drop(columns="file"))


def test_threads_that_ask_at_once_make_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoken, speak = [], espeak.speak
    monkeypatch.setattr(demo.espeak, "speak", lambda lines: spoken.append(len(lines)) or speak(lines))
    with ThreadPoolExecutor(4) as pool:
        contents = list(pool.map(lambda _: content(SMALL.read(tmp_path)), range(4)))
    assert spoken == [2 * 4 * 6]
    assert all(each == contents[0] for each in contents)


def test_a_corpus_cut_off_half_way_is_made_anew(small: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []

    def write(path: Path, wave: np.ndarray) -> None:
        written.append(path)
        if len(written) > 7:
            raise KeyboardInterrupt
        demo_write(path, wave)

    demo_write = demo.write_audio
    with monkeypatch.context() as patch:
        patch.setattr(demo, "write_audio", write)
        with pytest.raises(KeyboardInterrupt):
            SMALL.read(tmp_path)
    assert [path.suffix for path in (tmp_path / "demo").iterdir() if path.is_dir()] == [".part"]
    assert content(SMALL.read(tmp_path)) == content(small)
    assert [path.suffix for path in (tmp_path / "demo").iterdir() if path.is_dir()] == [""]


def test_a_corpus_that_lost_a_file_is_made_anew(small: Corpus, tmp_path: Path) -> None:
    (file, *_) = SMALL.read(tmp_path).table["file"]
    Path(file).unlink()
    assert content(SMALL.read(tmp_path)) == content(small)


def test_a_library_that_does_not_load_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espeakng_loader, "get_library_path", lambda: str(tmp_path / "libespeak-ng.so"))
    with pytest.raises(CorpusError, match=r"libespeak-ng\.so.*reinstall"):
        SMALL.read(tmp_path)
    with pytest.raises(CorpusError, match="cannot speak"):
        list(espeak.speak([Line("Hello.", "en-us+m3")]))


def test_every_voice_speaks_and_no_two_alike() -> None:
    lines = [Line("The office opens at nine.", voice) for session in VOICES for voice in session]
    waves = [wave.tobytes() for wave in espeak.speak(lines)]
    assert len(set(waves)) == len(lines) == 20
    with pytest.raises(CorpusError, match="no voice 'xx'"):
        list(espeak.speak([Line("Hello.", "xx")]))


def test_a_speaker_does_not_depend_on_how_many_there_are() -> None:
    few, few_lines = write_script(3, 6, seed=5)
    many, many_lines = write_script(20, 6, seed=5)
    assert many_lines[: len(few_lines)] == few_lines
    pd.testing.assert_frame_equal(many.head(len(few)), few)
    assert write_script(3, 6, seed=6)[1] != few_lines


def test_sentences_are_of_their_emotion_and_vary() -> None:
    rows, _ = write_script(20, 60, seed=1)
    for emotion in CLASSES:
        allowed = {fixed_words(text) for text in (*OWN[emotion], *SHARED[PAIRS[emotion]], *OPEN)}
        texts = {text for text, said in zip(rows["text"], rows["emotion"], strict=True) if said == emotion}
        assert {fixed_words(text) for text in texts} <= allowed
        assert len(texts) > 150


def fixed_words(text: str) -> str:
    """A sentence or template with every slot blanked, in lower case."""
    text = text.lower()
    for slot, words in SLOTS.items():
        for word in (f"{{{slot}}}", *words):
            text = text.replace(word.lower(), "_")
    return text


@pytest.mark.parametrize(("knob", "value"), [("speakers", 1), ("speakers", 21), ("sentences", 5), ("seed", -1)])
def test_a_knob_out_of_range_is_refused(knob: str, value: int) -> None:
    with pytest.raises(SettingError, match=f"corpus.{knob}"):
        dataclasses.replace(SMALL, **{knob: value})


def test_each_channel_carries_a_part(cache: Path) -> None:
    """Leave one speaker out, linear models: log-mel statistics of the peak-normalised voice, bag of words, both."""
    table = DemoCorpus().read(cache).table
    voice = np.stack([log_mel_statistics(file) for file in table["file"]])
    words = bag_of_words(list(table["text"]))
    with threadpool_limits(1):
        heard, read, both = (uar(features, table) for features in (voice, words, np.hstack([voice, words])))
        assert 0.58 < heard < 0.75 and 0.55 < read < 0.72
        assert max(heard, read) + 0.08 < both < 0.92
        assert agreement(voice, table, "arousal") > 0.7 > 0.6 > agreement(words, table, "arousal")
        assert agreement(words, table, "valence") > 0.7 > 0.65 > agreement(voice, table, "valence")


def log_mel_statistics(file: str) -> np.ndarray:
    """Mean and deviation over time of 80 log-mel bands; 25 ms windows every 10 ms."""
    wave, _ = soundfile.read(file)
    frames = np.lib.stride_tricks.sliding_window_view(wave / np.abs(wave).max(), 400)[::160] * np.hanning(400)
    steps = np.log(np.abs(np.fft.rfft(frames)) ** 2 @ melscale_fbanks(201, 0, 8000, 80, 16000).numpy() + 1e-6)
    return np.concatenate([steps.mean(0), steps.std(0)])


def bag_of_words(texts: list[str]) -> np.ndarray:
    said = [set(re.findall(r"\w+", text.lower())) for text in texts]
    return np.array([[float(word in words) for word in sorted(set.union(*said))] for words in said])


def uar(features: np.ndarray, table: pd.DataFrame) -> float:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=3000))
    said = cross_val_predict(model, features, table["emotion"], groups=table["speaker"], cv=LeaveOneGroupOut())
    return float(recall_score(table["emotion"], said, average="macro"))


def agreement(features: np.ndarray, table: pd.DataFrame, dimension: str) -> float:
    model = make_pipeline(StandardScaler(), Ridge(300))
    said = cross_val_predict(model, features, table[dimension], groups=table["speaker"], cv=LeaveOneGroupOut())
    return float(np.corrcoef(np.asarray(said), table[dimension])[0, 1])
