"""How a command of `ser` is written for another machine: its store by its words, its parts quoted for the shell."""

import hashlib
import itertools
import shlex
from collections.abc import Iterator, Sequence

from cluster.launch.package_folder import check_lasting
from cluster.submit.job import plain_name
from cluster.submit.send import WIPE
from ser_core.errors import SettingError

TRAINING = ("run", "ablate", "search", "select")
"""Commands that train. All others read a store, so they run where the store is."""
BOUNDS = ("--seeds", "--trials", "--folds", "--hours", "--failures", "--gpu-hours", "--store")
"""Options that continue a study when they grow, and the local store: they do not choose the store of a job."""
FOLDER = "~/bridgework-jobs"
"""Where jobs keep their stores on the cluster unless `submit.store` says otherwise."""
REGISTERED = (
    "import logging, sys, ray; ray.init(address=sys.argv[1], log_to_driver=False, logging_level=logging.ERROR); "
    'print(sum(node["Alive"] for node in ray.nodes()))'
)
"""Python that prints how many nodes are registered. What `ray status` prints depends on the cluster's autoscaler."""


def remote_store(words: Sequence[str], store: str, folder: str = FOLDER) -> str:
    """Returns the store of a job on the cluster: `store`, an absolute run.store, or a folder by the words.

    The same words get the same store, so repeating a command continues it. Raises SettingError for a place that cannot last.
    """
    given = [word.removeprefix("run.store=") for word in words if word.startswith("run.store=")]
    chosen = store or next((each for each in given if each.startswith("/")), "") or f"{folder}/{_name(words)}"
    if not chosen.startswith(("/", "~/")):
        raise SettingError(f"submit.store must be absolute or start with ~/, got {chosen!r}")
    check_lasting(chosen)
    if words[:1] == ("select",) and not store:
        raise SettingError("ser select reads a search that is on the cluster; name the store of its job with submit.store=...")
    return chosen


def study_command(words: Sequence[str], program: str, store: str, address: str = "auto", archive: str = "") -> str:
    """Returns the shell command of a job: joins the cluster, writes to its own store, then copies records to the archive.

    `program` is the start of a shell command. Raises SettingError for a command that does not train.
    """
    if words[0] not in TRAINING:
        raise SettingError(f"ser {words[0]} trains nothing; fetch the records with ser fetch, then run it on this machine")
    if any(word.startswith("cluster.address=") for word in words):
        raise SettingError("a job joins the cluster that it runs on; leave out cluster.address")
    place = f"--store {in_shell(store)}" if words[0] == "select" else f"run.store={in_shell(store)}"
    kept = shlex.join(word for word in _without(words, ("--store",)) if not word.startswith("run.store="))
    command = f"{program} {kept} cluster.address={address} {place}"
    if not archive:
        return f"exec {command}"
    # The shell waits through SIGTERM, so that a job that is stopped still sends its records.
    copy = f"{program} archive all {shlex.quote(archive)} --store {in_shell(store)}"
    return f"trap : TERM; {command}; code=$?; {copy}; exit $code"


def wait_for_nodes(python: str, address: str, count: int | str, seconds: int = 600) -> str:
    """Returns shell lines for a machine of a Ray cluster that wait until this many nodes are registered.

    After `seconds` the study starts with the nodes that are there.
    """
    found = f"timeout 90 {python} -c {shlex.quote(REGISTERED)} {address} 2>/dev/null | tail -n 1"
    return f"""end=$(($(date +%s) + {seconds}))
until [ "$({found})" -ge {count} ] 2>/dev/null || [ "$(date +%s)" -ge $end ]; do
  sleep 2
done"""


def send_command(python: str, store: str, have: str, wipe: bool = False) -> str:
    """Returns the shell command that prints what the receiver lacks, and with `wipe` empties its output once it is stopped."""
    return " ".join(filter(None, [f"exec {python} -m cluster.submit.send {in_shell(store)}", have, WIPE if wipe else ""]))


def in_shell(path: str) -> str:
    """Quotes a path for the shell; ~/ becomes the home folder of the machine that runs the command."""
    return f'"$HOME"/{shlex.quote(path[2:])}' if path.startswith("~/") else shlex.quote(path)


def _name(words: Sequence[str]) -> str:
    """Returns verb, study and a hash of all words that a larger bound leaves as they are."""
    kept = [word for word in _without(words, BOUNDS) if not word.startswith(("cluster.", "run.store="))]
    return f"{plain_name(words)}-{hashlib.sha256(shlex.join(kept).encode()).hexdigest()[:6]}"


def _without(words: Sequence[str], options: Sequence[str]) -> Iterator[str]:
    """Yields the words without these options and their values."""
    for before, word in itertools.pairwise(("", *words)):
        if before not in options and word.partition("=")[0] not in options:
            yield word
