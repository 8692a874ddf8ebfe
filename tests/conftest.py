"""What every test relies on: shapes checked by beartype, hypothesis without a clock, one small demo corpus spoken once."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from hypothesis import settings
from jaxtyping import install_import_hook

install_import_hook("ser_core", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

from ser_core.config.compose import compose  # noqa: E402
from ser_core.config.tree import Config  # noqa: E402
from ser_core.dataset.dataset import Dataset, load_dataset  # noqa: E402

collect_ignore = ["benchmarks"]  # scripts of their own; tests/test_readme_figures.py sees that each begins

settings.register_profile("bridgework", deadline=None, derandomize=True)
settings.load_profile("bridgework")

SMALL = (
    *("corpus.speakers=4", "corpus.sentences=6", "model.width=16", "model.text.buckets=64"),
    *("optim.epochs=2", "optim.batch=16", "run.device=cpu"),
)
"""A configuration that trains in a second: 96 utterances, 4 folds."""

Configure = Callable[..., Config]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Rounding in a sum depends on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def spoken_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run store whose cache holds the small demo corpus and its features; shared by all workers, read only."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if base.name.startswith("popen-") else base) / "spoken"
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "whole").exists():
            load_dataset(compose([*SMALL, f"run.store={folder}"]))
            (folder / "whole").touch()
    return folder


@pytest.fixture
def configure(spoken_store: Path, tmp_path: Path) -> Configure:
    """Composes a small, fast configuration; its store is `store` below the test's folder, with the corpus already spoken."""

    def build(*overrides: str, store: str = "store") -> Config:
        folder = tmp_path / store
        folder.mkdir(exist_ok=True)
        if not (folder / "cache").exists():
            (folder / "cache").symlink_to(spoken_store / "cache")
        given = {override.partition("=")[0] for override in overrides}
        kept = [override for override in SMALL if override.partition("=")[0] not in given]
        return compose([*_fitting(kept, overrides), *overrides, f"run.store={folder}"])

    return build


def _fitting(kept: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """The defaults less the knobs of options that the overrides replace."""
    replaced = {override.partition("=")[0].replace("/", ".") for override in overrides}
    return [override for override in kept if override.rpartition("=")[0].rpartition(".")[0] not in replaced]


@pytest.fixture(scope="session")
def inputs(spoken_store: Path) -> Dataset:
    """The inputs of the small configuration."""
    return load_dataset(compose([*SMALL, f"run.store={spoken_store}"]))
