"""Item-to-item systems as the registry announces them: variants and search spaces.

Light on purpose: listing models must not import one.
"""

from __future__ import annotations

from benchmark.models.registered import ModelEntry


def _neighbours(
    name: str,
    target: str,
    *,
    reads: dict[str, tuple[str, ...]] | None = None,
    space: dict[str, object] | None = None,
    variants: dict[str, dict[str, object]] | None = None,
    requires: tuple[str, ...] = (),
) -> ModelEntry:
    """An item-to-item system: ``target`` is its module and class in ``baselines.neighbours``."""
    return ModelEntry(
        name=name,
        target=f"baselines.neighbours.{target}",
        tasks=("recommendation",),
        group="neighbours",
        role="trivial",
        cost=1,
        variants=variants or {},
        requires=requires,
        extra="neighbours" if requires else None,
        reads=reads or {},
        space={**(space or {}), "recency": {"low": 0.3, "high": 1.0}},
    )


MODELS: tuple[ModelEntry, ...] = (
    _neighbours(
        "item-knn",
        "item_knn:ItemKNN",
        reads={"": ("ids",)},
        space={
            "neighbours": [10, 20, 50, 100, 200, 500],
            "shrinkage": [0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0],
        },
    ),
    _neighbours(
        "ease",
        "ease:EASE",
        reads={"": ("ids",)},
        space={"l2": {"low": 1.0, "high": 10_000.0, "log": True}},
        variants={"recency": {"recency": 0.8}},
    ),
    _neighbours(
        "content-knn",
        "content_knn:ContentKNN",
        reads={"": ("text",)},
        variants={"text": {"reads": "text"}},
        requires=("sklearn",),
    ),
    _neighbours(
        "photo-knn",
        "photo_knn:PhotoKNN",
        reads={"": ("photos",)},
        variants={"unit": {"scaling": "unit"}},
        space={"scaling": ["centred", "unit"]},
    ),
)
