"""Runs written by hand, so that what a comparison must say is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmark.host.home import Home
from benchmark.runs.store import StoredRun

WriteRun = Callable[..., StoredRun]


@pytest.fixture
def place(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def write_run(place: Home, leave_run: Callable[..., StoredRun]) -> WriteRun:
    """``write_run(id, {"HR@5": values}, users)``: a run folder; more names change the manifest."""

    def write(
        run_id: str, statistics: dict[str, Sequence[Any]], users: Sequence[str], **changes: Any
    ) -> StoredRun:
        score = {"value": 0.0, "low": 0.0, "high": 0.0, "n": len(users)}
        changes = {"model": run_id.partition("_")[0], **changes}
        scores = dict.fromkeys(statistics, score)
        folder = place.runs / run_id
        return leave_run(folder, scores, statistics=statistics, users=users, **changes)

    return write
