"""Which optimiser steps what, and that two of them act as one."""

from __future__ import annotations

import copy

import pytest
import torch

from benchmark.training.checkpoint import optimiser_tensors, restore_optimiser
from unimp_model.config import UniMPConfig
from unimp_model.training.optimisation import MuonAndAdamW, make_optimiser

TINY = UniMPConfig(muon_learning_rate=0.02, learning_rate=0.003)


@pytest.fixture
def network(world):
    found = copy.deepcopy(world(codes=8).network)
    torch.manual_seed(0)
    for parameter in found.parameters():
        parameter.grad = torch.randn_like(parameter)
    return found


def _values(network):
    return {name: p.detach().clone() for name, p in network.named_parameters()}


def _groups(network, config):
    names = {id(p): name for name, p in network.named_parameters()}
    optimiser = make_optimiser(network, config)
    return [{names[id(p)] for p in group["params"]} for group in optimiser.param_groups]


def test_muon_takes_the_linear_maps_inside_layers_and_nothing_else(network):
    muon, *others = _groups(network, TINY)
    inside = ("language.causal_lm.model.layers.", "cross_attention.", "resampler.")
    for name, parameter in network.named_parameters():
        is_map = parameter.ndim == 2 and name.startswith(inside) and name.endswith("weight")
        assert (name in muon) == is_map, name
    assert set.union(muon, *others) == {name for name, _ in network.named_parameters()}
    assert sum(map(len, [muon, *others])) == len(list(network.parameters()))


def test_adamw_alone_takes_everything(network):
    assert isinstance(make_optimiser(network, UniMPConfig(optimiser="adamw")), torch.optim.AdamW)
    assert isinstance(make_optimiser(network, TINY), MuonAndAdamW)


def test_what_adamw_steps_beside_muon_is_stepped_as_without(network):
    other = copy.deepcopy(network)
    for p, q in zip(network.parameters(), other.parameters(), strict=True):
        q.grad = p.grad.clone()
    muon = _groups(network, TINY)[0]
    make_optimiser(network, TINY).step()
    make_optimiser(other, TINY.model_copy(update={"optimiser": "adamw"})).step()
    for (name, p), q in zip(network.named_parameters(), other.parameters(), strict=True):
        assert torch.equal(p, q) == (name not in muon), name


def test_a_matrix_steps_by_nearly_the_orthogonal_matrix_nearest_to_its_gradient(network):
    before = _values(network)
    optimiser = make_optimiser(network, TINY)
    chosen = optimiser.param_groups[0]["params"]
    names = {id(p): name for name, p in network.named_parameters()}
    gradients = {names[id(p)]: p.grad.clone() for p in chosen}
    optimiser.step()
    after = _values(network)
    for name, gradient in gradients.items():
        kept = before[name] * (1 - 0.02 * 0.1)  # decoupled weight decay
        taken = (kept - after[name]) / (0.02 * max(1, gradient.shape[0] / gradient.shape[1]) ** 0.5)
        u, _, v = torch.linalg.svd(gradient, full_matrices=False)
        sizes = torch.linalg.svdvals(taken)
        assert 0.6 < sizes.quantile(0.1) <= sizes.max() < 1.3, name  # five Newton-Schulz steps
        assert torch.cosine_similarity(taken.flatten(), (u @ v).flatten(), dim=0) > 0.95, name


def test_a_restored_state_steps_as_the_one_that_was_kept(network):
    other = copy.deepcopy(network)
    first, second = make_optimiser(network, TINY), make_optimiser(other, TINY)
    torch.manual_seed(1)
    gradients = [[torch.randn_like(p) for p in network.parameters()] for _ in range(3)]

    def step(model, optimiser, values):
        for p, value in zip(model.parameters(), values, strict=True):
            p.grad = value.clone()
        optimiser.step()

    for values in gradients[:2]:
        step(network, first, values)
    other.load_state_dict(network.state_dict())
    kept = {key: value.clone() for key, value in optimiser_tensors(first).items()}
    restore_optimiser(second, kept)
    step(network, first, gradients[2])
    step(other, second, gradients[2])
    assert all(torch.equal(p, q) for p, q in zip(network.parameters(), other.parameters()))  # noqa: B905


def test_the_schedule_moves_both_rates(network):
    optimiser = make_optimiser(network, TINY, scale=0.5)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 / (1 + step))
    assert [group["lr"] for group in optimiser.param_groups][:2] == [0.01, 0.0015]
    optimiser.step()
    schedule.step()
    assert [group["lr"] for group in optimiser.param_groups][:2] == [0.005, 0.00075]
