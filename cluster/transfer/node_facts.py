"""What a node must share with the driver to train the same folds: Python, PyTorch and the source files of this project.

Ray sends this module to nodes by value, so it runs beside any version of the project, or none. It must import nothing from it.
"""

import hashlib
import importlib.metadata
import importlib.util
import platform
from collections.abc import Mapping
from pathlib import Path

PACKAGES = ("ser_core", "search_spaces", "ablations", "cluster")
PROGRAM = "Bridgework"
MISSING = "none"


def node_facts() -> dict[str, str]:
    """Returns the versions of Python and PyTorch and a hash of the project's source files."""
    return {"Python": ".".join(platform.python_version_tuple()[:2]), "PyTorch": _torch(), PROGRAM: _source_hash()}


def _torch() -> str:
    try:
        # Without the local part: builds for CPU and GPU may work together.
        return importlib.metadata.version("torch").partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return MISSING


def _source_hash() -> str:
    found = hashlib.sha256()
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            return MISSING
        folder = Path(next(iter(spec.submodule_search_locations)))
        for file in sorted(folder.rglob("*.py")):
            found.update(f"{package}/{file.relative_to(folder)}\0".encode() + file.read_bytes() + b"\0")
    return found.hexdigest()[:12]


def difference(here: Mapping[str, str], driver: Mapping[str, str]) -> str:
    """Returns a sentence about the first fact in which a node differs from the driver, with the remedy; "" if none.

    >>> difference({"Python": "3.12", "PyTorch": "2.4.0"}, {"Python": "3.12", "PyTorch": "2.9.1"})
    'it has PyTorch 2.4.0, the driver has 2.9.1; install the same environment there and start its Ray from it'
    """
    for name, wanted in driver.items():
        if (found := here.get(name, MISSING)) == wanted:
            continue
        if name == PROGRAM and found != MISSING:
            files = f"its source files of {name} differ (hash {found}, the driver's {wanted})"
            return f"{files}; bring both to the same version and restart its Ray"
        has = f"no {name}" if found == MISSING else f"{name} {found}"
        return f"it has {has}, the driver has {wanted}; install the same environment there and start its Ray from it"
    return ""
