"""A ranking model's selection: candidates whose share of the scores reaches a threshold."""

from __future__ import annotations

import numpy as np
import pytest

from baselines.learning.selecting import choose_threshold, selections, shares
from benchmark.errors import BenchError
from benchmark.instances import History, Item, SelectionInstance

INDEX = {"a": 0, "b": 1, "c": 2}


def _ask(candidates, name="q"):
    return SelectionInstance(name, "u", History(), tuple(Item(c) for c in candidates))


def _score(instances):
    return np.tile(np.log([1.0, 2.0, 5.0]), (len(instances), 1))


def test_shares_are_a_softmax_over_the_candidates_alone():
    first, second = shares([_ask("ba"), _ask("abc")], _score, INDEX)
    assert first == pytest.approx([2 / 3, 1 / 3])
    assert second == pytest.approx([1 / 8, 2 / 8, 5 / 8])


def test_a_candidate_outside_the_catalogue_gets_the_lowest_score():
    (values,) = shares([_ask("cx")], _score, INDEX)
    assert values == pytest.approx([5 / 6, 1 / 6])


def test_of_a_large_catalogue_fewer_instances_are_scored_at_once():
    class Large(dict):
        def __len__(self):
            return 1_000_000

    asked = []

    def score(instances):
        asked.append(len(instances))
        return _score(instances)

    assert len(list(shares([_ask("abc")] * 100, score, Large(INDEX)))) == 100
    assert max(asked) == 64


def test_candidates_at_the_threshold_are_taken():
    (answer,) = selections([_ask("abc")], _score, INDEX, 0.25)
    assert answer.chosen == ("b", "c")
    assert answer.scores == pytest.approx((0.125, 0.25, 0.625))


def test_a_model_without_a_threshold_says_why():
    with pytest.raises(BenchError, match="no validation instances of selection"):
        list(selections([_ask("abc")], _score, INDEX, None))


def test_the_threshold_maximises_validation_f1(sim_xs):
    view = sim_xs.training_view()
    index = view.catalogue.index
    table = np.random.default_rng(0).normal(size=len(index))

    def score(instances):
        return np.tile(table, (len(instances), 1))

    def f1(threshold):
        values = []
        for example in view.examples("selection", "valid"):
            (answer,) = selections([example.instance], score, index, threshold)
            hits = len(set(answer.chosen) & set(example.target))
            values.append(2 * hits / (len(answer.chosen) + len(example.target)))
        return np.mean(values)

    chosen = choose_threshold(view, score, index, most=10_000)
    assert all(f1(chosen) >= f1(other) - 1e-12 for other in (0.0, 0.05, 0.1, 0.2, 0.3, 0.5))


def test_data_without_selection_gives_no_threshold(make_view):
    assert choose_threshold(make_view([{"item_id": "a"}]), _score, INDEX, most=5) is None
