"""Keeps the states of a fold in training in one file, so that a kill costs no more than what was trained since the last one.

    {"development": {...}, "refit": {...}, "seconds": 81.5} --torch.save, renamed into place--> .fold-03.state
Read back without unpickling code. The file goes when the fold's record is written.
"""

import pickle
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

State = dict[str, Any]
"""Plain values and tensors."""


class Checkpoint:
    """Saves at most every so many seconds; without a file it keeps nothing."""

    def __init__(self, file: Path | None = None, seconds: float = 0.0) -> None:
        self.file, self.seconds = file, seconds
        self.states: dict[str, State] = {}
        self.before = 0.0
        """Seconds that earlier processes spent on this fold until their last state."""
        self.begun = self.saved = time.monotonic()

    def load(self, device: torch.device) -> None:
        """Takes up what an earlier process left; a damaged or foreign file counts as none."""
        if self.file is None or not self.file.exists():
            return
        try:
            found = torch.load(self.file, map_location=device, weights_only=True)
            self.before, self.states = found["seconds"], found["states"]
        except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError):
            self.states = {}

    @property
    def spent(self) -> float:
        """Seconds spent on this fold."""
        return self.before + time.monotonic() - self.begun

    def phase_state(self, phase: str) -> State | None:
        """The state of a phase, if it has one."""
        return self.states.get(phase)

    def save(self, phase: str, state: Callable[[], State]) -> None:
        """Saves the state of a phase that is under way, when the last saving is long enough ago."""
        if self.file is None or time.monotonic() - self.saved < self.seconds:
            return
        draft = self.file.with_name(f"{self.file.name}.{uuid.uuid4().hex}")
        try:
            torch.save({"seconds": self.spent, "states": {**self.states, phase: state()}}, draft)
            draft.replace(self.file)
        finally:
            draft.unlink(missing_ok=True)
        self.saved = time.monotonic()

    def finish_phase(self, phase: str, state: State) -> None:
        """Remembers the state that a phase ended with, to be saved with those of the next."""
        self.states[phase] = state

    def delete(self) -> None:
        """Removes the file."""
        if self.file is not None:
            self.file.unlink(missing_ok=True)
