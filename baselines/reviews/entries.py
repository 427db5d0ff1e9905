"""Systems that learn from reviews as the registry announces them: papers, variants, search spaces.

Light on purpose: listing models must not import one.
"""

from __future__ import annotations

from benchmark.models.registered import ModelEntry

MODELS: tuple[ModelEntry, ...] = (
    # Truong and Lauw, WWW 2019; defaults: PreferredAI/mrg d5a462a, where baselines.reviews.mrg
    # says so. Its photo is the one that the user took for the review, which our data has not.
    ModelEntry(
        name="mrg",
        target="baselines.reviews.mrg:MRG",
        tasks=("explanation", "preference"),
        group="reviews",
        cost=6,
        paper_name="MRG",
        formulas={"": "looks at the item's photo; its authors', at the one taken for the review"},
        variants={
            "paper": {
                "factors": 256,
                "word_size": 200,
                "state_size": 256,
                "learning_rate": 3e-4,
            },
        },
        space={
            "learning_rate": {"low": 1e-4, "high": 3e-3, "log": True},
            "factors": [64, 128, 256],
            "word_size": [64, 128, 200],
            "state_size": [64, 128, 256],
            "dropout": {"low": 0.0, "high": 0.5},
            "l2": [0.0, 1e-6, 1e-5, 1e-4],
        },
    ),
    # Han et al., COLING 2022; defaults: declare-lab/SANCL dadd6b0, where baselines.reviews.sancl
    # says so. It predicts how helpful a review is: the rating of an item is adapted.
    ModelEntry(
        name="sancl",
        target="baselines.reviews.sancl:SANCL",
        tasks=("preference",),
        group="reviews",
        cost=6,
        paper_name="SANCL",
        adapted=True,
        variants={"no-contrast": {"contrast": 0.0}},
        space={
            "learning_rate": {"low": 1e-4, "high": 3e-3, "log": True},
            "hidden_size": [64, 128],
            "word_size": [32, 64, 128],
            "contrast": [0.0, 0.01, 0.1],
            "hidden_dropout_prob": {"low": 0.0, "high": 0.5},
            "reviews": [2, 5, 10],
        },
    ),
)
