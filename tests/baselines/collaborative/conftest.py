"""Numbers of the authors' code, a view by hand, and ways to ask and to kill."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines.learning.factors import FactorModel
from benchmark.host.files import read_json, write_json
from benchmark.instances import History, Item, RecommendationInstance
from benchmark.training import checkpoint
from benchmark.training.checkpoint import Checkpoint
from benchmark.training.stored import load_tensors, save_tensors

RECORD, WEIGHTS = "ranker.json", "model.safetensors"
GOLDEN = Path(__file__).parents[2] / "golden" / "data"

#: f occurs in no training row; w has one training item, v takes c twice.
TAKEN = {"u": "abcd", "v": "bcdec", "w": "e"}


@pytest.fixture
def golden() -> Callable[[str], dict[str, Any]]:
    """``golden(name)``: inputs and outputs of the authors' code on a small case."""
    return lambda name: json.loads((GOLDEN / f"{name}.json").read_text())


@pytest.fixture
def agrees() -> Callable[[torch.Tensor, Any], None]:
    """Compare with golden numbers, in the precision in which they were made."""
    return lambda got, want: np.testing.assert_allclose(
        got.detach().numpy(), np.array(want), rtol=1e-4, atol=1e-5
    )


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


class Killed(BaseException):
    """Stands for SIGKILL."""


@pytest.fixture
def killed_after(monkeypatch) -> Callable[[int, Callable[[], object]], None]:
    """``killed_after(n, fit)``: run ``fit`` and end it behind the n-th epoch, which is written."""
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", 0.0)

    def run(writes: int, fit: Callable[[], object]) -> None:
        write, left = Checkpoint.write, [writes]

        def killing(self, *arguments):
            write(self, *arguments)
            left[0] -= 1
            if not left[0]:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(Checkpoint, "write", killing)
            with pytest.raises(Killed):
                fit()

    return run


@pytest.fixture
def sim_view(sim_xs, tmp_path):
    """The training view of sim-xs with a folder of its own."""
    view = sim_xs.training_view()
    view.features_folder = tmp_path
    return view


@pytest.fixture
def same_tensors() -> Callable[[FactorModel, FactorModel], bool]:
    """Whether two models learnt the same, to the bit."""

    def same(a: FactorModel, b: FactorModel) -> bool:
        left, right = a.tensors(), b.tensors()
        return left.keys() == right.keys() and all(torch.equal(left[n], right[n]) for n in left)

    return same
