"""A home of links, in which a fit can be tried without leaving anything in the real one.

Files are linked, folders that are written to are made: what a model stores, caches or resumes
replaces a link or lies beside it, and goes with the mirror.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmark.data.dataset import Dataset
from benchmark.host.home import Home
from benchmark.host.owners import left_beside, owned_name

#: What a mirror is called in the home, with whose it is.
_NAME, _KIND = "estimate", "partial"
_FEATURES = "features"
#: Below the features: states of interrupted trainings, which go when a fit is done.
_PASSING = "training"


@contextmanager
def mirrored(home: Home, dataset: Dataset, fit: Path | None) -> Iterator[Home]:
    """Yield a home with ``dataset`` and, where given, the stored ``fit``; then it is deleted.

    Mirrors that a killed process left are deleted too; those of another machine that shares the
    home stay until they are idle.
    """
    for left in left_beside(home.root / _NAME, _KIND):
        shutil.rmtree(left, ignore_errors=True)
    root = home.root / owned_name(_NAME, _KIND)
    shutil.rmtree(root, ignore_errors=True)  # of a process that had this one's number
    mirror = Home(root)
    try:
        _link_files(dataset.folder.resolve(), mirror.datasets / dataset.name, apart=_FEATURES)
        stamps = home.stamps / f"{dataset.name}.json"
        if stamps.is_file():
            mirror.stamps.mkdir(parents=True)
            (mirror.stamps / stamps.name).symlink_to(stamps.resolve())
        if fit is not None:
            _link_files(fit.resolve(), mirror.fitted / fit.name)
        yield mirror
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _link_files(source: Path, target: Path, *, apart: str | None = None) -> None:
    """Link what is in ``source``; the folder called ``apart`` is made, and its files linked."""
    target.mkdir(parents=True)
    for path in source.iterdir():
        if path.name == apart and path.is_dir():
            _link_tree(path, target / path.name)
        else:
            (target / path.name).symlink_to(path)


def _link_tree(source: Path, target: Path) -> None:
    for folder, _, names in os.walk(source):
        made = target / Path(folder).relative_to(source)
        made.mkdir(parents=True)
        for name in names:
            # Hidden files are unfinished, and would be written in place.
            if not name.startswith(".") and not name.endswith(".lock"):
                (made / name).symlink_to(Path(folder) / name)


def added_mib(mirror: Home) -> float:
    """Return how much was written into ``mirror`` that a real fit would leave, in MiB."""
    total = 0
    for top in (mirror.fitted, *mirror.datasets.glob(f"*/{_FEATURES}")):
        for path in top.rglob("*"):
            parts = path.relative_to(top).parts
            if path.is_file() and not path.is_symlink() and _PASSING not in parts[:1]:
                total += path.stat().st_size
    return total / 2**20
