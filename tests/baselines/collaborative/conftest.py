"""A view by hand, and ways to ask models that were fitted on it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from baselines.learning.factors import FactorModel
from benchmark.host.files import read_json, write_json
from benchmark.instances import History, Item, RecommendationInstance
from benchmark.training.stored import load_tensors, save_tensors

RECORD, WEIGHTS = "ranker.json", "model.safetensors"

#: f occurs in no training row; w has one training item, v takes c twice.
TAKEN = {"u": "abcd", "v": "bcdec", "w": "e"}


@pytest.fixture
def view(make_view):
    """Three users, six items, no validation instances."""
    rows = [{"user_id": user, "item_id": item} for user, items in TAKEN.items() for item in items]
    view = make_view([{"item_id": name} for name in "abcdef"], train=rows)
    view.tasks = ()
    return view


@pytest.fixture
def loaded_with(make_view, tmp_path) -> Callable[..., FactorModel]:
    """``loaded_with(model, users, items, tensors, **shape)``: a model that reads these weights."""

    def build(model: FactorModel, users: str, items: str, tensors, **shape) -> FactorModel:
        rows = [{"user_id": user, "item_id": items[0]} for user in users]
        view = make_view([{"item_id": name} for name in items], train=rows)
        view.tasks = ()
        model.fit(view, seed=0)
        model.save(tmp_path)
        save_tensors({**load_tensors(tmp_path / WEIGHTS), **tensors}, tmp_path / WEIGHTS)
        record = read_json(tmp_path / RECORD)
        write_json(tmp_path / RECORD, {**record, "shape": {**record["shape"], **shape}})
        loaded = type(model)()
        loaded.load(tmp_path)
        return loaded

    return build


@pytest.fixture
def ask() -> Callable[..., RecommendationInstance]:
    """``ask(user, history)``: an instance that may be answered with any of the six items."""

    def build(user: str, history: str = "", *, k: int = 6) -> RecommendationInstance:
        nothing = len(history)
        past = History(tuple(map(Item, history)), (None,) * nothing, (0,) * nothing)
        return RecommendationInstance(f"{user}-{history}", user, past, k=k)

    return build


@pytest.fixture
def sim_view(sim_xs, tmp_path):
    """The training view of sim-xs with a folder of its own."""
    view = sim_xs.training_view()
    view.features_folder = tmp_path
    return view
