"""Threads: how many, and sums that are the same with any number."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from benchmark.host.threads import processor_threads, summed_in_one_thread


@pytest.mark.parametrize(("wanted", "used"), [(1, 1), (2, 2), (4, 2), (None, 2)])
def test_at_most_never_takes_more_threads_than_torch_would(wanted, used):
    with processor_threads(2):
        with processor_threads(wanted, at_most=True):
            assert torch.get_num_threads() == used
        assert torch.get_num_threads() == 2


def _gradients(threads: int) -> list[Tensor]:
    """Of a layer norm's scale and shift, and of a gate, over 40,000 rows."""
    chance = torch.Generator().manual_seed(1)
    x = torch.randn(40_000, 8, generator=chance)
    scale, shift, gate = torch.ones(8), torch.zeros(8), torch.ones(1)
    for weight in (scale, shift, gate):
        weight.requires_grad_()
    with processor_threads(threads):
        normed = summed_in_one_thread(functional.layer_norm(x, (8,), scale, shift))
        (summed_in_one_thread(gate * normed).square() * x).sum().backward()
        assert torch.get_num_threads() == threads  # as before the backward pass
    found = [scale.grad, shift.grad, gate.grad]
    return [g for g in found if g is not None]


def test_sums_in_one_thread_are_the_same_with_any_number_of_threads():
    alone = _gradients(1)
    for threads in (2, 3):
        assert all(torch.equal(a, b) for a, b in zip(alone, _gradients(threads), strict=True))


def test_without_a_gradient_nothing_is_hooked():
    result = torch.ones(3) * 2
    assert summed_in_one_thread(result) is result
