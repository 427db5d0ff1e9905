"""How this package announces itself. Imports nothing heavy: listings read it."""

from __future__ import annotations

from benchmark.models.registered import ModelEntry
from unimp_model.match_parts import MATCH_PARTS

#: What the extension's ablations leave out.
_ABLATED = {
    "photo": ("photo",),
    "text": ("category", "brand", "attributes", "price", "title"),
    "identity": ("identity",),
    "transitions": ("transitions",),
    "query": ("query",),
    "ratings": ("ratings",),
    "words": ("words",),
    "codes": ("codes",),
}


def _without(*parts: str) -> dict[str, object]:
    """The match head without ``parts``."""
    return {"matching": tuple(part for part in MATCH_PARTS if part not in parts)}


MODELS = (
    ModelEntry(
        name="unimp",
        target="unimp_model.adapter:UniMP",
        tasks=(
            "recommendation",
            "search",
            "preference",
            "selection",
            "explanation",
            "image-generation",
        ),
        group="unimp",
        role="generalist",
        cost=9,
        paper_name="UniMP",
        variants={
            "small": {"preset": "small"},
            "smollm2": {"preset": "smollm2"},
            "mpt-1b": {"preset": "mpt-1b"},
            "incite-3b": {"preset": "incite-3b"},
            "no-vision": {"vision": "none"},
            "no-fine-grained": {"fusion": "concatenation"},
            "early-fusion": {"fusion": "early"},
            "late-fusion": {"fusion": "late"},
            "no-exclusive-attention": {"exclusive_attention": False},
            "attend-last-image": {"attend_last_image": True},
            "no-context": {"context_weight": 0.0},
            "no-reweighting": {"gamma": 0.0},
            "no-context-no-reweighting": {"context_weight": 0.0, "gamma": 0.0},
            "random-ids": {"item_rows": "random"},
            "continual": {"strategy": "continual"},
            "multi-task": {"strategy": "multi-task"},
            "multi-task-full": {"strategy": "multi-task-full"},
            "multi-task-efficient": {"strategy": "multi-task-efficient"},
            "matching": _without(),
            **{f"matching-no-{name}": _without(*parts) for name, parts in _ABLATED.items()},
        },
        formulas={
            f"matching{rest}": "an extension of UniMP by this project, not in the paper: items are "
            "matched with the history's"
            for rest in ("", *(f"-no-{part}" for part in _ABLATED))
        },
        reads={
            "": ("ids", "text", "photos"),
            "no-vision": ("ids", "text"),
        },
        requires=("torch", "transformers", "open_clip", "diffusers"),
        space={
            "learning_rate": {"low": 1e-4, "high": 2e-2, "log": True},
            "item_learning_rate": {"low": 1e-4, "high": 5e-3, "log": True},
            "gamma": {"low": 0.0, "high": 4.0},
            "context_weight": {"low": 0.0, "high": 1.0},
            "dropout": {"low": 0.0, "high": 0.4},
        },
        # Where nothing passed the first stage, the others have nothing to begin with.
        brief={"epochs": 1, "most_rows": 240, "encoder_steps": 20, "image_token_steps": 20},
    ),
)
