"""The built-in simulated shop (:mod:`benchmark.data.simulator`); needs no raw files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from benchmark.data.schema import RawDataset
from benchmark.data.simulator.generate import generate
from benchmark.data.simulator.parameters import SimulatorParams
from benchmark.data.sources import Source


def read(
    raw: Path | None, params: BaseModel, *, on_error: Literal["raise", "skip"]
) -> RawDataset:
    """Generate the dataset. ``raw`` and ``on_error`` do not apply: there is nothing to read."""
    assert isinstance(params, SimulatorParams)
    return generate(params)


def default_name(params: BaseModel) -> str:
    """``sim-s`` for size s, whatever the seed."""
    assert isinstance(params, SimulatorParams)
    return f"sim-{params.size}"


SOURCE = Source(
    name="sim",
    summary="simulated shop with known tastes, drawn photos, ratings and reviews",
    needs_raw=False,
    params=SimulatorParams,
    read=read,
    default_name=default_name,
    defaults={"new_users": 0.1, "history_window": 5},
)
