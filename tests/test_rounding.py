"""Scores are compared to a stated precision, so that last digits decide nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.doctor import same_predictions
from benchmark.predictions import Ranking, Rating, Selection
from benchmark.ranking import top_k
from benchmark.rounding import kept_bits, rounded

SINGLE = st.floats(-1e6, 1e6, width=32)


def _ranked_as_defined(scores: np.ndarray, k: int) -> list[int]:
    compared = rounded(scores, computed_in=scores.dtype)
    return sorted(range(len(scores)), key=lambda i: (-compared[i], i))[:k]


def _disturbed(scores: np.ndarray, seed: int) -> np.ndarray:
    """Off by up to three units in the last place, each score by its own."""
    units = np.random.default_rng(seed).integers(-3, 4, scores.shape)
    return (scores + units * np.spacing(scores)).astype(scores.dtype)


@given(st.lists(SINGLE, min_size=3, max_size=40), st.sampled_from(["float32", "float64"]))
def test_a_ranking_is_that_of_the_rounded_scores_with_ties_by_index(values, dtype):
    scores = np.array(values, dtype)
    for k in (1, 2, 3):
        best, stored = top_k(scores[None], k=k)
        assert best[0].tolist() == _ranked_as_defined(scores, k)
        assert (np.diff(stored[0]) <= 0).all()
        assert stored[0].tolist() == rounded(scores[best[0]], computed_in=dtype).tolist()


@given(st.lists(st.floats(allow_nan=False, width=32), min_size=2, max_size=30))
def test_rounding_never_decreases_and_is_done_once(values):
    once = rounded(np.sort(np.array(values, np.float32)), computed_in=np.float32)
    assert (once[1:] >= once[:-1]).all()
    assert rounded(once, computed_in=np.float32).tolist() == once.tolist()


@given(st.lists(st.integers(0, 2**40), min_size=3, max_size=30))
def test_counts_in_double_precision_keep_their_exact_order(counts):
    best, stored = top_k(np.array([counts], np.float64), k=3)
    assert best[0].tolist() == sorted(range(len(counts)), key=lambda i: (-counts[i], i))[:3]
    assert stored[0].tolist() == [counts[i] for i in best[0]]


@pytest.mark.parametrize("seed", range(20))
def test_items_that_tie_but_for_their_last_digits_are_ordered_by_index(seed):
    # Scores as a table with repeated rows gives them; on the middle of a step, where they are safe.
    true = np.repeat(np.float32([3.0, 2.5, 2.0, -0.75]), 5)[None]
    unrounded = np.argsort(-_disturbed(true, seed)[0], kind="stable")
    assert unrounded.tolist() != list(range(20))  # what the rounding is there for
    best, stored = top_k(_disturbed(true, seed), k=12)
    assert best[0].tolist() == list(range(12))
    assert stored[0].tolist() == true[0, :12].tolist()


def test_noise_changes_few_rankings_of_unequal_scores():
    scores = np.random.default_rng(0).normal(size=(500, 1000)).astype(np.float32)
    before, _ = top_k(scores, k=10)
    after, _ = top_k(_disturbed(scores, 1), k=10)
    assert (before != after).any(axis=1).mean() < 0.01  # rare, not impossible


def test_small_probabilities_beside_a_large_one_keep_their_order():
    p = np.float32([[0.99, 1e-6, 3e-6, 2e-6, 4e-6]])
    assert top_k(p, k=5)[0].tolist() == [[0, 4, 2, 3, 1]]


def test_a_constant_for_never_coarsens_nothing_else():
    scores = np.float32([[-1e9, 0.1, 0.3, 0.2]])
    assert top_k(scores, k=4)[0].tolist() == [[2, 3, 1, 0]]


@given(st.lists(SINGLE, min_size=10, max_size=30))
def test_the_first_places_do_not_depend_on_how_many_are_asked(values):
    scores = np.float32([values])
    assert top_k(scores, k=5)[0].tolist() == top_k(scores, k=10)[0][:, :5].tolist()


def test_infinite_scores_are_ranked():
    scores = np.array([[1.0, np.inf, -np.inf, np.inf]])
    for k, expected in ((1, [1]), (2, [1, 3]), (4, [1, 3, 0, 2])):
        assert top_k(scores, k=k)[0].tolist() == [expected]


def test_the_precision_follows_the_arithmetic():
    types = ("float16", "float32", "float64", "int64")
    assert [kept_bits(t) for t in types] == [16, 16, 45, 45]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Ranking("a", ("x", "y"), (2.0, 1.0)), Ranking("a", ("x", "y"), (2.00003, 1.0)), True),
        (Ranking("a", ("x", "y"), (2.0, 1.0)), Ranking("a", ("x", "y"), (2.001, 1.0)), False),
        (Ranking("a", ("x", "y"), (2.0, 2.0)), Ranking("a", ("y", "x"), (2.0, 2.0)), False),
        (Selection("a", ("x",), (0.5, 0.1)), Selection("a", ("x",), (0.5, 0.1)), True),
        (Selection("a", ("x",), (0.5, 0.1)), Selection("a", (), (0.5, 0.1)), False),
        (Rating("a", 4.0), Rating("a", 4.00001), True),
        (Rating("a", 4.0), Rating("a", 4.01), False),
        (Rating("a", 4.0), Rating("b", 4.0), False),
    ],
)
def test_predictions_are_the_same_up_to_a_step_of_their_scores(one, other, same):
    assert same_predictions([one], [other]) is same
