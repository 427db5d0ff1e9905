"""What models trained here share: windows, negatives, the loop, validation, attributes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from baselines.learning import negatives
from baselines.learning.attributes import attribute_table
from baselines.learning.loop import TrainingSettings, train
from baselines.learning.negatives import NegativeSampler
from baselines.learning.windows import history_windows, windows
from benchmark.errors import BenchError
from benchmark.instances import History, Item
from benchmark.metrics import ranking
from benchmark.training.reproducible import reproducible
from benchmark.training.validation import RankingValidation, spread


def test_windows_hold_the_latest_items_and_pad_on_either_side():
    tokens = np.array([5, 6, 7, 8, 9])
    begin, end = np.array([0, 3, 2]), np.array([5, 5, 2])
    left, length = windows(tokens, begin, end, 3)
    right, _ = windows(tokens, begin, end, 3, right=True)
    assert left.tolist() == [[7, 8, 9], [8, 9, 0], [0, 0, 0]]
    assert right.tolist() == [[7, 8, 9], [0, 8, 9], [0, 0, 0]]
    assert length.tolist() == [3, 2, 0]


def test_history_windows_leave_unknown_items_out_before_cutting():
    index = {"a": 0, "b": 1, "c": 2}
    histories = [History(tuple(Item(name) for name in names)) for names in ("abxc", "", "xx")]
    rows, length = history_windows(histories, index, 2)
    assert rows.tolist() == [[2, 3], [0, 0], [0, 0]]
    assert length.tolist() == [2, 0, 0]


def test_no_histories_at_all_give_no_rows():
    rows, length = history_windows([], {"a": 0}, 4)
    assert rows.shape == (0, 4)
    assert length.shape == (0,)


def test_negatives_are_uniform_over_what_the_user_did_not_take():
    user, item = np.array([0, 0, 1]), np.array([1, 3, 0])
    sampler = NegativeSampler(user, item, items=5)
    rng = np.random.default_rng(0)
    drawn = sampler.draw(np.zeros(30_000, np.int64), rng)
    share = np.bincount(drawn, minlength=5) / len(drawn)
    assert share[[1, 3]].tolist() == [0, 0]
    assert share[[0, 2, 4]] == pytest.approx([1 / 3] * 3, abs=0.02)
    assert 0 not in sampler.draw(np.ones(1000, np.int64), rng)


def test_a_user_who_took_everything_still_gets_a_negative():
    sampler = NegativeSampler(np.zeros(3, np.int64), np.arange(3), items=3)
    drawn = sampler.draw(np.zeros(50, np.int64), np.random.default_rng(0))
    assert set(drawn) <= {0, 1, 2}


def test_both_ways_to_look_up_what_was_taken_draw_the_same(monkeypatch):
    rng = np.random.default_rng(1)
    user, item = rng.integers(20, size=300), rng.integers(30, size=300)
    asked = rng.integers(20, size=5000)
    drawn = []
    for cells in (0, 2**29):
        monkeypatch.setattr(negatives, "MOST_CELLS", cells)
        sampler = NegativeSampler(user, item, items=30)
        drawn.append(sampler.draw(asked, np.random.default_rng(2)))
    assert (drawn[0] == drawn[1]).all()
    taken = set(zip(user.tolist(), item.tolist(), strict=True))
    assert not taken & set(zip(asked.tolist(), drawn[0].tolist(), strict=True))


class _Weight(torch.nn.Module):
    """One number that a step of loss w moves down by the learning rate."""

    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.zeros(()))


def _train(values, *, epochs=20, patience=3, loss=None):
    network, seen = _Weight(), []

    def validate():
        seen.append(float(network.w.detach()))
        return values[len(seen) - 1]

    journal = train(
        network,
        batches=lambda: [1.0],
        steps=1,
        loss=loss or (lambda batch: network.w * batch),
        settings=TrainingSettings(epochs=epochs, patience=patience, learning_rate=0.5),
        label="test",
        validate=None if values is None else validate,
        measure="search NDCG@5",
    )
    return network, journal, seen


def test_the_best_epoch_stays_and_training_stops_after_patience():
    network, journal, seen = _train([0.1, 0.4, 0.3, 0.2, 0.1, 0.9])
    assert journal.values("valid search NDCG@5") == [0.1, 0.4, 0.3, 0.2, 0.1]
    assert journal.kept == {"training": 1}
    assert network.w.item() == seen[1]


def test_the_first_of_equal_epochs_wins():
    network, journal, seen = _train([0.2, 0.2, 0.2, 0.2, 0.9])
    assert journal.kept == {"training": 0}
    assert network.w.item() == seen[0]


def test_without_validation_all_epochs_run_and_the_last_weights_stay():
    network, journal, _ = _train(None, epochs=4)
    assert journal.kept == {"training": 3}
    assert [set(epoch) for epoch in journal.epochs] == 4 * [{"stage", "loss"}]
    assert network.w.item() == pytest.approx(-2.0, rel=1e-4)


def test_a_loss_that_is_no_number_stops_training_with_advice():
    with pytest.raises(BenchError, match="epoch 1 is nan") as error:
        _train([0.1], loss=lambda batch: torch.tensor(math.nan, requires_grad=True))
    assert "learning_rate" in error.value.fix


def test_random_numbers_threads_and_flags_are_put_back():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    before = (torch.get_num_threads(), torch.get_deterministic_debug_mode())
    with reproducible(1, 1):
        inside = torch.rand(3)
        assert torch.are_deterministic_algorithms_enabled()
    assert torch.equal(torch.rand(3), expected)
    assert (torch.get_num_threads(), torch.get_deterministic_debug_mode()) == before
    with reproducible(1, 1):
        assert torch.equal(torch.rand(3), inside)


def test_the_validation_value_is_the_benchmarks_own_metric(sim_xs):
    view = sim_xs.training_view()
    index = view.catalogue.index
    validation = RankingValidation(view, most=10_000)
    table = np.random.default_rng(3).random((len(view.catalogue),)).round(1)  # with ties

    def score(instances):
        return np.stack([table * (1 + len(i.history)) for i in instances])

    examples = view.examples("recommendation", "valid")
    predicted, targets = [], []
    for example in examples:
        values = score([example.instance])[0]
        values[[index[item_id] for item_id in example.instance.exclude]] = -np.inf
        predicted.append(np.lexsort((np.arange(len(values)), -values))[:5])
        targets.append(index[example.target[0]])
    _, per_instance = ranking.score(np.array(predicted), np.array(targets), ["NDCG@5"])
    assert len(validation) == len(examples)
    assert validation(score) == pytest.approx(per_instance["NDCG@5"].mean(), abs=1e-12)


def test_spread_takes_both_ends_and_no_example_twice():
    assert spread(list(range(10)), 4) == [0, 3, 6, 9]
    assert spread(list(range(3)), 4) == [0, 1, 2]


def test_attributes_are_numbered_by_frequency_and_those_of_one_item_are_left_out(make_view):
    view = make_view(
        [
            {"item_id": "a", "category": ["Home", "Mugs"], "brand": "Orvik"},
            {"item_id": "b", "category": ["Home"], "brand": "Orvik"},
            {"item_id": "c", "category": ["Home"], "brand": "Maddox",
             "attributes": [{"key": "attribute 1", "value": "7"}]},
            {"item_id": "d", "attributes": [{"key": "attribute 2", "value": "7"}]},
            {"item_id": "e"},
        ]
    )  # fmt: skip
    table = attribute_table(view.catalogue, most=10)
    assert table.names == (("category", "Home"), ("attribute", "7"), ("brand", "Orvik"))
    assert [sorted(set(row) - {0}) for row in table.of_item.tolist()] == [
        [1, 3],
        [1, 3],
        [1, 2],
        [2],
        [],
    ]
    assert attribute_table(view.catalogue, most=1).names == (("category", "Home"),)
    assert attribute_table(view.catalogue, most=0).of_item.shape == (5, 0)
