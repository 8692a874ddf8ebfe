"""The plain way to train a head on a frozen encoder: every epoch decodes, pads and encodes every utterance anew.

    files --decode, pad a batch of 16--> frozen encoder (no_grad) --mean over frames--> head --> cross-entropy, AdamW
It has one head and no text, so what it leaves out is in its favour. It is too slow to be run through: batches are measured, and
seconds are extrapolated by utterances. A batch that is trained stands for one that is only scored, too: the head costs nothing.
"""

import time
from typing import Any

import torch
from torch import nn
from usual import Usual

from ser_core import audio
from ser_core.cross_validation.plan import Plan
from ser_core.encoders import checkpoint

BATCH = 16


class Plain:
    """The plain script over the corpus of a plan, on as many threads as our own way (run.threads)."""

    def __init__(self, planned: Plan) -> None:
        option: Any = planned.config.model.speech
        self.usual = Usual(checkpoint.find(option.path, option.key))
        self.table, self.audio, self.classes = planned.dataset.corpus.table, planned.config.audio, planned.dataset.corpus.classes
        self.threads = planned.config.run.threads
        self.head = nn.Sequential(nn.Linear(self.usual.dim, 256), nn.ReLU(), nn.Linear(256, len(self.classes)))
        self.optimiser = torch.optim.AdamW(self.head.parameters(), lr=1e-3)
        self.order = torch.randperm(len(self.table), generator=torch.Generator().manual_seed(0)).tolist()

    def measured(self, batches: int, heard: int) -> dict[str, float]:
        """Trains so many batches, and says what `heard` utterances would take: each as often as an epoch hears it."""
        torch.set_num_threads(self.threads)
        begun = time.perf_counter(), time.process_time()
        for _ in range(batches):
            self.train([self.order.pop() for _ in range(min(BATCH, len(self.order)))])
        seconds = {"wall": time.perf_counter() - begun[0], "processor": time.process_time() - begun[1]}
        share = heard / (batches * BATCH)
        found = {kind: round(value * share, 1) for kind, value in seconds.items()}
        found |= {f"measured_{kind}": round(value, 2) for kind, value in seconds.items()}
        return found | {"utterances": batches * BATCH, "extrapolated_to": heard}

    def train(self, rows: list[int]) -> None:
        """One step on these utterances."""
        chosen = self.table.iloc[rows]
        files = zip(chosen["file"], chosen["start"], chosen["end"], strict=True)
        waves = [audio.load(file, start, end, self.audio) for file, start, end in files]
        with torch.no_grad():
            states = self.usual.states(self.usual.inputs(waves), every=False)[-1]
        known = [self.classes.index(name) if name in self.classes else -100 for name in chosen["emotion"]]
        pooled = torch.stack([state[: self.usual.frames(wave)].mean(0) for state, wave in zip(states, waves, strict=True)])
        loss = nn.functional.cross_entropy(self.head(pooled), torch.tensor(known))
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
