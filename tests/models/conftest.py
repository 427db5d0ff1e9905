"""Shared by the tests of models: a copy of the packages' sources that may be edited."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmark.models.imports import PACKAGES

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A folder with this project's packages in it, Python files only."""
    for name in PACKAGES:
        shutil.copytree(
            CHECKOUT / name,
            tmp_path / "sources" / name,
            ignore=lambda folder, names: [
                n for n in names if Path(folder, n).is_file() and not n.endswith(".py")
            ],
        )
    return tmp_path / "sources"
