"""Exact selection of the best columns: the plain algorithm gives the same, whatever the scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.errors import BenchError
from benchmark.rounding import rounded
from benchmark.topk import top_k

ITEMS = (1, 7, 60, 161, 700, 4_001)  # fewer than, as many as, and many more than k blocks


def plainly(scores: np.ndarray, exclude: list[list[int]], k: int) -> tuple[np.ndarray, np.ndarray]:
    """Sort every row whole."""
    indices, best = [], []
    for row, barred in zip(scores, exclude, strict=True):
        free = np.setdiff1d(np.arange(len(row)), barred)
        compared = rounded(row[free], computed_in=scores.dtype)
        order = np.argsort(-compared, kind="stable")[:k]
        indices.append(free[order])
        best.append(compared[order])
    return np.array(indices), np.array(best)


def drawn(kind: str, rows: int, items: int, rng: np.random.Generator) -> np.ndarray:
    """Scores of a kind that models give."""
    scores = rng.normal(size=(rows, items))
    if kind == "near ties":
        scores = np.round(scores, 1)
        scores += rng.integers(-3, 4, scores.shape) * np.spacing(scores)
    elif kind == "counts":
        scores = rng.poisson(2.0, scores.shape).astype(float)
    elif kind == "sparse":
        scores = np.where(rng.random(scores.shape) < 0.02, np.abs(scores), 0.0)
    elif kind == "constant":
        scores[:] = 0.25
    elif kind == "mostly -inf":
        scores[rng.random(scores.shape) < 0.97] = -np.inf
    elif kind == "infinite":
        scores[rng.random(scores.shape) < 0.1] = np.inf
    elif kind == "negative":
        scores = -np.exp(5 * scores)
    return scores


KINDS = (
    "continuous",
    "near ties",
    "counts",
    "sparse",
    "constant",
    "mostly -inf",
    "infinite",
    "negative",
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("computed_in", ["float16", "float32", "float64"])
def test_the_selection_is_that_of_sorting_everything(kind: str, computed_in: str) -> None:
    rng = np.random.default_rng([KINDS.index(kind), len(computed_in)])
    for items in ITEMS:
        rows = 9
        with np.errstate(over="ignore"):
            scores = drawn(kind, rows, items, rng).astype(computed_in)
        before = scores.copy()
        for k in sorted({1, min(10, items), min(20, items), min(items, 61)}):
            most = min(items - k, 40)
            exclude = [
                # Repeated, in any order, and the best of the row among them.
                [*rng.integers(0, items, most // 2), *np.argsort(-row)[: most - most // 2]]
                for row in scores.astype(float)
            ]
            expected = plainly(scores, exclude, k)
            for found, wanted in zip(top_k(scores, exclude=exclude, k=k), expected, strict=True):
                np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(scores, before)  # read only


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_small_matrix_is_selected_from_exactly(data: st.DataObject) -> None:
    items = data.draw(st.integers(2, 50))
    value = st.one_of(
        st.sampled_from([0.0, -0.0, 1.0, 1.0 + 2**-20, -np.inf, np.inf]),
        st.floats(allow_nan=False, width=32),
    )
    scores = np.array(
        [data.draw(st.lists(value, min_size=items, max_size=items)) for _ in range(2)], np.float32
    )
    k = data.draw(st.integers(1, items))
    column = st.integers(0, items - 1)
    exclude = [data.draw(st.lists(column, max_size=items - k)) for _ in scores]
    found, expected = top_k(scores, exclude=exclude, k=k), plainly(scores, exclude, k)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("items", [50, 5_000])
def test_a_matrix_without_rows_or_with_whole_numbers_is_selected_from(items: int) -> None:
    assert top_k(np.zeros((0, items)), k=3)[0].shape == (0, 3)
    counts = np.arange(items)[None] // 2
    assert top_k(counts, k=3)[0].tolist() == [[items - 2, items - 1, items - 4]]
    assert top_k(np.broadcast_to(counts, (4, items)), k=1)[0].tolist() == [[items - 2]] * 4


@pytest.mark.parametrize("items", [50, 5_000])
def test_what_cannot_be_ranked_is_an_error(items: int) -> None:
    scores = np.zeros((2, items), np.float32)
    with pytest.raises(BenchError, match=r"3 items was asked where only 2 items"):
        top_k(scores, exclude=[[], [*range(2, items), *range(2, items)]], k=3)
    with pytest.raises(IndexError):
        top_k(scores, exclude=[[], [items]], k=3)
    scores[1, -1] = np.nan
    with pytest.raises(BenchError, match="NaN"):
        top_k(scores, exclude=[[], [items - 1]], k=3)


@pytest.mark.parametrize("rows", [0, 2])
def test_no_item_can_be_asked_for(rows: int) -> None:
    assert [part.shape for part in top_k(np.zeros((rows, 5)), k=0)] == [(rows, 0)] * 2
