"""Where tests find the real speech and weights that lie beside the checkout, and what happens where they do not."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def shared(*parts: str) -> Path:
    """A file or folder of the shared material: `shared("data", "emodb")`.

    Looks in SER_SHARED, otherwise in ../shared of the checkout. What is missing fails the test in continuous
    integration (CI is set there) and skips it elsewhere.
    """
    folder = Path(os.environ.get("SER_SHARED", "") or ROOT.parent / "shared")
    place = folder.joinpath(*parts)
    if not place.exists():
        message = f"{place} is missing: put the shared material beside the checkout or name its folder in SER_SHARED"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return place
