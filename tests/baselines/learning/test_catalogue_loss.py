"""Cross-entropy block by block is the plain one, value and gradients."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from baselines.learning import catalogue_loss
from baselines.learning.catalogue_loss import catalogue_cross_entropy


def inputs(n=50, items=37, d=8, *, scale=1.0, dtype=torch.float32):
    chance = torch.Generator().manual_seed(0)
    states = scale * torch.randn(n, d, generator=chance, dtype=dtype)
    table = torch.randn(items, d, generator=chance, dtype=dtype)
    bias = torch.randn(items, generator=chance, dtype=dtype)
    target = torch.randint(items, (n,), generator=chance)
    return [tensor.requires_grad_() for tensor in (states, table, bias)], target


def results(loss, tensors):
    value = loss() * 3  # a factor outside must reach the gradients
    return [value.detach(), *torch.autograd.grad(value, tensors)]


@pytest.mark.parametrize("rows", [1, 7, 50, 64])  # blocks of one, uneven, exactly one, too large
@pytest.mark.parametrize("with_bias", [False, True])
def test_value_and_gradients_are_those_of_plain_cross_entropy(monkeypatch, rows, with_bias):
    monkeypatch.setattr(catalogue_loss, "SCORES_AT_ONCE", rows * 37)
    (states, table, bias), target = inputs(dtype=torch.float64)
    tensors = [states, table, bias] if with_bias else [states, table]
    ours = results(lambda: catalogue_cross_entropy(states, table, target, *tensors[2:]), tensors)
    plain = results(
        lambda: cross_entropy(states @ table.T + (bias if with_bias else 0), target), tensors
    )
    for got, expected in zip(ours, plain, strict=True):
        assert torch.allclose(got, expected, rtol=1e-12, atol=1e-14)


def test_scores_whose_exponentials_overflow_are_no_trouble():
    (states, table, _), target = inputs(scale=200.0)  # scores of over a thousand
    ours = results(lambda: catalogue_cross_entropy(states, table, target), (states, table))
    plain = results(lambda: cross_entropy(states @ table.T, target), (states, table))
    for got, expected in zip(ours, plain, strict=True):
        assert torch.isfinite(got).all()
        assert torch.allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_rounding_is_no_worse_than_the_plain_computations():
    (states, table, _), target = inputs(n=300, items=2000, d=32)
    exact = [tensor.detach().double().requires_grad_() for tensor in (states, table)]
    truth = results(lambda: cross_entropy(exact[0] @ exact[1].T, target), exact)
    ours = results(lambda: catalogue_cross_entropy(states, table, target), (states, table))
    plain = results(lambda: cross_entropy(states @ table.T, target), (states, table))
    for got, expected, right in zip(ours, plain, truth, strict=True):
        error, usual = (got - right).abs().max(), (expected - right).abs().max()
        assert error <= 4 * usual + 1e-6


def test_the_same_inputs_give_the_same_bits():
    (states, table, bias), target = inputs(n=500, items=3000)
    twice = [
        results(lambda: catalogue_cross_entropy(states, table, target, bias), (states, table, bias))
        for _ in range(2)
    ]
    assert all(torch.equal(a, b) for a, b in zip(*twice, strict=True))
