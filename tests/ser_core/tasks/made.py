"""Eight utterances with every label a task may ask for, the third without any, and batches of them as heads see them."""

import dataclasses

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ser_core.batch import Stream
from ser_core.corpus.corpus import Corpus, Dimension, complete
from ser_core.tasks import TaskOption, Tasks, Views

EMOTIONS = ["joy", "anger", "", "joy", "fear", "anger", "joy", "fear"]
VOTES = np.array([[np.nan] * 3 if not name else [float(name == each) for each in ("anger", "fear", "joy")] for name in EMOTIONS])
VOTES[1] = [0.75, 0.25, 0]
TEXTS = ["so it is", "no", "", "so it is", "oh", "no", "ha ha", "oh"]
SCRIPTS = ["impro01", "script01", "", "impro01", "script02", "script01", "impro02", "script02"]
CORPUS = Corpus(
    name="made",
    table=complete(
        pd.DataFrame(
            {
                "utterance": [f"u{number}" for number in range(8)],
                "file": "/x.wav",
                "speaker": ["1", "2", "1", "3", "1", "2", "3", "1"],
                "gender": ["f", "m", "", "f", "m", "f", "m", "f"],
                "emotion": EMOTIONS,
                "text": TEXTS,
                "script": SCRIPTS,
                "valence": [1.0, 2.0, np.nan, 3.0, 4.0, 5.0, 2.5, 1.5],
                "arousal": [np.nan, 2.0, np.nan, 3.0, -4.0, 5.0, 2.5, 1.5],
            }
        )
    ),
    classes=("anger", "fear", "joy"),
    dimensions=(Dimension("valence", 1, 5), Dimension("arousal", -5, 5)),
    licence="none",
    source="made here",
    votes=VOTES,
)
BARE = dataclasses.replace(
    CORPUS,
    classes=("joy",),
    dimensions=(),
    votes=None,
    table=CORPUS.table.assign(emotion="joy", gender="f", speaker="1", text="", script=""),
)
"""Where nothing can be learned."""
FRAMES = 16


def leaf(width: int, batch: int = 8, seed: int = 0) -> Tensor:
    """Speech frames to differentiate by."""
    return torch.randn(batch, FRAMES, width, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def views(frames: Tensor, padding: int = 0) -> Views:
    """A batch of these frames, all heard, and so much padding behind; the fused vector is their mean."""
    steps = torch.nn.functional.pad(frames, (0, 0, 0, padding))
    mask = (torch.arange(steps.shape[1]) < frames.shape[1]).expand(len(steps), -1)
    speech = Stream(steps, mask)
    return Views({"speech": speech}, speech.mean() * FRAMES**0.5)


def targets_of(task: TaskOption) -> Tensor:
    """The task's targets, the third utterance unlabelled even where, as with speakers, every utterance has a label."""
    targets = task.targets(CORPUS)
    if task.key == "tasks.speaker":
        targets[2] = -1
    return targets


def name_of(task: TaskOption) -> str:
    return next(name for name, each in Tasks().all().items() if type(each) is type(task))
