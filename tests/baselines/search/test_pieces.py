"""What the learned search models share: words, documents, noise, BM25's order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines.learning.negatives import NegativeSampler
from baselines.search import candidates
from baselines.search.candidates import BM25Order
from baselines.search.documents import Documents, narrow
from baselines.search.noise import Noise, negative_sampling_loss
from baselines.search.texts import SearchTexts, WordLists, tokens
from benchmark.errors import BenchError
from benchmark.tasks import search
from benchmark.training.validation import RankingValidation


def _words(texts, numbers):
    return [texts.vocabulary.words[n - 1] for n in numbers if n]


def test_documents_are_reviews_or_the_items_text(shop):
    texts = SearchTexts.of_view(shop.view(), min_count=1)
    assert _words(texts, texts.of_purchase[1]) == ["red", "fast"]
    assert _words(texts, texts.of_purchase[5]) == ["oak", "mug", "home", "mugs"]
    assert texts.reviewed.tolist() == [True] * 5 + [False]
    assert _words(texts, texts.about_items()[2]) == [
        *("red", "kite", "toys", "kites"),
        *("red", "fast"),
        *("flies", "well"),
    ]


def test_a_users_words_are_those_of_their_documents(shop):
    texts = SearchTexts.of_view(shop.view(), min_count=1)
    by_user = texts.of_purchase.joined(texts.timeline.starts)
    assert _words(texts, by_user[0]) == ["lovely", "oak", "red", "fast", "dull", "tin"]
    assert _words(texts, by_user[2]) == ["oak", "mug", "home", "mugs"]


def test_rare_words_are_unknown_save_those_of_queries(shop):
    texts = SearchTexts.of_view(shop.view(), min_count=3)
    assert set(texts.vocabulary.words) == {"oak", "mugs", "home", "toys", "kites"}
    assert texts.counts[texts.vocabulary.numbers(["oak", "mugs", "toys"])].tolist() == [3, 2, 1]


def test_only_purchases_of_items_with_a_query_are_learnt_from(shop):
    items = [shop.items[0], {**shop.items[1], "query": None}, *shop.items[2:]]
    texts = SearchTexts.of_view(shop.view(items=items), min_count=1)
    assert texts.purchases().tolist() == [0, 1, 3, 4, 5]


def test_data_without_queries_is_refused(shop):
    items = [{**item, "query": None} for item in shop.items]
    with pytest.raises(BenchError, match="'by-hand' has no training purchase of an item with"):
        SearchTexts.of_view(shop.view(items=items), min_count=1)


def test_query_words_are_read_as_queries_are_made():
    assert tokens("The T-shirt, for MEN") == ["t-shirt", "men"]


def test_words_are_drawn_from_the_lists_alone():
    lists = WordLists.of_lists([[3, 3, 5], [], [7]])
    drawn = lists.draw(np.array([0, 1, 2]), 3000, np.random.default_rng(0))
    assert (drawn[0] == 3).mean() == pytest.approx(2 / 3, abs=0.03)
    assert set(drawn[0]) == {3, 5}
    assert set(drawn[1]) == {0}
    assert set(drawn[2]) == {7}


def test_noise_follows_the_power_of_the_counts_and_never_draws_padding():
    counts = np.array([0, 1, 16, 0])
    drawn = Noise(counts).draw((40_000,), np.random.default_rng(0))
    assert set(drawn) == {1, 2}
    assert (drawn == 2).mean() == pytest.approx(8 / 9, abs=0.01)  # 16 ** 0.75 = 8
    flat = Noise(counts, power=0).draw((40_000,), np.random.default_rng(0))
    assert (flat == 2).mean() == pytest.approx(1 / 2, abs=0.01)


def test_the_negative_sampling_loss_is_the_formula():
    right, wrong = np.array([0.3, -2.0]), np.array([[0.1, -0.4], [2.0, 0.0]])
    expected = -np.log(1 / (1 + np.exp(-right))) - np.log(1 / (1 + np.exp(wrong))).sum(1)
    loss = negative_sampling_loss(torch.from_numpy(right), torch.from_numpy(wrong))
    assert loss.numpy() == pytest.approx(expected)


def test_negatives_among_candidates_are_not_taken_ones():
    sampler = NegativeSampler(np.array([0]), np.array([1]), items=9)
    among = np.tile([1, 4, 7], (500, 1))
    drawn = sampler.draw(np.zeros(500, np.int64), np.random.default_rng(0), among=among)
    assert set(drawn) == {4, 7}


def _documents(shop, most_reviews=3):
    texts = SearchTexts.of_view(shop.view(), min_count=1)
    return texts, Documents.of_texts(texts, most_words=2, most_reviews=most_reviews)


def test_documents_hold_their_first_words_behind_padding(shop):
    texts, documents = _documents(shop)
    assert len(documents.words) == 1 + 6 + 4
    kite = documents.own_text(np.array([2]))[0]
    padding, fine, own = documents.words_of(np.array([0, 5, kite]))
    assert padding.tolist() == [0, 0]
    assert _words(texts, fine) == ["fine", "oak"]
    assert _words(texts, own) == ["red", "kite"]


def test_an_item_is_its_text_and_its_latest_reviews_newest_first(shop):
    _, documents = _documents(shop)
    about = documents.about(np.array([0, 2, 3]), 3)
    # Row 5 of the purchases has no review.
    assert about.tolist() == [[7, 5, 1, 0], [9, 2, 4, 0], [10, 0, 0, 0]]
    _, documents = _documents(shop, most_reviews=1)
    assert documents.about(np.array([0, 2]), 1).tolist() == [[7, 5], [9, 2]]


def test_without_its_own_review_an_item_looks_as_if_it_had_never_been_written(shop):
    _, documents = _documents(shop)
    without = documents.about(np.array([0, 2, 0]), 3, without=np.array([5, 4, 4]))
    assert without.tolist() == [[7, 1, 0, 0], [9, 2, 0, 0], [7, 5, 1, 0]]
    # The next one moves up where there are more than are read.
    _, documents = _documents(shop, most_reviews=1)
    assert documents.about(np.array([0]), 1, without=np.array([5])).tolist() == [[7, 1]]


def test_what_a_user_wrote_before_is_newest_first(shop):
    _, documents = _documents(shop)
    before = documents.before(np.array([0, 3, 0]), np.array([2, 3, 3]), 2)
    assert before.tolist() == [[2, 1], [0, 0], [3, 2]]


def test_a_history_is_read_through_reviews_or_the_texts_of_its_items(shop):
    _, documents = _documents(shop)
    index = {"a": 0, "b": 1, "c": 2, "d": 3}
    history = shop.question(history="acxd").history
    assert documents.of_history(0, history, index, 9) == [10, 2, 1]
    assert documents.of_history(-1, history, index, 2) == [10, 9]


def test_narrow_takes_padding_off_the_right():
    assert narrow(np.array([[1, 0, 0], [2, 3, 0]])).tolist() == [[1, 0], [2, 3]]
    assert narrow(np.zeros((2, 3), np.int64)).shape == (2, 0)


def test_an_order_that_was_forgotten_is_made_again(shop, monkeypatch):
    monkeypatch.setattr(candidates, "NUMBERS_KEPT", 4)  # one order of four items
    order = BM25Order()
    order.fit(shop.view(), np.array([1.0, 2.0, 0.0, 1.0]), seed=0)
    first = order.of("home mugs")
    assert order.of("kites").tolist() == [2, 1, 0, 3]
    assert order.of("home mugs").tolist() == first.tolist()
    assert order.of("home mugs") is not first


def test_bm25s_order_breaks_ties_by_purchases(shop, tmp_path):
    order = BM25Order()
    popularity = np.array([1.0, 2.0, 0.0, 1.0])
    order.fit(shop.view(), popularity, seed=0)
    assert order.of("home mugs").tolist() == [1, 0, 3, 2]
    assert order.of("kites").tolist() == [2, 1, 0, 3]
    assert order.of("zebra").tolist() == [1, 0, 3, 2]
    order.save(tmp_path / "bm25")
    loaded = BM25Order()
    loaded.load(tmp_path / "bm25", [item["item_id"] for item in shop.items], popularity)
    assert loaded.of("kites").tolist() == [2, 1, 0, 3]


def test_search_is_validated_on_its_own_questions(sim_xs):
    view = sim_xs.training_view()
    index = view.catalogue.index
    examples = view.examples("search", "valid")
    target = {e.instance.instance_id: index[e.target[0]] for e in examples}

    def right(instances):
        rows = np.zeros((len(instances), len(index)))
        for row, instance in zip(rows, instances, strict=True):
            assert instance.query
            row[target[instance.instance_id]] = 1
        return rows

    validation = RankingValidation(view, most=30, task=search.TASK)
    assert len(validation) == 30
    assert validation(right) == 1
