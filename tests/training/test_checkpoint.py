"""A checkpoint holds all that a training goes on from, random numbers of every device included."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

from benchmark.errors import BenchError
from benchmark.training import checkpoint
from benchmark.training.checkpoint import (
    Checkpoint,
    optimiser_tensors,
    restore_optimiser,
    training_key,
)
from benchmark.training.journal import Journal
from benchmark.training.reproducible import random_states, reproducible, restore_random_states


def written(file, *, seed: int = 3) -> Checkpoint:
    made = Checkpoint(file, np.random.default_rng(seed))
    journal = Journal([{"stage": "joint", "loss": 1.5}], {"joint": 0})
    weights = {"now": {"w": torch.arange(3.0)}, "own a task": {"w": torch.ones(1)}}
    made.write(weights, {"0 step": torch.tensor(4.0)}, journal, {"best": -np.inf, "stage": 1})
    return made


def test_what_was_written_is_read(tmp_path):
    made = written(tmp_path / "a" / "c.safetensors")
    saved = made.read()
    assert saved.weights.keys() == {"now", "own a task"}
    assert torch.equal(saved.weights["now"]["w"], torch.arange(3.0))
    assert saved.optimiser["0 step"] == 4
    assert saved.journal == Journal([{"stage": "joint", "loss": 1.5}], {"joint": 0})
    assert saved.position == {"best": -np.inf, "stage": 1}
    made.remove()
    assert made.read() is None


def test_random_numbers_go_on_where_they_were(tmp_path):
    made = written(tmp_path / "c.safetensors")
    expected = torch.rand(3), made.generator.random(3)
    again = Checkpoint(made.file, np.random.default_rng(99))
    torch.manual_seed(99)
    again.restore_chance(again.read())
    assert torch.equal(torch.rand(3), expected[0])
    assert np.array_equal(again.generator.random(3), expected[1])


def test_the_states_of_all_gpus_are_kept_and_each_goes_back_to_its_own():
    gpus = [torch.tensor([n, n + 1], dtype=torch.uint8) for n in (10, 20, 30)]
    states = random_states(lambda: gpus)
    assert list(states) == ["cpu", "cuda 0", "cuda 1", "cuda 2"]
    back = {}
    restore_random_states(states, back.__setitem__)
    assert list(back) == [0, 1, 2]
    assert all(torch.equal(back[n], gpus[n]) for n in back)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_random_numbers_of_a_gpu_go_on_where_they_were(tmp_path):
    made = written(tmp_path / "c.safetensors")
    expected = torch.rand(3, device="cuda")
    torch.rand(5, device="cuda")
    made.restore_chance(made.read())
    assert torch.equal(torch.rand(3, device="cuda"), expected)


def test_without_a_gpu_a_checkpoint_of_one_is_read():
    states = {"cpu": torch.get_rng_state(), "cuda 63": torch.zeros(16, dtype=torch.uint8)}
    restore_random_states(states)
    assert torch.equal(torch.get_rng_state(), states["cpu"])


@pytest.mark.parametrize("size", [0, 7, 100])
def test_half_a_file_is_no_file(tmp_path, size):
    made = written(tmp_path / "c.safetensors")
    made.file.write_bytes(made.file.read_bytes()[:size])
    assert made.read() is None


def test_a_write_that_fails_leaves_the_old_file_whole(tmp_path, monkeypatch):
    made = written(tmp_path / "c.safetensors")
    before = made.file.read_bytes()

    def full(*names):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(BenchError, match="No space left"):
        written(made.file, seed=4)
    assert made.file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [made.file]


def test_an_optimiser_goes_on_as_if_it_had_never_stopped():
    def steps(count, weights, optimiser):
        for _ in range(count):
            optimiser.zero_grad()
            (weights.square().sum() + weights.sum()).backward()
            optimiser.step()

    def start():
        weights = torch.nn.Parameter(torch.arange(4.0))
        return weights, torch.optim.AdamW([weights], lr=0.1)

    whole, optimiser = start()
    steps(3, whole, optimiser)
    kept = {name: value.clone() for name, value in optimiser_tensors(optimiser).items()}
    weights, later = start()
    weights.data.copy_(whole.data)
    restore_optimiser(later, kept)
    steps(2, whole, optimiser)
    steps(2, weights, later)
    assert torch.equal(weights, whole)


@pytest.mark.parametrize("what", ["code", "packages", "device", "seed"])
def test_other_code_packages_device_or_settings_have_another_key(monkeypatch, what):
    def key(code="c", device="cpu", seed=0):
        return training_key(code, torch.device(device), seed=seed)

    before = key()
    assert key() == before
    if what == "packages":
        monkeypatch.setattr(checkpoint, "package_versions", lambda: {"torch": "0.0"})
        assert key() != before
    else:
        assert key(**{what: {"code": "d", "device": "cuda", "seed": 1}[what]}) != before


def test_a_seed_leaves_the_generator_as_it_was_and_none_lets_it_go_on():
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    with reproducible(1):
        torch.rand(2)
    first = torch.rand(2)
    with reproducible():
        second = torch.rand(2)
        assert torch.are_deterministic_algorithms_enabled()
    assert torch.equal(torch.cat([first, second]), expected)
    assert not torch.are_deterministic_algorithms_enabled()
