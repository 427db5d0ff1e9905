"""Choice models as the registry announces them: variants and search spaces.

Light on purpose: listing models must not import one.
"""

from __future__ import annotations

from benchmark.models.registered import ModelEntry

_TASKS = ("recommendation", "search", "preference", "selection")

MODELS: tuple[ModelEntry, ...] = (
    ModelEntry(
        name="attribute-counts",
        target="baselines.choice.attribute_counts:AttributeCounts",
        tasks=_TASKS,
        group="choice",
        role="trivial",
        cost=2,
        variants={"no-photo": {"image_encoder": "none"}},
        reads={"": ("text", "photos"), "no-photo": ("text",)},
    ),
    ModelEntry(
        name="true-attribute-counts",
        target="baselines.choice.true_attributes:TrueAttributeCounts",
        tasks=_TASKS,
        group="choice",
        role="ceiling",
        cost=1,
        variants={
            "no-photo": {"without": ("photo",)},
            "no-words": {"without": ("words",)},
            "no-order": {"without": ("order",)},
        },
    ),
)
