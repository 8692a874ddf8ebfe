"""Operations of PyTorch on one thread each, so that results depend neither on the number of cores nor on other threads.

A part of the number that PyTorch keeps holds for the whole process, so several threads must not set it against each other: the
number of before returns when the last one has left.
"""

import contextlib
import threading
from collections.abc import Iterator

import torch

_lock = threading.Lock()
_own = threading.local()
"""Of each thread: `depth`, and `before`, its number of threads before it entered, if others kept it from setting that back."""
_inside: list[int] = []
"""An entry for each thread that is inside: its number before it entered."""


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Limits every operation of this thread to one thread. Threads that it starts call `use_one_thread` themselves."""
    _enter()
    try:
        yield
    finally:
        _leave()


def use_one_thread() -> None:
    """Limits the operations of the calling thread, which ends before its starter leaves `one_thread_each`."""
    torch.set_num_threads(1)


def _enter() -> None:
    _own.depth = getattr(_own, "depth", 0) + 1
    if _own.depth == 1:
        with _lock:
            # A new thread takes the number that was set last, so a thread that is inside knows better.
            number = _inside[0] if _inside else torch.get_num_threads()
            _own.before = getattr(_own, "before", 0) or number
            _inside.append(_own.before)
            torch.set_num_threads(1)


def _leave() -> None:
    _own.depth -= 1
    if not _own.depth:
        with _lock:
            _inside.remove(_own.before)
            if not _inside:
                torch.set_num_threads(_own.before)
                _own.before = 0
