"""A lab's Ray cluster with a dashboard, and a laptop that shares nothing with it but the network.

machine 0: head, dashboard     machines 1 and 2: workers     machine 3: the laptop; no store and no corpus of the others
"""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.cluster.conftest import Ran, ended
from tests.cluster.machines import Machine, network
from tests.shared_material import ROOT

ADDRESS = "http://10.77.0.1:8265"
PROGRAM = f"{sys.executable} -c 'from cluster.cli.main import main; main()'"
THERE = [f"submit.program='{PROGRAM.replace(chr(39), chr(92) + chr(39))}'", f"submit.python={sys.executable}"]
"""How `ser` starts in the job: the same environment as here."""
PATH = {"PYTHONPATH": str(ROOT)}


@contextlib.contextmanager
def lab(home: Path, workers: int = 2, corpora: Path | None = None) -> Iterator[tuple[Machine, list[Machine], Machine]]:
    """Yields head, workers and laptop. The head's folder `home` is empty on all others, and `corpora` is empty on the laptop."""
    made: list[Machine] = []
    with network(workers + 2):
        try:
            made.append(Machine(0))
            made += [Machine(number, [home]) for number in range(1, workers + 1)]
            made.append(Machine(workers + 1, [home, corpora] if corpora else [home]))
            made[0].start_ray("--include-dashboard=true", "--dashboard-host=0.0.0.0", env={**PATH, "HOME": str(home)})
            for machine in made[1:-1]:
                machine.start_ray(env=PATH)
            yield made[0], made[1:-1], made[-1]
        finally:
            for machine in made:
                machine.close()


def ser_on(machine: Machine, folder: Path, *words: str, seconds: float = 300, token: str = "f" * 64, mode: str = "") -> Ran:
    """Runs `ser` on a machine, in a folder that is its home as well."""
    program = "from cluster.cli.main import main; main()"
    environment = {**PATH, "RAY_AUTH_TOKEN": token, "RAY_AUTH_MODE": mode, "HOME": str(folder)}
    with machine.popen([sys.executable, "-c", program, *words], cwd=str(folder), env=environment) as process:
        try:
            return ended(process, seconds)
        finally:
            process.kill()
