"""Small fits of P5 and VIP5, and a tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from baselines.generative.p5 import P5
from baselines.generative.pieces import Pieces, train_tokenizer

#: Settings under which a fit on sim-xs takes seconds.
SMALL = {
    "epochs": 1, "width": 16, "depth": 1, "heads": 2, "pieces": 400, "task_share": 0.2,
    "validation_users": 10, "beams": 10, "answer_pieces": 8, "threads": 1,
}  # fmt: skip
#: Of so many examples of a part one is shown.
FEWER = {"train": 10, "valid": 1}


@pytest.fixture(scope="session")
def pieces() -> Pieces:
    texts = ["the red mug , which item will user_1 take next ?", "the blue mug", "someone"] * 3
    return Pieces(train_tokenizer(texts, size=400))


@pytest.fixture(scope="session")
def view_of() -> Callable[[Any, Path], Any]:
    """``view_of(dataset, features)``: what is learnt from, cut; encoders write to ``features``."""

    def view(dataset: Any, features: Path) -> Any:
        view = dataset.training_view()
        view.features_folder = features
        every = view.examples
        view.examples = lambda task, part="train": every(task, part)[:: FEWER[part]]
        return view

    return view


@pytest.fixture(scope="session")
def fit_on() -> Callable[..., Any]:
    """``fit_on(view, model_class=P5, **settings)``: a small fit."""

    def fit(view: Any, model_class: type[P5] = P5, **settings: Any) -> P5:
        model = model_class(model_class.Config(**{**SMALL, **settings}))
        model.fit(view, seed=3)
        return model

    return fit


@pytest.fixture(scope="session")
def fitted(
    sim_xs: Any,
    view_of: Callable[[Any, Path], Any],
    fit_on: Callable[..., P5],
    tmp_path_factory: pytest.TempPathFactory,
) -> P5:
    """A P5 fitted on sim-xs; tests leave it as it is."""
    return fit_on(view_of(sim_xs, tmp_path_factory.mktemp("features")))
