"""CTC against torch on unpadded singletons, texts that do not fit, and what a decoder makes of certain frames."""

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ser_core.batch import pad
from ser_core.keyed_dropout import DropoutKey
from ser_core.tasks.transcript import CHARACTERS, Transcript, TranscriptHead, fits, spelled, written
from tests.ser_core.tasks.made import CORPUS, leaf, views

WORDS = ["so it is", "hello", "", "aaa", "no", "ha ha ha"]
FRAMES = [20, 6, 9, 4, 2, 30]


def material(seed: int) -> tuple[list[Tensor], Tensor]:
    """Frames of different lengths and targets: the third text is empty, the fourth fits no alignment."""
    generator = torch.Generator().manual_seed(seed)
    frames = [torch.randn(length, 1 + len(CHARACTERS), generator=generator) for length in FRAMES]
    longest = max(map(len, WORDS))
    return frames, torch.tensor([spelled(text) + [-1] * (longest - len(text)) for text in WORDS])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("summed", [True, False])
def test_the_loss_of_a_padded_batch_is_torchs_of_unpadded_singletons(summed: bool, seed: int) -> None:
    frames, targets = material(seed)
    head = TranscriptHead(width=4, hidden=0, dropout=0.0, summed=summed)
    each = []
    for row, text in enumerate(WORDS):
        if row not in (2, 3):
            logs = frames[row].log_softmax(-1)
            lost = torch.nn.functional.ctc_loss(
                logs, torch.tensor(spelled(text)), torch.tensor(len(logs)), torch.tensor(len(text)), reduction="sum"
            )
            each.append(lost if summed else lost / len(text))
    expected = torch.stack(each).sum() if summed else torch.stack(each).mean()
    assert torch.allclose(head.loss(pad(frames), targets), expected, rtol=1e-5)


def test_ctc_is_the_sum_over_alignments() -> None:
    """ "no" over three frames: n n o, n o o, - n o, n - o, n o -."""
    frames = torch.randn(1, 3, 1 + len(CHARACTERS), generator=torch.Generator().manual_seed(0))
    shares, (n, o) = frames[0].softmax(-1), spelled("no")
    paths = [(n, n, o), (n, o, o), (0, n, o), (n, 0, o), (n, o, 0)]
    whole = sum(shares[0, a] * shares[1, b] * shares[2, c] for a, b, c in paths)
    head = TranscriptHead(width=4, hidden=0, dropout=0.0, summed=True)
    assert torch.allclose(head.loss(pad(list(frames)), torch.tensor([[n, o]])), -torch.log(torch.as_tensor(whole)), atol=1e-5)


def test_a_text_longer_than_the_frames_allow_is_left_out_and_counted() -> None:
    frames, targets = material(0)
    assert fits(targets, torch.tensor(FRAMES)).tolist() == [True, True, True, False, True, True]
    task = Transcript(weight=1)
    assert task.left_out(targets, {"speech": FRAMES}) == 1 == task.left_out(targets[3:4], {"speech": [4]})
    for summed in (True, False):
        steps = pad(frames).steps.requires_grad_()
        head = TranscriptHead(width=4, hidden=0, dropout=0.0, summed=summed)
        loss = head.loss(dataclasses.replace(pad(frames), steps=steps), targets)
        loss.backward()
        assert loss.isfinite() and steps.grad is not None and steps.grad.isfinite().all()
        assert not steps.grad[[2, 3]].any() and steps.grad[0].any()


@given(st.text(alphabet=CHARACTERS, max_size=12))
def test_certain_frames_are_read_as_they_are_said(said: str) -> None:
    """Each character twice and a blank between: repeats go, blanks go, the padding behind is silent."""
    numbers = spelled(said)
    aligned = [number for each in numbers for number in (each, each, 0)] or [0]
    steps = torch.nn.functional.one_hot(torch.tensor(aligned), 1 + len(CHARACTERS)).float()
    longer = torch.ones(len(aligned) + 4, 1 + len(CHARACTERS))
    head = TranscriptHead(width=4, hidden=0, dropout=0.0, summed=False)
    assert written(head.answers(pad([steps, longer])))[0] == written(torch.tensor([numbers]))[0]


def test_spelling_keeps_to_the_alphabet_of_the_recognisers() -> None:
    assert written(torch.tensor([spelled("Stra\u00dfe, \u00c4rger! 3rd [LAUGHTER]")])) == ["strasse arger rd"]
    assert spelled("\u4f60\u597d 42") == []
    assert len(CHARACTERS) == 28


def test_it_reads_the_stream_and_not_the_fused_vector() -> None:
    head, frames = Transcript(weight=1).build(CORPUS, 99, 6, 0.0), leaf(6)
    seen = views(frames)
    blind = dataclasses.replace(seen, fused=torch.zeros(8, 99))
    assert torch.equal(head(seen, DropoutKey(None)).steps, head(blind, DropoutKey(None)).steps)
