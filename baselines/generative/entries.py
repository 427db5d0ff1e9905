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
        variants={
            "t5-small": {"preset": "t5-small"},
            "in-order": {"numbering": "in-order"},
            "mean-rating": {"rating": "mean"},
            "histories": {"histories": "always"},
        },
        space=_SPACE,
    ),
)
