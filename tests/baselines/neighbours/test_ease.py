"""EASE against ridge regressions, its optimality against every small change, and its limits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import Ridge

from baselines.neighbours.ease import EASE, EASEConfig, check_memory, weights
from benchmark.errors import BenchError
from benchmark.instances import History, Item, RecommendationInstance


@pytest.fixture
def taken():
    draws = np.random.default_rng(5).random((40, 9)) < np.linspace(0.05, 0.7, 9)
    draws[:, 4] = False  # an item that nobody took
    return draws.astype(float)


@pytest.mark.parametrize("l2", [0.5, 10.0])
def test_each_column_is_the_ridge_regression_on_all_other_items(taken, l2):
    found = weights(sparse.csr_array(taken), l2)
    for item in range(9):
        others = np.arange(9) != item
        ridge = Ridge(alpha=l2, fit_intercept=False, solver="cholesky")
        ridge.fit(taken[:, others], taken[:, item])
        np.testing.assert_allclose(found[others, item], ridge.coef_, atol=1e-6)
        assert found[item, item] == 0


def test_no_change_off_the_diagonal_lowers_the_loss(taken):
    found = weights(sparse.csr_array(taken), 3.0).astype(float)

    def loss(b):
        return ((taken - taken @ b) ** 2).sum() + 3.0 * (b**2).sum()

    rng = np.random.default_rng(0)
    for _ in range(50):
        change = rng.normal(size=(9, 9)) * 1e-2
        np.fill_diagonal(change, 0)
        assert loss(found + change) > loss(found)
    unbound = found.copy()
    unbound[8, 8] += 1e-2  # the constraint binds: without it the loss could fall
    assert loss(unbound) < loss(found)


def test_scores_are_the_profile_times_the_weights(make_view, tmp_path):
    items = [{"item_id": name} for name in "abcd"]
    log = [("1", "a"), ("1", "b"), ("2", "a"), ("2", "b"), ("3", "b"), ("3", "c")]
    view = make_view(items, train=[{"user_id": u, "item_id": i} for u, i in log])
    model = EASE(EASEConfig(l2=1.0, recency=0.5))
    model.fit(view, seed=0)
    matrix = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0]], float)
    inverse = np.linalg.inv(matrix.T @ matrix + np.eye(4))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    instance = RecommendationInstance("q", "new", History((Item("c"), Item("a"))), k=4)
    np.testing.assert_allclose(
        model.scores([instance])[0], expected[0] + 0.5 * expected[2], rtol=1e-6
    )
    stranger = RecommendationInstance("q", "new", History(), k=4)
    assert model.scores([stranger])[0].tolist() == [2, 3, 1, 0]
    model.save(tmp_path)
    loaded = EASE(model.config)
    loaded.load(tmp_path)
    assert list(loaded.predict([instance])) == list(model.predict([instance]))


def test_a_catalogue_too_large_for_memory_is_refused_with_the_way_out():
    check_memory(1_000, available=12 * 1_000**2)
    with pytest.raises(BenchError, match="EASE over 1,000 items takes 11 MiB; 10 MiB") as caught:
        check_memory(1_000, available=10 * 2**20)
    assert "item-knn" in caught.value.fix


def test_a_fit_asks_for_the_memory_before_it_begins(make_view, monkeypatch):
    monkeypatch.setattr("baselines.neighbours.ease.available_memory", lambda device: 10)
    view = make_view([{"item_id": "a"}], train=[{"user_id": "u", "item_id": "a"}])
    with pytest.raises(BenchError, match="EASE over 1 items"):
        EASE().fit(view, seed=0)
