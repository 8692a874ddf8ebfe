"""How folds that train together are checkpointed: a fixed pack in one file, with all states from the same moment.

    FoldCheckpoint (fold 1) --\
    FoldCheckpoint (fold 2) ---+-- states, after an epoch of each --> Checkpoint of the pack --> one file
The stacked folds decide the last bits, so a killed pack resumes with all its folds or not at all. If the last bits do not matter
(optim.pack=0), each fold has its own file.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from ser_core.training.checkpoint import Checkpoint, State

PHASE = "together"
"""The only phase of a pack's checkpoint. It holds the phases of its folds."""


class FoldCheckpoint(Checkpoint):
    """The checkpoint of one fold of a pack. Without a file it saves nothing, but returns its state on request."""

    def __init__(self, file: Path | None = None, seconds: float = 0.0, on_change: Callable[[], None] = lambda: None) -> None:
        super().__init__(file, seconds, on_change)
        self.worked = 0.0
        """Seconds of work on this fold: its share of each epoch of the pack."""
        self.failure = ""
        """Why the fold cannot be trained; "" while it can."""
        self._under_way: Callable[[], State] = dict

    @property
    def spent(self) -> float:
        return self.before + self.worked

    def save(self, phase: str, state: Callable[[], State]) -> None:
        # Deferred: the pack saves less often than after every epoch, and taking a state copies tensors.
        self._under_way = lambda: {phase: state()}
        super().save(phase, state)

    def finish_phase(self, phase: str, state: State) -> None:
        super().finish_phase(phase, state)
        self._under_way = dict

    def development_scores(self) -> list[float]:
        """Returns the development scores of the epochs that a killed process trained."""
        return [epoch["dev"] for epoch in self.states.get("development", {}).get("log", [])]

    def state(self) -> State:
        """Returns everything needed to resume. Call it after an epoch or when the fold is done."""
        states = {} if self.failure else {**self.states, **self._under_way()}
        return {"seconds": self.worked, "failure": self.failure, "states": states}


def load_pack(checkpoint: Checkpoint, folds: Mapping[int, FoldCheckpoint], device: torch.device) -> None:
    """Gives each fold's checkpoint the state that the pack's file holds for it."""
    checkpoint.load(device)
    for number, state in (checkpoint.phase_state(PHASE) or {}).items():
        own = folds[int(number)]
        own.worked, own.failure, own.states = state["seconds"], state["failure"], state["states"]


def save_pack(checkpoint: Checkpoint, folds: Mapping[int, FoldCheckpoint]) -> None:
    """Saves the states of all folds if the last save is long enough ago."""
    checkpoint.save(PHASE, lambda: {str(number): own.state() for number, own in folds.items()})
