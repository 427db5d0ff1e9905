"""Open a prepared dataset by name; prepare a self-contained one on first use."""

from __future__ import annotations

from benchmark.data.dataset import Dataset
from benchmark.data.listing import DATASET_NAME, dataset_folders, prepare_command
from benchmark.data.sources import SELF_CONTAINED, SOURCES
from benchmark.errors import UsageError, unknown_name
from benchmark.host.console import note
from benchmark.host.home import Home


def open_dataset(name: str, home: Home) -> Dataset:
    """Open the dataset called ``name``.

    Raises :class:`UsageError` with the nearest names, and the command that prepares it where
    one is known.
    """
    home.fetch("datasets", name)
    folder = home.datasets / name
    prepared = {path.name for path in dataset_folders(home)}
    if name in prepared:
        return Dataset(folder)
    if name in SELF_CONTAINED or name in SOURCES:
        raise UsageError(
            f"Dataset {name!r} is not prepared yet.", fix=f"Run {prepare_command(name, {})}"
        )
    error = unknown_name("dataset", name, prepared | set(SELF_CONTAINED))
    if DATASET_NAME.fullmatch(name):
        error.fix = f"{error.fix} Others are made by unimp-bench data prepare SOURCE --name {name}."
    raise error


def ensure_dataset(name: str, home: Home) -> Dataset:
    """Open the dataset called ``name``; prepare a self-contained one on first use."""
    home.fetch("datasets", name)
    if name not in SELF_CONTAINED or (home.datasets / name).exists():
        return open_dataset(name, home)
    from benchmark.data.preparing.prepare import prepare

    source, settings = SELF_CONTAINED[name]
    note(f"Preparing dataset {name} (once) in {home.datasets / name}.")
    return prepare(source, home=home, name=name, settings=settings)
