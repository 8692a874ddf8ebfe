"""How a fold is checkpointed: its states go into one file, so a killed process loses only the work since the last save.

    {"development": {...}, "refit": {...}, "seconds": 81.5} --torch.save, renamed into place--> .fold-03.state
Reading the file never unpickles code. The file is deleted when the fold's record is written.
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
    """Saves at most once per given number of seconds. Without a file it saves nothing.

    `on_change` is called after the file has been saved or deleted.
    """

    def __init__(self, file: Path | None = None, seconds: float = 0.0, on_change: Callable[[], None] = lambda: None) -> None:
        self.file, self.seconds, self.on_change = file, seconds, on_change
        self.states: dict[str, State] = {}
        self.before = 0.0
        """Seconds that earlier processes spent on this fold up to their last checkpoint."""
        self.begun = self.saved = time.monotonic()

    def load(self, device: torch.device) -> None:
        """Loads what an earlier process saved. A damaged or foreign file is ignored."""
        if self.file is None or not self.file.exists():
            return
        try:
            # weights_only: unpickling could run code, and others may be able to write to a shared store.
            found = torch.load(self.file, map_location=device, weights_only=True)
            self.before, self.states = found["seconds"], found["states"]
        except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError):
            # The fold starts from the beginning, which costs time but is always correct.
            self.states = {}

    @property
    def spent(self) -> float:
        """Returns the seconds spent on this fold."""
        return self.before + time.monotonic() - self.begun

    def phase_state(self, phase: str) -> State | None:
        """Returns the state of a phase, or None if it has none."""
        return self.states.get(phase)

    def save(self, phase: str, state: Callable[[], State]) -> None:
        """Saves the state of a running phase if the last save is long enough ago."""
        if self.file is None or time.monotonic() - self.saved < self.seconds:
            return
        # Write a draft and rename it, so that a kill during the save leaves the previous file intact.
        draft = self.file.with_name(f"{self.file.name}.{uuid.uuid4().hex}")
        try:
            torch.save({"seconds": self.spent, "states": {**self.states, phase: state()}}, draft)
            draft.replace(self.file)
        finally:
            draft.unlink(missing_ok=True)
        self.on_change()
        self.saved = time.monotonic()

    def finish_phase(self, phase: str, state: State) -> None:
        """Keeps the final state of a phase, to be saved with the states of the next one."""
        self.states[phase] = state

    def delete(self) -> None:
        """Deletes the file."""
        if self.file is not None:
            self.file.unlink(missing_ok=True)
            self.on_change()
