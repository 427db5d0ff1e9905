"""What this package announces under the entry-point group ``unimp_bench.models``.

Light on purpose: listing models must not import one.
"""

from __future__ import annotations

from benchmark.model_registry import ModelEntry

MODELS: tuple[ModelEntry, ...] = (
    ModelEntry(
        name="oracle",
        target="baselines.oracle:Oracle",
        tasks=("recommendation", "search", "preference", "selection"),
        group="oracle",
    ),
    ModelEntry(
        name="random",
        target="baselines.trivial.random:Random",
        tasks=("recommendation", "search", "selection"),
        group="trivial",
    ),
    ModelEntry(
        name="popularity",
        target="baselines.trivial.popularity:Popularity",
        tasks=("recommendation", "search"),
        group="trivial",
    ),
    ModelEntry(
        name="repeat-last",
        target="baselines.trivial.repeat_last:RepeatLast",
        tasks=("recommendation", "search"),
        group="trivial",
    ),
    ModelEntry(
        name="mean-rating",
        target="baselines.trivial.mean_rating:MeanRating",
        tasks=("preference",),
        group="trivial",
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
    ),
    ModelEntry(
        name="template",
        target="baselines.trivial.template:Template",
        tasks=("explanation",),
        group="trivial",
    ),
    ModelEntry(
        name="random-photo",
        target="baselines.trivial.random_photo:RandomPhoto",
        tasks=("image-generation",),
        group="trivial",
    ),
    ModelEntry(
        name="retrieved-photo",
        target="baselines.trivial.retrieved_photo:RetrievedPhoto",
        tasks=("image-generation",),
        group="trivial",
    ),
    ModelEntry(
        name="bm25",
        target="baselines.search.bm25:BM25",
        tasks=("search",),
        group="search",
        paper_name="BM25",
        variants={"category": {"fields": ("category",)}},
        requires=("bm25s",),
    ),
    ModelEntry(
        name="mf",
        target="baselines.recbole.mf:MF",
        tasks=("recommendation",),
        group="recbole",
        paper_name="MF",
        requires=("recbole",),
        extra="recbole",
    ),
    ModelEntry(
        name="lightgcn",
        target="baselines.recbole.lightgcn:LightGCN",
        tasks=("recommendation",),
        group="recbole",
        paper_name="LightGCN",
        requires=("recbole",),
        extra="recbole",
    ),
    ModelEntry(
        name="hgn",
        target="baselines.recbole.hgn:HGN",
        tasks=("recommendation",),
        group="recbole",
        paper_name="HGN",
        variants={"ce": {"loss_type": "CE"}},
        requires=("recbole",),
        extra="recbole",
    ),
    ModelEntry(
        name="gru4rec",
        target="baselines.recbole.gru4rec:GRU4Rec",
        tasks=("recommendation",),
        group="recbole",
        paper_name="GRU4Rec",
        variants={
            "bpr": {"loss_type": "BPR"},
            "all-positions": {"targets": "every", "batch_size": 128},
        },
        requires=("recbole",),
        extra="recbole",
    ),
    ModelEntry(
        name="sasrec",
        target="baselines.recbole.sasrec:SASRec",
        tasks=("recommendation",),
        group="recbole",
        paper_name="SASRec",
        variants={
            "bpr": {"loss_type": "BPR"},
            "all-positions": {"targets": "every", "batch_size": 128},
        },
        requires=("recbole",),
        extra="recbole",
    ),
    ModelEntry(
        name="bert4rec",
        target="baselines.recbole.bert4rec:BERT4Rec",
        tasks=("recommendation",),
        group="recbole",
        paper_name="BERT4Rec",
        requires=("recbole",),
        extra="recbole",
    ),
    ModelEntry(
        name="s3rec",
        target="baselines.recbole.s3rec:S3Rec",
        tasks=("recommendation", "selection"),
        group="recbole",
        paper_name="S3-Rec",
        variants={
            "no-pretraining": {"pretrain_epochs": 0},
            "no-attributes": {"most_attributes": 0},
        },
        requires=("recbole",),
        extra="recbole",
    ),
)
