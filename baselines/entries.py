"""What this package announces under the entry-point group ``unimp_bench.models``.

Light on purpose: listing models must not import one.
"""

from __future__ import annotations

from baselines.search.backends import BACKENDS
from benchmark.models.registered import ModelEntry


def _recbole(
    name: str,
    target: str,
    paper_name: str,
    *,
    tasks: tuple[str, ...] = ("recommendation",),
    variants: dict[str, dict[str, object]] | None = None,
    space: dict[str, object] | None = None,
) -> ModelEntry:
    """A system out of RecBole: ``target`` is its module and class in ``baselines.recbole``."""
    return ModelEntry(
        name=name,
        target=f"baselines.recbole.{target}",
        tasks=tasks,
        group="recbole",
        paper_name=paper_name,
        variants=variants or {},
        requires=("recbole",),
        extra="recbole",
        space={"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}, **(space or {})},
        before_python=(3, 12),  # ray<=2.6.3, which it pins and the networks do not use
        alone="recbole==1.2.1",
    )


_DROPOUTS: dict[str, object] = {
    "hidden_dropout_prob": {"low": 0.1, "high": 0.7},
    "attn_dropout_prob": {"low": 0.1, "high": 0.7},
}


#: ``all-positions`` is the default under its own name; 2048 prefixes have about as many targets.
_CAUSAL_VARIANTS: dict[str, dict[str, object]] = {
    "bpr": {"loss_type": "BPR"},
    "all-positions": {"targets": "every", "batch_size": 128},
    "prefixes": {"targets": "last", "batch_size": 2048},
}


_VECTORS: dict[str, object] = {
    "learning_rate": {"low": 1e-3, "high": 2e-2, "log": True},
    "embedding_size": [64, 128, 256],
    "item_noise": {"low": 0.0, "high": 1.0},
    "l2": {"low": 1e-3, "high": 1e-1, "log": True},
}


MODELS: tuple[ModelEntry, ...] = (
    ModelEntry(
        name="oracle",
        target="baselines.oracle:Oracle",
        tasks=("recommendation", "search", "preference", "selection"),
        group="oracle",
        role="ceiling",
        cost=1,
    ),
    ModelEntry(
        name="random",
        target="baselines.trivial.random:Random",
        tasks=("recommendation", "search", "selection"),
        group="trivial",
        role="trivial",
        cost=0,
    ),
    ModelEntry(
        name="popularity",
        target="baselines.trivial.popularity:Popularity",
        tasks=("recommendation", "search"),
        group="trivial",
        role="trivial",
        cost=0,
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
    ),
    ModelEntry(
        name="select-all",
        target="baselines.trivial.select_all:SelectAll",
        tasks=("selection",),
        group="trivial",
        role="trivial",
        cost=0,
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
    ModelEntry(
        name="bm25",
        target="baselines.search.bm25:BM25",
        tasks=("search",),
        group="search",
        cost=2,
        paper_name="BM25",
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
    ),
    ModelEntry(
        name="hem",
        target="baselines.search.hem:HEM",
        tasks=("search",),
        group="search",
        cost=2,
        paper_name="HEM",
        space={"query_weight": {"low": 0.0, "high": 1.0}, **_VECTORS},
    ),
    ModelEntry(
        name="zam",
        target="baselines.search.zam:ZAM",
        tasks=("search",),
        group="search",
        cost=2,
        paper_name="ZAM",
        space={"attention_units": {"low": 1, "high": 10}, **_VECTORS},
    ),
    ModelEntry(
        name="rtm",
        target="baselines.search.rtm:RTM",
        tasks=("search",),
        group="search",
        cost=2,
        paper_name="RTM",
        variants={
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
    _recbole(
        name="mf",
        target="mf:MF",
        paper_name="MF",
        space={"embedding_size": [32, 64, 128], "weight_decay": [0.0, 0.01, 0.1, 1.0]},
    ),
    _recbole(
        name="lightgcn",
        target="lightgcn:LightGCN",
        paper_name="LightGCN",
        space={
            "embedding_size": [32, 64, 128],
            "n_layers": {"low": 1, "high": 4},
            "reg_weight": {"low": 1e-6, "high": 1e-2, "log": True},
        },
    ),
    _recbole(
        name="hgn",
        target="hgn:HGN",
        paper_name="HGN",
        variants={"ce": {"loss_type": "CE"}},
        space={
            "embedding_size": [25, 50, 100],
            "window": {"low": 3, "high": 10},
            "weight_norm": {"low": 1e-6, "high": 1e-1, "log": True},
            "vector_norm": {"low": 1e-6, "high": 1e-1, "log": True},
        },
    ),
    _recbole(
        name="gru4rec",
        target="gru4rec:GRU4Rec",
        paper_name="GRU4Rec",
        variants=_CAUSAL_VARIANTS,
        space={
            "hidden_size": [50, 100, 200],
            "num_layers": {"low": 1, "high": 2},
            "dropout_prob": {"low": 0.0, "high": 0.6},
        },
    ),
    _recbole(
        name="sasrec",
        target="sasrec:SASRec",
        paper_name="SASRec",
        variants=_CAUSAL_VARIANTS,
        space={"hidden_size": [50, 100, 200], "n_layers": {"low": 1, "high": 3}, **_DROPOUTS},
    ),
    _recbole(
        name="bert4rec",
        target="bert4rec:BERT4Rec",
        paper_name="BERT4Rec",
        space={
            "hidden_size": [32, 64, 128],
            "mask_ratio": {"low": 0.1, "high": 0.8},
            **_DROPOUTS,
        },
    ),
    _recbole(
        name="s3rec",
        target="s3rec:S3Rec",
        tasks=("recommendation", "selection"),
        paper_name="S3-Rec",
        variants={
            "no-pretraining": {"pretrain_epochs": 0},
            "no-attributes": {"most_attributes": 0},
        },
        space={"mask_ratio": {"low": 0.1, "high": 0.6}, **_DROPOUTS},
    ),
)
