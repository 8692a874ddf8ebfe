"""Prints a store's records as text, so that they can travel through a job's log: `python -m cluster.submit.send STORE [HAVE]`.

    ===BEGIN-BRIDGEWORK=== more=0 sha256=3f9a...
    /Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4CR/...        base64 of a tar.xz (cluster/submit/bundle.py)
    ===END-BRIDGEWORK===
HAVE names what the receiver has: digests of `DIGITS` letters, one after the other. With --wipe, the program waits until it is
stopped, then empties the file that it has printed to: the log of a Ray job stays on the head, where others may read it.
"""

import base64
import hashlib
import os
import re
import signal
import sys
import textwrap
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from cluster.submit.bundle import DIGITS, Arrived, Bundle, contents, pack, unpack
from cluster.submit.programs import last_words
from ser_core.config.default_store import DEFAULT_STORE
from ser_core.cross_validation.records import RunStore
from ser_core.errors import RecordError

SENT = re.compile(r"===BEGIN-BRIDGEWORK=== more=([01]) sha256=([0-9a-f]{64})\s(.*?)===END-BRIDGEWORK===", re.DOTALL)
WIPE, KEPT = "--wipe", 300
"""Option of this program, and seconds after which it empties its output although nobody has stopped it."""
END = "===END-BRIDGEWORK==="
NAMED = 10_000
"""Most digests that fit into one command. A receiver with more gets some records twice, and keeps its own."""


def sent_text(bundle: Bundle) -> str:
    """Returns a bundle as lines of text with its SHA-256."""
    digest = hashlib.sha256(bundle.content).hexdigest()
    lines = textwrap.wrap(base64.b64encode(bundle.content).decode(), 120)
    head = f"===BEGIN-BRIDGEWORK=== more={int(bundle.more)} sha256={digest}"
    return "\n".join([head, *lines, END, ""])


def received(text: str) -> Bundle:
    """Finds the bundle in what a job printed. Raises RecordError with the job's last words when there is none."""
    found = SENT.search(text)
    if not found:
        # Without what Ray prints about each job, in which the receiver's digests would fill the sentence.
        words = [line for line in text.splitlines() if " INFO " not in line and not line.startswith("Running entrypoint")]
        raise RecordError(
            f"the cluster sent no records; its job printed: {last_words(chr(10).join(words))}. Check that submit.python names a "
            "Python there that can import Bridgework, and submit the command again with it, which trains nothing twice"
        )
    content = base64.b64decode(found[3])
    if hashlib.sha256(content).hexdigest() != found[2]:
        raise RecordError("the records arrived damaged (their SHA-256 differs); repeat `ser fetch`")
    return Bundle(content, found[1] == "1")


def receive_all(store: RunStore, ask: Callable[[str], str]) -> Arrived:
    """Asks for bundles until nothing is missing. `ask(have)` runs `send` with these digests and returns what it printed."""
    arrived, more = Arrived(), True
    while more:
        bundle = received(ask("".join(list(contents(store).values())[-NAMED:])))
        more = bundle.more
        if bundle.content:
            arrived += unpack(bundle.content, store)
    return arrived


def home_sentence(arrived: Arrived, store: Path) -> str:
    """Returns one sentence about what came home, and the command that shows it."""
    records = f"{arrived.records} new record{'' if arrived.records == 1 else 's'}"
    named = f" and {', '.join(sorted(arrived.studies))}" if arrived.studies else ""
    shown = f"; see it with: ser report {sorted(arrived.studies)[-1]}" if arrived.studies else ""
    return f"{records}{named} came into {store}{shown}{f' --store {store}' if shown and store != Path(DEFAULT_STORE) else ''}"


def _digests(have: str) -> Collection[str]:
    return {have[start : start + DIGITS] for start in range(0, len(have), DIGITS)}


def _wipe_when_read() -> None:
    """Waits until somebody has read what was printed and stops this program, then empties the file that it went to."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    sys.stdout.flush()
    stopped.wait(KEPT)
    with suppress(OSError):  # a terminal or a pipe
        os.ftruncate(sys.stdout.fileno(), 0)


if __name__ == "__main__":
    _, place, *rest = sys.argv
    have = [word for word in rest if word != WIPE]
    sys.stdout.write(sent_text(pack(RunStore(Path(place).expanduser()), _digests("".join(have)))))
    if WIPE in rest:
        _wipe_when_read()
