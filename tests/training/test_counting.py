"""Counts say of new items and categories what they say of their like."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmark.training.counting import log_counts, shared_beginnings, transition_lifts

MUGS, PANS, SOFAS, HARPS, LUTES = (
    ("home", "kitchen", "mugs"),
    ("home", "kitchen", "pans"),
    ("home", "lounge", "sofas"),
    ("music", "strings", "harps"),
    ("music", "strings", "lutes"),
)
PATHS = ((), MUGS, PANS, SOFAS, HARPS, LUTES)


def test_items_of_a_category_that_nobody_took_count_as_the_others_do_on_average():
    taken = np.array([0, 3, 7, 0, 0])
    found = log_counts(taken, np.array([1, 1, 2, 3, 3]), taken)
    middle = (math.log(4) + math.log(8)) / 2
    expected = [math.log(4), math.log(4), math.log(8), middle, middle]
    assert found.tolist() == pytest.approx(expected)


def test_counts_without_some_users_are_at_least_the_least_of_everyone():
    everyone, scaled = np.array([2, 6, 0]), np.array([0.0, 8.0, 0.0])
    found = log_counts(scaled, np.array([1, 1, 2]), everyone)
    assert found.tolist() == pytest.approx(
        [math.log(3), math.log(9), (math.log(3) + math.log(9)) / 2]
    )


def test_where_nobody_took_anything_all_counts_are_zero():
    none = np.zeros(2, np.int64)
    assert log_counts(none, np.array([0, 1]), none).tolist() == [0.0, 0.0]


def test_what_paths_share_is_how_many_levels_they_begin_with_alike():
    found = shared_beginnings(PATHS)
    assert found[1].tolist() == [0, 4, 2, 1, 0, 0]
    assert found[4].tolist() == [0, 0, 0, 0, 4, 2]
    assert found[0].tolist() == [1, 0, 0, 0, 0, 0]
    # a path is as little of a longer one's beginning as that is of it
    assert shared_beginnings([("home",), ("home", "mugs")]).tolist() == [[2, 1], [1, 3]]
    assert shared_beginnings([]).shape == (0, 0)


def chain(*pairs):
    before, after = zip(*pairs, strict=True)
    return transition_lifts(np.array(before), np.array(after), PATHS)


def test_what_often_follows_is_lifted_and_what_never_does_is_not():
    lifts = chain(*[(1, 2)] * 60, *[(2, 1)] * 60, *[(3, 3)] * 60)
    assert lifts[1, 2] > 0.5 > 0 > lifts[1, 1] > lifts[1, 3]
    assert lifts[3, 3] > 0.5


def test_unmet_categories_are_followed_as_their_like_are():
    """Mugs and pans are followed by each other, so harps are by lutes, which nobody took."""
    lifts = chain(*[(1, 2)] * 60, *[(2, 1)] * 60, *[(3, 3)] * 60)
    assert lifts[4, 5] > max(lifts[4, 1], lifts[4, 2], lifts[4, 3])
    assert lifts[4, 5] > 0.3
    assert lifts[1, 4] < 0


def test_lifts_by_hand():
    """Two paths of nothing in common: shares of 10 + 20 * expected over 30 choices each."""
    paths = ((), ("a",), ("b",))
    found = transition_lifts(np.array([1] * 10), np.array([2] * 10), paths)
    anywhere = np.array([1, 1, 11]) / 13
    # none was seen among equals (by chance 10/13), ten among others (by chance 10 * 12/13)
    like = anywhere * np.array([11 / (120 / 13 + 1), 1 / (10 / 13 + 1), 11 / (120 / 13 + 1)])
    like /= like.sum()
    expected = np.log((np.array([0, 0, 10]) + 20 * like) / 30 / anywhere)
    assert found[1, 1:].tolist() == pytest.approx(expected[1:].tolist())


def test_where_a_path_is_empty_nothing_is_known():
    lifts = chain((1, 2), (0, 3), (3, 0))
    assert not lifts[0].any()
    assert not lifts[:, 0].any()
