"""What this package announces under the entry-point group ``unimp_bench.models``.

Light on purpose: listing models must not import one.
"""

from __future__ import annotations

from benchmark.model_registry import ModelEntry


def _recbole(
    name: str,
    target: str,
    paper_name: str,
    *,
    tasks: tuple[str, ...] = ("recommendation",),
    variants: dict[str, dict[str, object]] | None = None,
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
        before_python=(3, 12),
    )


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
    _recbole(
        name="mf",
        target="mf:MF",
        paper_name="MF",
    ),
    _recbole(
        name="lightgcn",
        target="lightgcn:LightGCN",
        paper_name="LightGCN",
    ),
    _recbole(
        name="hgn",
        target="hgn:HGN",
        paper_name="HGN",
        variants={"ce": {"loss_type": "CE"}},
    ),
    _recbole(
        name="gru4rec",
        target="gru4rec:GRU4Rec",
        paper_name="GRU4Rec",
        variants={
            "bpr": {"loss_type": "BPR"},
            "all-positions": {"targets": "every", "batch_size": 128},
        },
    ),
    _recbole(
        name="sasrec",
        target="sasrec:SASRec",
        paper_name="SASRec",
        variants={
            "bpr": {"loss_type": "BPR"},
            "all-positions": {"targets": "every", "batch_size": 128},
        },
    ),
    _recbole(
        name="bert4rec",
        target="bert4rec:BERT4Rec",
        paper_name="BERT4Rec",
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
    ),
)
