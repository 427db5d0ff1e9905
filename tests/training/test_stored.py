"""Tensors in files: what is written is read, what is damaged is told."""

from __future__ import annotations

import pytest
import torch

from benchmark.errors import BenchError
from benchmark.host.files import REMAKE
from benchmark.training.stored import REFIT, load_tensors, load_with_record, save_tensors


def test_what_is_written_is_read(tmp_path):
    tensors = {"a": torch.randn(2, 3), "b": torch.arange(4)}
    save_tensors(tensors, tmp_path / "x", record={"step": 3})
    read = load_tensors(tmp_path / "x")
    assert all(torch.equal(read[name], tensors[name]) for name in ("a", "b"))
    assert load_with_record(tmp_path / "x")[1] == {"step": 3}


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_fitted_state_that_is_not_finite_is_refused(tmp_path, value):
    save_tensors({"a": torch.zeros(2), "b": torch.full((3,), float(value))}, tmp_path / "x")
    with pytest.raises(BenchError, match=r"x' has weights.*b holds 3 .* among 3 values") as error:
        load_tensors(tmp_path / "x")
    assert error.value.fix == REFIT


def test_a_checkpoint_keeps_what_is_not_finite(tmp_path):
    save_tensors({"best": torch.tensor([float("inf")])}, tmp_path / "x", record={})
    assert load_with_record(tmp_path / "x")[0]["best"].isinf().all()


@pytest.mark.parametrize("content", [None, b"{", b"\0" * 100])
@pytest.mark.parametrize("fix", [REFIT, REMAKE])
def test_a_missing_or_broken_file_is_named_with_the_way_out(tmp_path, content, fix):
    if content is not None:
        (tmp_path / "odd.safetensors").write_bytes(content)
    with pytest.raises(BenchError, match=r"odd\.safetensors") as error:
        load_tensors(tmp_path / "odd.safetensors", fix=fix)
    assert error.value.fix == fix
