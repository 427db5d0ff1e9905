"""The built-in simulated shop (:mod:`benchmark.data.simulator`); needs no raw files."""

from __future__ import annotations

from pathlib import Path

from benchmark.data.raw.source import OnError, Source
from benchmark.data.schema import RawDataset
from benchmark.data.simulator.generate import generate
from benchmark.data.simulator.parameters import SimulatorParams
from benchmark.data.simulator.vocabulary import ANNEX_DEPARTMENTS


def read(raw: Path | None, params: SimulatorParams, *, on_error: OnError) -> RawDataset:
    """Generate the dataset. ``raw`` and ``on_error`` do not apply: there is nothing to read."""
    return generate(params)


def default_name(params: SimulatorParams) -> str:
    """Return ``sim-s`` for size s, whatever the seed."""
    return f"sim-{params.size}"


SOURCE = Source(
    name="sim",
    summary="simulated shop with known tastes, drawn photos, ratings and reviews",
    params=SimulatorParams,
    read=read,
    default_name=default_name,
    needs_raw=False,
    defaults={
        "new_users": 0.1,
        "history_window": 5,
        "new_domains": ANNEX_DEPARTMENTS,
        # Sentences are written from a few templates: two alike are no copies.
        "copied_texts": "keep",
    },
    simulated=True,
    licence="CC0-1.0",
)
