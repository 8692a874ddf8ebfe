"""A progress bar on stderr for long work; silent if stderr is not a terminal."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar, runtime_checkable

Element = TypeVar("Element")


@runtime_checkable
class Bar(Protocol):
    """A function that advances the bar as work gets done."""

    def __call__(self, done: int = 1) -> None: ...


@contextmanager
def bar(total: int, what: str, wanted: bool) -> Iterator[Bar]:
    """Yields a function to call after each finished piece of `total`. Silent unless wanted and stderr is a terminal."""
    if not wanted or not total or not sys.stderr.isatty():
        yield lambda done=1: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:
        task = display.add_task(what, total=total)
        yield lambda done=1: display.advance(task, done)


def track(pieces: Sequence[Element], what: str, wanted: bool) -> Iterable[Element]:
    """Yields the pieces one by one and advances a bar after each."""
    with bar(len(pieces), what, wanted) as advance:
        for piece in pieces:
            yield piece
            advance()
