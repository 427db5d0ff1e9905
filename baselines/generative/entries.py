"""Systems that answer in words as the registry announces them: papers, variants, search spaces.

Light on purpose: listing models must not import one.
"""

from __future__ import annotations

from benchmark.models.registered import ModelEntry

_TASKS = ("recommendation", "preference", "explanation", "selection")

_SPACE: dict[str, object] = {
    "learning_rate": {"low": 3e-4, "high": 1e-2, "log": True},
    "width": [32, 64, 128],
    "depth": {"low": 1, "high": 4},
    "dropout": {"low": 0.0, "high": 0.3},
    "task_share": {"low": 0.1, "high": 1.0},
}

MODELS: tuple[ModelEntry, ...] = (
    # Geng et al., RecSys 2022; defaults: jeykigung/P5 1fa28ba, script of t5-small on Beauty, where
    # baselines.generative.settings says so.
    ModelEntry(
        name="p5",
        target="baselines.generative.p5:P5",
        tasks=_TASKS,
        group="generative",
        cost=7,
        paper_name="P5",
        reads={"": ("ids",)},
        variants={
            "t5-small": {"preset": "t5-small"},
            "in-order": {"numbering": "in-order"},
            "mean-rating": {"rating": "mean"},
            "histories": {"histories": "always"},
        },
        space=_SPACE,
    ),
    # Geng et al., Findings of EMNLP 2023; defaults: jeykigung/VIP5 35b8a05, where
    # baselines.generative.vip5 says so. It has no rating prompts: preference is adapted.
    ModelEntry(
        name="vip5",
        target="baselines.generative.vip5:VIP5",
        tasks=_TASKS,
        group="generative",
        cost=8,
        paper_name="VIP5",
        reads={"": ("ids", "photos")},
        adapted=True,
        variants={
            "t5-small": {"preset": "t5-small"},
            "from-t5": {"preset": "t5-small", "text_epochs": 0},
            "in-order": {"numbering": "in-order"},
            "all-weights": {"train_all": True},
        },
        space={
            **_SPACE,
            "slots": [1, 2, 4],
            "reduction": [2, 4, 8],
            "scaling": ["centred", "unit"],
        },
    ),
)
