"""Exact scoring, beam search and exhaustive search agree."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from benchmark.instances import History, RecommendationInstance, SearchInstance
from unimp_model.network.beam import Trie, beam_search
from unimp_model.network.beam import next_token_scores as network_next_token_scores
from unimp_model.network.decoding import Reader
from unimp_model.tasks.base import question_row


def _table_model(seed, vocabulary=12):
    """Random next-token log-probabilities that depend on the whole prefix."""

    def log_probabilities(prefixes):
        rows = []
        for prefix in prefixes:
            logits = np.random.default_rng([seed, *prefix]).normal(size=vocabulary) * 2
            rows.append(logits - np.log(np.exp(logits).sum()))
        return np.array(rows)

    return log_probabilities


def _exhaustive(model, sequences):
    def score(sequence):
        return sum(model([sequence[:cut]])[0][token] for cut, token in enumerate(sequence))

    return sorted(((s, score(s)) for s in sequences), key=lambda p: (-p[1], p[0]))


@pytest.mark.parametrize("seed", range(20))
def test_beam_search_over_one_token_ids_is_the_exact_ranking(seed):
    model = _table_model(seed, vocabulary=40)
    ids = [(token,) for token in range(5, 35)]
    best = beam_search(model, Trie(ids), beams=10)
    assert [s for s, _ in best] == [s for s, _ in _exhaustive(model, ids)[:10]]


@pytest.mark.parametrize("seed", range(20))
def test_a_beam_as_wide_as_the_trie_is_an_exhaustive_search(seed):
    model = _table_model(seed, vocabulary=6)
    ids = [(*pair, last) for pair in itertools.product(range(4), repeat=2) for last in (4, 5)]
    ids += [(5, 0), (5, 1)]
    best = beam_search(model, Trie(ids), beams=len(ids))
    expected = _exhaustive(model, ids)
    assert [s for s, _ in best] == [s for s, _ in expected]
    assert [p for _, p in best] == pytest.approx([p for _, p in expected])


def test_only_allowed_sequences_are_answered():
    ids = [(1, 2), (3, 4), (3, 5)]
    best = beam_search(_table_model(0), Trie(ids), beams=10)
    assert sorted(s for s, _ in best) == ids


def _instances(items):
    histories = [(0, 1), (2,), (3, 4, 5), (), (1, 1, 2, 0, 5)]
    for numbers in histories:
        history = History(tuple(items[i] for i in numbers))
        yield "recommendation", RecommendationInstance("q", "u", history)
        yield "search", SearchInstance("q", "u", history, "kitchen mugs")


def _scorer(w):
    return Reader(w.network, w.photos, slots=5)


def test_exact_scoring_is_the_beam_search_of_the_network(world):
    w = world()
    scorer = _scorer(w)
    first = w.vocabulary.first_item
    trie = Trie([(first + i,) for i in range(len(w.items))])
    for task, instance in _instances(w.items):
        row = question_row(w.template, task, instance, window=5)
        exact = scorer.item_scores([row])[0]
        step = network_next_token_scores(scorer, w.template, task, instance, window=5)
        best = beam_search(step, trie, beams=len(w.items))
        assert [s[0] - first for s, _ in best] == np.argsort(-exact, kind="stable").tolist()


def test_scores_are_log_probabilities_over_items(world):
    w = world()
    rows = [question_row(w.template, t, i, window=5) for t, i in _instances(w.items)]
    scores = _scorer(w).item_scores(rows)
    assert scores.shape == (len(rows), len(w.items))
    np.testing.assert_allclose(np.exp(scores).sum(1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("at_once", [32, 4, 1])
def test_scores_do_not_depend_on_company_or_order(world, at_once):
    w = world()
    rows = [question_row(w.template, t, i, window=5) for t, i in _instances(w.items)] * 9
    scorer = Reader(w.network, w.photos, slots=5, at_once=at_once)
    together = scorer.item_scores(rows)
    order = np.random.default_rng(0).permutation(len(rows))
    assert np.array_equal(scorer.item_scores([rows[i] for i in order]), together[order])
    assert np.array_equal(
        np.concatenate([scorer.item_scores([row]) for row in rows[:12]]), together[:12]
    )
    np.testing.assert_allclose(together, _scorer(w).item_scores(rows), rtol=1e-5)


def test_a_wrong_photo_in_the_history_changes_the_scores(world):
    w = world()
    instance = RecommendationInstance("q", "u", History((w.items[0],)))
    row = question_row(w.template, "recommendation", instance, window=5)
    before = _scorer(w).item_scores([row])
    row.images = ("b2.png",)
    assert not np.allclose(_scorer(w).item_scores([row]), before)


def test_item_rows_follow_their_content_and_random_ones_do_not(world):
    w, r = world(), world(item_rows="random")
    for network, follows in ((w.network, True), (r.network, False)):
        with torch.no_grad():
            before = network.tables()
            network.language.input_rows[8] += 1.0  # a word of item 4 alone
            moved = (network.tables().output != before.output).any(-1)
        assert moved[network.specials :].tolist() == [follows and i == 4 for i in range(6)]
