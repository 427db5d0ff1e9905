"""How this package announces itself. Imports nothing heavy: listings read it."""

from __future__ import annotations

from benchmark.model_registry import ModelEntry

MODELS = (
    ModelEntry(
        name="unimp",
        target="unimp_model.adapter:UniMP",
        tasks=("recommendation", "search"),
        group="unimp",
        paper_name="UniMP",
        variants={
            "smollm2": {"preset": "smollm2"},
            "no-vision": {"vision": "none"},
            "attend-last-image": {"attend_last_image": True},
            "random-ids": {"item_rows": "random"},
        },
        requires=("torch", "transformers", "open_clip"),
    ),
)
