"""Keeps the states of folds that are trained beside each other: those of a fixed pack in one file, all of the same moment.

    FoldCheckpoint (fold 1) --\
    FoldCheckpoint (fold 2) ---+-- states, after an epoch of each --> Keeper of the pack --> one file
What is stacked decides the last bits, so a killed pack goes on as a whole or not at all. Where they do not matter
(optim.pack=0) each lane has a file of its own.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from ser_core.training.checkpoint import Checkpoint, State

PHASE = "together"
"""The one phase of a pack's keeper; what it holds are the lanes' own."""


class FoldCheckpoint(Checkpoint):
    """The keeper of one fold of a pack: without a file it saves nothing and says how things stand when it is asked."""

    def __init__(self, file: Path | None = None, seconds: float = 0.0) -> None:
        super().__init__(file, seconds)
        self.worked = 0.0
        """Seconds of work on this fold, its share of each epoch of the pack."""
        self.failure = ""
        """Why it cannot be trained; "" while it can."""
        self._under_way: Callable[[], State] = dict

    @property
    def spent(self) -> float:
        return self.before + self.worked

    def save(self, phase: str, state: Callable[[], State]) -> None:
        self._under_way = lambda: {phase: state()}
        super().save(phase, state)

    def finish_phase(self, phase: str, state: State) -> None:
        super().finish_phase(phase, state)
        self._under_way = dict

    def development_scores(self) -> list[float]:
        """Of the epochs that a killed process has trained."""
        return [epoch["dev"] for epoch in self.states.get("development", {}).get("log", [])]

    def state(self) -> State:
        """All that there is to go on from; to be asked for after an epoch or when the fold is done."""
        states = {} if self.failure else {**self.states, **self._under_way()}
        return {"seconds": self.worked, "failure": self.failure, "states": states}


def load_pack(keeper: Checkpoint, folds: Mapping[int, FoldCheckpoint], device: torch.device) -> None:
    """Gives each fold's lane what the keeper of the pack finds in its file."""
    keeper.load(device)
    for number, state in (keeper.phase_state(PHASE) or {}).items():
        lane = folds[int(number)]
        lane.worked, lane.failure, lane.states = state["seconds"], state["failure"], state["states"]


def save_pack(keeper: Checkpoint, folds: Mapping[int, FoldCheckpoint]) -> None:
    """Saves the states of all lanes, when the last saving is long enough ago."""
    keeper.save(PHASE, lambda: {str(number): lane.state() for number, lane in folds.items()})
