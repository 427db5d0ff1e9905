"""The ceilings of simulated data as the registry announces them.

Light on purpose: listing models must not import one.
"""

from __future__ import annotations

from benchmark.models.registered import ModelEntry

MODELS: tuple[ModelEntry, ...] = (
    ModelEntry(
        name="oracle",
        target="baselines.simulated.oracle:Oracle",
        tasks=("recommendation", "search", "preference", "selection"),
        group="oracle",
        role="ceiling",
        cost=1,
    ),
    ModelEntry(
        name="informed",
        target="baselines.simulated.informed:Informed",
        tasks=("recommendation", "search", "preference", "selection"),
        group="oracle",
        role="ceiling",
        cost=4,
        learnable=True,
    ),
)
