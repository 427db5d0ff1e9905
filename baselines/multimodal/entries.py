"""Systems that read photos as the registry announces them: papers, variants, search spaces.

Light on purpose: listing models must not import one.
"""

from __future__ import annotations

from benchmark.models.registered import ModelEntry

_PHOTO_PAIRS: dict[str, object] = {
    "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    "embedding_size": [10, 32, 64],
    "visual_size": [10, 32, 64],
    "vector_l2": [0.0, 0.001, 0.01, 0.1, 1.0],
    "projection_l2": [0.0, 0.01, 0.1, 1.0],
    "scaling": ["centred", "unit"],
}

MODELS: tuple[ModelEntry, ...] = (
    ModelEntry(
        name="vbpr",
        target="baselines.multimodal.vbpr:VBPR",
        tasks=("recommendation",),
        group="multimodal",
        cost=3,
        paper_name="VBPR",
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
        variants={"tanh": {"layers": 1}, "biased": {"debiasing": 0.0}},
        space={
            **_PHOTO_PAIRS,
            "layers": [0, 1, 2],
            "debiasing": {"low": 0.0, "high": 1.0},
        },
    ),
)
