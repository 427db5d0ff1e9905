"""Runs written by hand, so that what a comparison must say is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from benchmark.files import write_json
from benchmark.home import Home
from benchmark.runs.store import MANIFEST, PER_INSTANCE, SCORES, StoredRun, load_run

WriteRun = Callable[..., StoredRun]


@pytest.fixture
def place(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def write_run(place: Home) -> WriteRun:
    """``write_run(id, {"HR@5": values}, users)``: a run folder; more names change the manifest."""

    def write(
        run_id: str,
        statistics: dict[str, Sequence[Any]],
        users: Sequence[str],
        *,
        ids: Sequence[str] | None = None,
        failure_rate: float = 0.0,
        **changes: Any,
    ) -> StoredRun:
        manifest = {
            "model": run_id.partition("_")[0],
            "variant": None,
            "task": "search",
            "data": "made-up",
            "simulated": False,
            "dataset_sha256": "d0",
            "instances_sha256": "i0",
            "cohort": "seen",
            "perturb": None,
            "seed": 0,
            "limit": None,
            "settings": {},
            "fit_seconds": 1.0,
            "predict_seconds": 1.0,
            "created": "2025-01-01T00:00:00+00:00",
        }
        folder = place.runs / run_id
        score = {"value": 0.0, "low": 0.0, "high": 0.0, "n": len(users)}
        scores = dict.fromkeys(statistics, score)
        write_json(folder / SCORES, {"scores": scores, "failure_rate": failure_rate})
        write_json(folder / MANIFEST, {**manifest, **changes})
        columns = {name: np.array(values, dtype=float) for name, values in statistics.items()}
        pl.DataFrame(
            {
                "instance_id": ids or [f"q{i:03d}" for i in range(len(users))],
                "user_id": list(users),
                **columns,
            }
        ).write_parquet(folder / PER_INSTANCE)
        return load_run(folder)

    return write
