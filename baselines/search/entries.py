"""Product search systems as the registry announces them: papers, variants, search spaces.

Light on purpose: listing models must not import one.
"""

from __future__ import annotations

from functools import partial

from baselines.search.backends import BACKENDS
from benchmark.models.registered import ModelEntry

_VECTORS: dict[str, object] = {
    "learning_rate": {"low": 1e-3, "high": 2e-2, "log": True},
    "embedding_size": [64, 128, 256],
    "item_noise": {"low": 0.0, "high": 1.0},
    "l2": {"low": 1e-3, "high": 1e-1, "log": True},
}

#: How the authors' code draws items; by training counts is ours.
_AS_RELEASED: dict[str, dict[str, object]] = {"uniform": {"item_noise": 0.0}}

#: What they all are.
_search = partial(ModelEntry, tasks=("search",), group="search", cost=2)

MODELS: tuple[ModelEntry, ...] = (
    _search(
        name="bm25",
        target="baselines.search.bm25:BM25",
        paper_name="BM25",
        reads={"": ("text",)},
        variants={
            "category": {"fields": ("category",)},
            "rank-bm25": {"backend": "rank-bm25"},
            "lucene": {"backend": "lucene"},
        },
        requires=("bm25s",),
        needs={name: BACKENDS[name].needs for name in ("rank-bm25", "lucene")},
        formulas={
            "": BACKENDS["bm25s"].formula,
            "rank-bm25": BACKENDS["rank-bm25"].formula,
            "lucene": BACKENDS["lucene"].formula,
        },
        space={
            "k1": {"low": 0.0, "high": 3.0},
            "b": {"low": 0.0, "high": 1.0},
            "fields": [
                ["category"],
                ["category", "title"],
                ["category", "title", "brand"],
                ["category", "title", "brand", "description"],
            ],
        },
        blind=("", "category", "rank-bm25", "lucene"),
    ),
    _search(
        name="hem",
        target="baselines.search.hem:HEM",
        paper_name="HEM",
        variants=_AS_RELEASED,
        reads={"": ("ids", "text")},
        space={"query_weight": {"low": 0.0, "high": 1.0}, **_VECTORS},
    ),
    _search(
        name="zam",
        target="baselines.search.zam:ZAM",
        paper_name="ZAM",
        variants=_AS_RELEASED,
        reads={"": ("ids", "text")},
        space={"attention_units": {"low": 1, "high": 10}, **_VECTORS},
    ),
    _search(
        name="rtm",
        target="baselines.search.rtm:RTM",
        paper_name="RTM",
        reads={"": ("text",)},
        variants={
            "pre-norm": {"network": "pre-norm"},
            "paper": {
                "embedding_size": 128,
                "heads": 8,
                "inner_size": 512,
                "corruption": 0.9,
                "user_reviews": 20,
                "item_reviews": 30,
                "negatives_from": "catalogue",
            },
        },
        reads_reviews=True,
        space={
            "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
            "layers": {"low": 1, "high": 3},
            "corruption": {"low": 0.0, "high": 0.9},
            "negatives_from": ["catalogue", "candidates"],
        },
        requires=("bm25s",),
    ),
)
