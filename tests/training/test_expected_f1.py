"""The chosen subset is the best of all subsets."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmark.training.expected_f1 import best_subset


@pytest.mark.parametrize("positives", [1, 2, 3])
def test_no_subset_has_a_larger_expected_f1(positives: int) -> None:
    """Worlds: which candidates are right is drawn among all sets of that size."""
    rng = np.random.default_rng(positives)
    for _ in range(20):
        worlds = list(itertools.combinations(range(6), positives))
        chance = rng.dirichlet(np.full(len(worlds), 0.3))
        shares = np.zeros(6)
        for world, p in zip(worlds, chance, strict=True):
            shares[list(world)] += p

        def f1(chosen: set[int], worlds=worlds, chance=chance) -> float:
            hits = [2 * len(chosen & set(world)) for world in worlds]
            return float(np.dot(hits, chance) / (len(chosen) + positives))

        subsets = [set(s) for m in range(1, 7) for s in itertools.combinations(range(6), m)]
        assert f1(set(best_subset(shares, positives).tolist())) == pytest.approx(
            max(map(f1, subsets))
        )


def test_equal_candidates_are_taken_in_order() -> None:
    assert best_subset(np.array([0.1, 0.4, 0.1, 0.4]), 1).tolist() == [1, 3]
    assert best_subset(np.full(3, 1 / 3), 1).tolist() == [0, 1, 2]
