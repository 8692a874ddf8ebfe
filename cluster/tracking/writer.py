"""The process that writes to MLflow. It reads lines of JSON from the tracker of a driver and answers its last one.

    {"study": ...}  {"trial": ...}  {"fold": ...}  {"failure": ...}  {"end": ...}  {"finish": ...}  -->  {"run": id}
What has arrived is shown together. It ignores Ctrl-C and SIGTERM, and ends with its input, so it never outlives its driver.
"""

import contextlib
import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Iterable
from typing import Any, TextIO

from filelock import FileLock

from cluster.tracking.mlflow_projection import Outcome, Projection, ShownStudy, ShownTrial
from cluster.tracking.tracking_store import as_sentence
from ser_core.cross_validation.records import FoldKey, RunStore
from ser_core.errors import BridgeworkError

PATIENCE = 120
"""Seconds to wait for the writer of a driver that has just been killed."""
Message = dict[str, Any]


class Writer:
    """Turns messages into calls of the projection."""

    def __init__(self, projection: Projection) -> None:
        self.projection = projection
        self.trials: dict[str, ShownTrial] = {}
        self.ends: list[tuple[ShownTrial, Outcome | None]] = []
        self.folds: list[tuple[ShownTrial, FoldKey]] = []

    def take(self, messages: Iterable[Message]) -> str:
        """Handles what has arrived, and shows the folds among it together. Returns the study's run id after the last message."""
        for message in messages:
            ((what, given),) = message.items()
            if what == "trial":
                variant, seed, overrides, keys = given
                trial = ShownTrial(variant, seed, tuple(overrides), tuple(FoldKey(*key) for key in keys))
                self.trials[trial.path] = trial
            elif what == "fold":
                self.folds.append((self.trials[given[0]], FoldKey(*given[1:])))
            elif what == "failure":
                self.projection.failure(self.trials[given[0]], *given[1:])
            elif what == "end":
                pruned = given[1]
                self.ends.append((self.trials[given[0]], None if pruned is None else Outcome(pruned)))
            else:
                return self.projection.finish(self.ends, given["reports"], given["complete"])
        self.projection.folds(self.folds)
        self.folds.clear()
        return ""


def main() -> None:
    """Writes until the input ends."""
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a batch system sends them to all processes
        signal.signal(sign, signal.SIG_IGN)
    # Libraries may print: only our answer may reach the driver.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    arrived: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(sys.stdin, arrived), daemon=True).start()
    header = arrived.get()
    if header is None:
        return
    answer = _answer(header, arrived)
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(answer), file=answers, flush=True)


def _answer(header: Message, arrived: "queue.SimpleQueue[Message | None]") -> Message:
    """Shows what arrives. Returns the study's run id, or the error, when there is nobody left to wait for more."""
    try:
        study, store = ShownStudy(**header["study"]), RunStore(header["store"])
        # Two processes would write the same runs twice.
        with FileLock(store.folder / "studies" / study.id / ".tracking.lock", timeout=PATIENCE):
            writer = Writer(Projection(study, store, header["uri"], header["show_test"]))
            while messages := _arrived(arrived):
                if run := writer.take(messages):
                    return {"run": run}
    except BaseException as error:
        known = as_sentence(error, header["uri"])
        found = {"error": str(known)} if isinstance(known, BridgeworkError) else {"traceback": traceback.format_exc()}
        while message := arrived.get():  # the driver hears of it at its end
            if "finish" in message:
                break
        return found
    return {}


def _arrived(queue: "queue.SimpleQueue[Message | None]") -> list[Message]:
    """Waits for a message and returns it with all others that are there, [] at the end of the input."""
    found: list[Message] = []
    while (message := queue.get()) is not None:
        found.append(message)
        if queue.empty():
            return found
    queue.put(None)  # for the next call
    return found


def _read(stream: TextIO, arrived: "queue.SimpleQueue[Message | None]") -> None:
    """Reads lines until the end. Half a line, which a killed driver leaves, counts as the end."""
    with contextlib.suppress(ValueError):
        for line in stream:
            arrived.put(json.loads(line))
    arrived.put(None)


if __name__ == "__main__":
    main()
