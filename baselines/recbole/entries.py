"""RecBole's systems as the registry announces them: papers, variants, search spaces.

Light on purpose: listing models must not import one.
"""

from __future__ import annotations

from benchmark.models.registered import ModelEntry


def _recbole(
    name: str,
    target: str,
    paper_name: str,
    *,
    tasks: tuple[str, ...] = ("recommendation",),
    variants: dict[str, dict[str, object]] | None = None,
    space: dict[str, object] | None = None,
    reads: dict[str, tuple[str, ...]] | None = None,
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
        reads=reads or {"": ("ids",)},
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

MODELS: tuple[ModelEntry, ...] = (
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
        reads={"": ("ids", "text"), "no-attributes": ("ids",)},
        variants={
            "no-pretraining": {"pretrain_epochs": 0},
            "no-attributes": {"most_attributes": 0},
        },
        space={"mask_ratio": {"low": 0.1, "high": 0.6}, **_DROPOUTS},
    ),
)
