"""What a model sets of its process is neither in force for others nor lost to itself."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import benchmark as ub
from benchmark.data.opening import open_dataset
from benchmark.models.building import configure
from benchmark.models.own_state import OwnState, process_state, set_process_state
from benchmark.runs.store import PREDICTIONS

_FILE = """
import os

import numpy as np
import torch

from benchmark.predictions import Rating

torch.set_default_dtype(torch.float64)


class Sets:
    tasks = frozenset({"preference"})

    def fit(self, data, *, seed):
        self.found = [str(torch.get_default_dtype()), torch.is_grad_enabled()]
        os.chdir(os.sep)
        torch.set_default_device("meta")

    def save(self, folder):
        (folder / "found").write_text(" ".join(map(str, self.found)))

    def load(self, folder):
        assert (folder / "found").read_text() == "torch.float64 True"
        torch.set_grad_enabled(False)
        np.seterr(all="raise")

    def predict(self, instances):
        assert not torch.is_grad_enabled(), "what load has set is gone"
        torch.use_deterministic_algorithms(True)
        for each in instances:
            yield Rating(each.instance_id, torch.tensor(3.0).dtype.itemsize / 2)
"""


@pytest.fixture(autouse=True)
def _put_back():
    before = process_state()
    yield
    set_process_state(before)


@pytest.fixture
def model(tmp_path: Path) -> str:
    file = tmp_path / "sets.py"
    file.write_text(_FILE)
    return f"{file}:Sets"


def test_a_run_leaves_the_process_as_it_was(model, run_home) -> None:
    before = process_state()
    run = ub.run(model, "preference", data="sim-xs", home=run_home.root)
    assert process_state() == before
    # Ratings of 4: in the type that the file sets a number has 8 bytes.
    assert set(pl.read_parquet(run.folder / PREDICTIONS)["value"]) == {4.0}


def test_a_fit_and_its_predictions_leave_it_so_too(model, run_home) -> None:
    before = process_state()
    fitted = ub.fit(model, "sim-xs", home=run_home.root)
    assert process_state() == before
    instances = open_dataset("sim-xs", run_home).instances("preference", limit=3)
    assert [answer.value for answer in ub.predict(fitted, instances)] == [4.0] * 3
    assert process_state() == before


def test_a_packages_model_begins_in_the_usual_state(tmp_path, monkeypatch) -> None:
    usual = process_state()
    monkeypatch.chdir(tmp_path)
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    np.seterr(all="raise")
    changed = process_state()
    with configure("popularity", {}).own_state():
        assert process_state() == {**usual, "working folder": str(tmp_path)}
    assert process_state() == changed


def test_a_class_that_is_handed_over_finds_what_its_program_set() -> None:
    torch.set_default_dtype(torch.float64)
    with OwnState(None):
        assert torch.get_default_dtype() is torch.float64


def test_what_a_call_leaves_is_there_for_the_next_even_where_it_fails() -> None:
    state = OwnState({})
    folder = os.getcwd()

    def fail() -> None:
        with state:
            torch.set_default_dtype(torch.float64)
            os.chdir(os.sep)
            raise ValueError("after all")

    with pytest.raises(ValueError, match="after all"):
        fail()
    assert (torch.get_default_dtype(), os.getcwd()) == (torch.float32, folder)
    with state:
        assert (torch.get_default_dtype(), os.getcwd()) == (torch.float64, os.sep)


def test_a_precision_that_was_set_in_the_newer_way_stays() -> None:
    products = torch.backends.cuda.matmul
    before = products.fp32_precision
    products.fp32_precision = "tf32"
    try:
        with OwnState({}):
            assert products.fp32_precision == "tf32"
        assert products.fp32_precision == "tf32"
    finally:
        products.fp32_precision = before
