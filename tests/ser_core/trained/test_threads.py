"""A model that several threads use at once, from its first call on, answers to the last bit as it does alone."""

import threading
from pathlib import Path

import pytest
import torch

from ser_core.dataset.dataset import Dataset
from ser_core.one_thread import one_thread_each
from ser_core.trained import EmotionModel, load
from tests.conftest import Configure
from tests.ser_core.encoders.checkpoints import speech_checkpoint, text_checkpoint
from tests.ser_core.trained.made import untrained

THREADS = 8


@pytest.fixture
def two_threads(one_thread: None) -> None:
    """As many as PyTorch takes for an operation outside of tests, at least on two cores. `one_thread` sets the number back."""
    torch.set_num_threads(2)


def answers_together(model: EmotionModel, asked: list[tuple[str, str]]) -> list[list[object]]:
    """What each thread is told, three times, while all run at once."""
    found: list[list[object]] = [[] for _ in asked]
    start = threading.Barrier(len(asked))

    def ask(number: int) -> None:
        start.wait()
        found[number] += [repr(model(*asked[number])) for _ in range(3)]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.parametrize("encoders", [False, True], ids=["plain", "checkpoints"])
def test_eight_threads(encoders: bool, configure: Configure, inputs: Dataset, tmp_path: Path, two_threads: None) -> None:
    words = []
    if encoders:
        speech, text = speech_checkpoint(tmp_path / "speech", "hubert"), text_checkpoint(tmp_path / "text", "bert")
        words = [f"model.speech={speech}", f"model.text={text}", "model.text.max_tokens=32"]
    folder = untrained(configure(*words), tmp_path / "model", dataset=None if encoders else inputs)
    torch.set_num_threads(2)
    asked = [(str(row.file), str(row.text)) for row in inputs.corpus.table.head(THREADS).itertuples()]
    together = answers_together(load(folder), asked)
    assert torch.get_num_threads() == 2
    model = load(folder)
    assert together == [[repr(model(*each))] * 3 for each in asked]


def test_the_number_of_threads_returns_when_the_last_one_has_left(two_threads: None) -> None:
    inside, leave = threading.Barrier(2), threading.Event()

    def stay() -> None:
        with one_thread_each():
            inside.wait()
            leave.wait()

    other = threading.Thread(target=stay)
    with one_thread_each():
        other.start()
        inside.wait()
        with one_thread_each():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 1
    leave.set()
    other.join()
    with one_thread_each():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
