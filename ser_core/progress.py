"""A bar on stderr for what takes long; nothing where stderr is no terminal."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar, runtime_checkable

Element = TypeVar("Element")


@runtime_checkable
class Bar(Protocol):
    """What moves on as work gets done."""

    def __call__(self, done: int = 1) -> None: ...


@contextmanager
def bar(total: int, what: str, wanted: bool) -> Iterator[Bar]:
    """Yields what to call after each finished piece of `total`; silent unless wanted and stderr is a terminal."""
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
    """The pieces one by one, with a bar that moves on after each."""
    with bar(len(pieces), what, wanted) as advance:
        for piece in pieces:
            yield piece
            advance()
