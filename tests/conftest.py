"""Shared by all tests: one throw-away home with the smallest simulated dataset in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmark.home import Home

if TYPE_CHECKING:
    from benchmark.data.dataset import Dataset


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home folder that lives as long as the test session."""
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def sim_xs(home: Home) -> Dataset:
    """``sim-xs``, prepared once per session."""
    from benchmark.data.dataset import ensure_dataset

    return ensure_dataset("sim-xs", home)
