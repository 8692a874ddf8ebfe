"""Refuses to keep records in Ray's own package folder, where a job with `--working-dir` starts and which Ray deletes."""

from pathlib import Path

from ser_core.errors import SettingError


def check_lasting(store: Path | str) -> None:
    """Raises SettingError for a store that Ray would delete."""
    parts = Path(store).absolute().parts
    if "runtime_resources" in parts or any(part.startswith("_ray_pkg_") for part in parts):
        raise SettingError(f"the store {store} lies in Ray's own package folder, which Ray deletes; choose an absolute run.store")
