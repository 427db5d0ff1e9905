"""Item-to-item systems as the registry announces them: variants and search spaces.

Light on purpose: listing models must not import one.
"""

from __future__ import annotations

from benchmark.models.registered import ModelEntry

_RECENCY: dict[str, object] = {"recency": {"low": 0.3, "high": 1.0}}

MODELS: tuple[ModelEntry, ...] = (
    ModelEntry(
        name="item-knn",
        target="baselines.neighbours.item_knn:ItemKNN",
        tasks=("recommendation",),
        group="neighbours",
        role="trivial",
        cost=1,
        space={
            "neighbours": [10, 20, 50, 100, 200, 500],
            "shrinkage": [0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0],
            **_RECENCY,
        },
    ),
    ModelEntry(
        name="ease",
        target="baselines.neighbours.ease:EASE",
        tasks=("recommendation",),
        group="neighbours",
        role="trivial",
        cost=1,
        variants={"recency": {"recency": 0.8}},
        space={"l2": {"low": 1.0, "high": 10_000.0, "log": True}, **_RECENCY},
    ),
    ModelEntry(
        name="content-knn",
        target="baselines.neighbours.content_knn:ContentKNN",
        tasks=("recommendation",),
        group="neighbours",
        role="trivial",
        cost=1,
        variants={"text": {"reads": "text"}},
        requires=("sklearn",),
        extra="neighbours",
        space=_RECENCY,
    ),
    ModelEntry(
        name="photo-knn",
        target="baselines.neighbours.photo_knn:PhotoKNN",
        tasks=("recommendation",),
        group="neighbours",
        role="trivial",
        cost=1,
        variants={"unit": {"scaling": "unit"}},
        space={"scaling": ["centred", "unit"], **_RECENCY},
    ),
)
