"""A home with runs written by hand, and the command line on it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.host.home import Home
from benchmark.runs.store import StoredRun


@pytest.fixture
def place(tmp_path: Path) -> Home:
    """A home without anything in it."""
    root = tmp_path / "home"
    root.mkdir()
    return Home(root)


@pytest.fixture
def command(cli: Callable[..., Any], place: Home) -> Callable[..., tuple[int, str, str]]:
    """``unimp-bench`` on that home; (status, standard output, standard error)."""
    return functools.partial(cli, home=place)


@pytest.fixture
def store(place: Home, leave_run: Callable[..., StoredRun]) -> Callable[..., StoredRun]:
    """``store(id, **manifest)``: a finished run of that home."""

    def leave(name: str, **manifest: Any) -> StoredRun:
        score = {"value": 0.25, "low": 0.2, "high": 0.3, "n": 40, "users": 40}
        said = {"command": f"unimp-bench run --model {name}", **manifest}
        return leave_run(place.runs / name, {"NDCG@5": score}, **said)

    return leave
