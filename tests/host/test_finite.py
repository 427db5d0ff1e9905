"""Values that are not finite: which are found, and how they are told."""

from __future__ import annotations

import pytest
import torch

from benchmark.errors import BenchError
from benchmark.host.finite import check_finite

NAN, INFINITE = float("nan"), float("inf")


def test_the_tensor_is_named_and_its_values_are_counted_by_kind():
    odd = torch.tensor([1.0, NAN, INFINITE, -INFINITE, 0.0])
    with pytest.raises(BenchError) as error:
        check_finite("Model 'x'", {"fine": torch.zeros(3), "odd": odd, "other": odd}, fix="Do it.")
    assert error.value.message == (
        "Model 'x' has weights that are not finite: odd holds 1 NaN and 2 infinite among 5 values "
        "(and 1 more such tensors)."
    )
    assert error.value.fix == "Do it."


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_float_type_is_looked_at(kind):
    tensor = torch.zeros(2, 3, dtype=kind)
    check_finite("x", [("fine", tensor)], fix="")
    tensor[1, 2] = NAN
    with pytest.raises(BenchError, match="odd holds 1 NaN among 6 values"):
        check_finite("x", [("odd", tensor)], fix="")


def test_large_values_integers_and_no_values_are_finite():
    largest = torch.tensor(torch.finfo(torch.float32).max)
    tensors = {"a": largest, "b": torch.arange(3), "c": torch.ones(2) > 0, "d": torch.zeros(0, 4)}
    check_finite("x", tensors, fix="")
