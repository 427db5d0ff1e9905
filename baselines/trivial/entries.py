"""The baselines that learn next to nothing, as the registry announces them.

Light on purpose: listing models must not import one.
"""

from __future__ import annotations

from benchmark.models.registered import ModelEntry


def _trivial(
    name: str,
    target: str,
    tasks: tuple[str, ...],
    variants: dict[str, dict[str, object]] | None = None,
    *,
    blind: tuple[str, ...] = (),
    reads: tuple[str, ...] = (),
) -> ModelEntry:
    """A baseline: ``target`` is its module and class in ``baselines.trivial``."""
    return ModelEntry(
        name=name,
        target=f"baselines.trivial.{target}",
        tasks=tasks,
        group="trivial",
        role="trivial",
        cost=0,
        variants=variants or {},
        blind=blind,
        reads={"": reads},
    )


MODELS: tuple[ModelEntry, ...] = (
    _trivial("random", "random:Random", ("recommendation", "search", "selection"), blind=("",)),
    _trivial(
        "popularity",
        "popularity:Popularity",
        ("recommendation", "search"),
        variants={"repeat": {"own": "whole"}, "within-query": {"within_query": True}},
        blind=("", "within-query"),
        reads=("ids",),
    ),
    _trivial("repeat-last", "repeat_last:RepeatLast", ("recommendation", "search"), reads=("ids",)),
    _trivial(
        "history-within-query",
        "history_within_query:HistoryWithinQuery",
        ("search",),
        reads=("ids", "text"),
    ),
    _trivial(
        "mean-rating",
        "mean_rating:MeanRating",
        ("preference",),
        variants={
            **{name: {"effects": name} for name in ("global", "user", "item")},
            "level": {"answer": "level"},
            "item-level": {"effects": "item", "answer": "level"},
        },
        blind=("global", "item", "item-level"),
        reads=("ids",),
    ),
    _trivial("select-all", "select_all:SelectAll", ("selection",), blind=("",)),
    _trivial(
        "majority-category",
        "majority_category:MajorityCategory",
        ("selection",),
        blind=("",),
        reads=("text",),
    ),
    _trivial("template", "template:Template", ("explanation",), reads=("text",)),
    _trivial("random-photo", "random_photo:RandomPhoto", ("image-generation",), reads=("photos",)),
    _trivial(
        "retrieved-photo",
        "retrieved_photo:RetrievedPhoto",
        ("image-generation",),
        reads=("ids", "photos"),
    ),
)
