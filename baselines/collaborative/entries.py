"""Collaborative systems as the registry announces them: papers, variants, search spaces.

Light on purpose: listing models must not import one.
"""

from __future__ import annotations

from benchmark.models.registered import ModelEntry

MODELS: tuple[ModelEntry, ...] = (
    # Mao et al., CIKM 2021; defaults: xue-pai/UltraGCN b220010, configuration of
    # Amazon-Electronics. The variant is that of MovieLens-1M, where it names another value.
    ModelEntry(
        name="ultragcn",
        target="baselines.collaborative.ultragcn:UltraGCN",
        tasks=("recommendation",),
        group="collaborative",
        cost=6,
        paper_name="UltraGCN",
        reads={"": ("ids",)},
        variants={
            "ml-1m": {
                "embedding_size": 128,
                "batch_size": 1024,
                "negatives": 200,
                "negative_weight": 200.0,
                "sifted": False,
                "norm_weight": 1e-4,
                "graph_weight": 1e-3,
            },
        },
        space={
            "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
            "embedding_size": [32, 64, 128],
            "negatives": [25, 75, 200, 500],
            "negative_weight": {"low": 1.0, "high": 500.0, "log": True},
            "norm_weight": {"low": 1e-6, "high": 1e-3, "log": True},
            "graph_weight": {"low": 1e-8, "high": 10.0, "log": True},
        },
    ),
    # Wei et al., KDD 2021, on matrix factorisation; defaults: weitianxin/MACR b3b7bf1 (MF version).
    # Its c is 40, or tuned from 30 to 40 on test data; here candidates from 0 to 40, on validation.
    # When to stop is ours.
    ModelEntry(
        name="macr",
        target="baselines.collaborative.macr:MACR",
        tasks=("recommendation",),
        group="collaborative",
        paper_name="MACR",
        reads={"": ("ids",)},
        variants={"c-40": {"c": [40.0]}, "c-0": {"c": [0.0]}},
        space={
            "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
            "embedding_size": [32, 64, 128],
            "alpha": {"low": 1e-4, "high": 1e-1, "log": True},
            "beta": {"low": 1e-4, "high": 1e-1, "log": True},
            "norm_weight": {"low": 1e-6, "high": 1e-2, "log": True},
        },
    ),
)
