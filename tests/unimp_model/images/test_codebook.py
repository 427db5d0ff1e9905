"""Codes sit in the middle of what they stand for, and none stays idle."""

from __future__ import annotations

import numpy as np
import torch

from unimp_model.images.codebook import RunningCodebook, kmeans


def _clusters() -> torch.Tensor:
    """Three clusters of 50 points around (0, 0), (10, 0), (0, 10)."""
    noise = torch.from_numpy(np.random.default_rng(1).normal(0, 0.1, (150, 2))).float()
    return torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]).repeat_interleave(50, 0) + noise


def test_every_centre_is_the_mean_of_its_points():
    points = _clusters()
    centres = kmeans(points, 5, np.random.default_rng(0))
    nearest = torch.cdist(points, centres).argmin(1)
    for number in nearest.unique():
        assert torch.allclose(centres[number], points[nearest == number].mean(0), atol=1e-4)


def test_more_centres_than_points_repeat_points():
    centres = kmeans(torch.tensor([[1.0], [2.0]]), 5, np.random.default_rng(0))
    assert set(centres.flatten().tolist()) == {1.0, 2.0}


def test_a_code_moves_to_the_mean_of_what_it_is_given():
    weight = torch.zeros(2, 1)
    codebook = RunningCodebook(weight, np.random.default_rng(0))
    for _ in range(1000):
        codebook.update(torch.tensor([[3.0], [5.0]]), torch.tensor([0, 0]))
    assert abs(weight[0].item() - 4.0) < 1e-3
    assert weight[1].item() == 0.0


def test_one_step_is_the_running_mean():
    weight = torch.tensor([[2.0], [7.0]])
    codebook = RunningCodebook(weight, np.random.default_rng(0))
    codebook.update(torch.tensor([[4.0], [5.0]]), torch.tensor([0, 0]))
    # counts 0.98 * 1 + 0.02 * 2, sums 0.98 * 2 + 0.02 * 9
    assert abs(weight[0].item() - 2.14 / 1.02) < 1e-6
    assert weight[1].item() == 7.0


def test_an_idle_code_is_given_work():
    weight = torch.tensor([[0.0], [100.0]])
    codebook = RunningCodebook(weight, np.random.default_rng(0))
    seen = torch.tensor([[0.1], [0.2], [0.3]])
    revived = 0
    for _ in range(300):
        codebook.update(seen, torch.zeros(3, dtype=torch.long))
        revived += codebook.revive(seen)
    assert revived >= 1
    assert any(torch.allclose(weight[1], row) for row in seen)
    assert abs(weight[0].item() - 0.2) < 1e-3
