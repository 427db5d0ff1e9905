"""Measures of lists agree with RecBole's, with scikit-learn's, and with what is counted by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from benchmark.metrics import beyond

ITEMS, USERS, K = 30, 50, 6


@pytest.fixture
def draw() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def lists(draw: np.random.Generator) -> np.ndarray:
    """Rows of distinct items, popular ones more often."""
    weights = np.arange(ITEMS, 0, -1) ** 2 / np.sum(np.arange(1, ITEMS + 1) ** 2)
    return np.array([draw.choice(ITEMS, K, replace=False, p=weights) for _ in range(40)])


@pytest.fixture
def popularity(draw: np.random.Generator) -> np.ndarray:
    return draw.integers(0, USERS, ITEMS)


def test_coverage_gini_and_popularity_are_recboles(lists, popularity) -> None:
    metrics = pytest.importorskip("recbole.evaluator.metrics")
    config = {"topk": [K], "metric_decimal_place": 12}
    coverage = metrics.ItemCoverage(config).get_coverage(lists, ITEMS)
    gini = metrics.GiniIndex(config).get_gini(lists, ITEMS)
    assert beyond.coverage(lists, ITEMS) == pytest.approx(coverage, abs=1e-12)
    assert beyond.gini(lists, ITEMS) == pytest.approx(gini, abs=1e-12)
    of_items = metrics.AveragePopularity(config)
    counts = dict(enumerate(popularity.tolist()))
    means = of_items.metric_info(of_items.get_pop(lists, counts)).mean(axis=0)
    assert beyond.average_popularity(lists, popularity) == pytest.approx(means[-1], abs=1e-12)


def test_novelty_is_what_is_counted_by_hand(lists, popularity) -> None:
    bits = [-math.log2((taken + 1) / (USERS + 1)) for taken in popularity.tolist()]
    means = [sum(bits[i] for i in row) / K for row in lists.tolist()]
    assert beyond.novelty(lists, popularity, USERS) == pytest.approx(sum(means) / len(means))


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_diversity_is_the_mean_over_pairs(lists, draw, kind) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    vectors = draw.normal(size=(ITEMS, 5))
    vectors[[2, 3]] = 0.0  # items without a photo
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = vectors / np.where(lengths > 0, lengths, 1.0)
    lists[0] = -1  # a failed prediction
    lists[1] = [2, 3, 5, -1, -1, -1]  # one item alone that has a vector
    means = []
    for row in lists.tolist():
        shown = [i for i in row if i >= 0 and vectors[i].any()]
        pairs = [1 - vectors[i] @ vectors[j] for i, j in itertools.combinations(shown, 2)]
        if pairs:
            means.append(sum(pairs) / len(pairs))
    assert len(means) == len(lists) - 2
    given = sparse.csr_array(vectors) if kind == "sparse" else vectors
    assert beyond.diversity(lists, given) == pytest.approx(sum(means) / len(means))


def test_text_vectors_are_scikit_learns_tf_idf() -> None:
    text = pytest.importorskip("sklearn.feature_extraction.text")
    texts = [["red", "mug", "red"], ["blue", "mug"], [], ["oak", "chair", "red"]]
    expected = text.TfidfVectorizer(analyzer=lambda words: words).fit(texts)
    found = beyond.text_vectors(texts).toarray()
    columns = list(dict.fromkeys(word for words in texts for word in words))
    order = [expected.vocabulary_[word] for word in columns]
    np.testing.assert_allclose(found, expected.transform(texts).toarray()[:, order], atol=1e-12)


def test_the_ends_of_the_scales() -> None:
    same, all_items = np.tile([0, 1], (5, 1)), np.arange(10).reshape(5, 2)
    assert (beyond.coverage(same, 10), beyond.coverage(all_items, 10)) == (0.2, 1.0)
    assert beyond.gini(all_items, 10) == 0.0
    assert beyond.gini(np.zeros((5, 1), int), 10) == pytest.approx(0.9)
    alike = np.tile([1.0, 0.0], (10, 1))
    assert beyond.diversity(all_items, alike) == pytest.approx(0.0)


def test_failed_predictions_take_no_part(lists, popularity) -> None:
    failed = np.vstack([lists, np.full((7, K), -1)])
    assert beyond.gini(failed, ITEMS) == beyond.gini(lists, ITEMS)
    assert beyond.novelty(failed, popularity, USERS) == pytest.approx(
        beyond.novelty(lists, popularity, USERS)
    )
    nothing = np.full((3, K), -1)
    assert beyond.coverage(nothing, ITEMS) is None
    assert beyond.gini(nothing, ITEMS) is None
    assert beyond.average_popularity(nothing, popularity) is None
    assert beyond.diversity(nothing, np.eye(ITEMS)) is None


def test_a_list_shorter_than_the_others_counts_its_own_items(popularity) -> None:
    ragged = np.array([[0, 1], [2, -1]])
    expected = ((popularity[0] + popularity[1]) / 2 + popularity[2]) / 2
    assert beyond.average_popularity(ragged, popularity) == pytest.approx(expected)
