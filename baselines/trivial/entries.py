"""The baselines that learn next to nothing, as the registry announces them.

Light on purpose: listing models must not import one.
"""

from __future__ import annotations

from benchmark.models.registered import ModelEntry

MODELS: tuple[ModelEntry, ...] = (
    ModelEntry(
        name="random",
        target="baselines.trivial.random:Random",
        tasks=("recommendation", "search", "selection"),
        group="trivial",
        role="trivial",
        cost=0,
        blind=("",),
    ),
    ModelEntry(
        name="popularity",
        target="baselines.trivial.popularity:Popularity",
        tasks=("recommendation", "search"),
        group="trivial",
        role="trivial",
        cost=0,
        variants={"repeat": {"own": "whole"}, "within-query": {"within_query": True}},
        blind=("", "within-query"),
    ),
    ModelEntry(
        name="repeat-last",
        target="baselines.trivial.repeat_last:RepeatLast",
        tasks=("recommendation", "search"),
        group="trivial",
        role="trivial",
        cost=0,
    ),
    ModelEntry(
        name="history-within-query",
        target="baselines.trivial.history_within_query:HistoryWithinQuery",
        tasks=("search",),
        group="trivial",
        role="trivial",
        cost=0,
    ),
    ModelEntry(
        name="mean-rating",
        target="baselines.trivial.mean_rating:MeanRating",
        tasks=("preference",),
        group="trivial",
        role="trivial",
        cost=0,
        variants={
            "global": {"effects": "global"},
            "user": {"effects": "user"},
            "item": {"effects": "item"},
        },
        blind=("global", "item"),
    ),
    ModelEntry(
        name="select-all",
        target="baselines.trivial.select_all:SelectAll",
        tasks=("selection",),
        group="trivial",
        role="trivial",
        cost=0,
        blind=("",),
    ),
    ModelEntry(
        name="majority-category",
        target="baselines.trivial.majority_category:MajorityCategory",
        tasks=("selection",),
        group="trivial",
        role="trivial",
        cost=0,
        blind=("",),
    ),
    ModelEntry(
        name="template",
        target="baselines.trivial.template:Template",
        tasks=("explanation",),
        group="trivial",
        role="trivial",
        cost=0,
    ),
    ModelEntry(
        name="random-photo",
        target="baselines.trivial.random_photo:RandomPhoto",
        tasks=("image-generation",),
        group="trivial",
        role="trivial",
        cost=0,
    ),
    ModelEntry(
        name="retrieved-photo",
        target="baselines.trivial.retrieved_photo:RetrievedPhoto",
        tasks=("image-generation",),
        group="trivial",
        role="trivial",
        cost=0,
    ),
)
