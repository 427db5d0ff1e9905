"""Which two users stand for a query: a rule over the true items, blind to the answers."""

from __future__ import annotations

import numpy as np

from benchmark.report.figures.generation.pairs import MOST_PAIRS, MOST_USERS, choose_pairs


def grey(level: int):
    return np.full((3, 2, 2), level, np.uint8)


def test_of_a_query_the_two_users_with_the_most_different_items_are_shown() -> None:
    levels = {"a": 100, "b": 10, "c": 90, "d": 200}
    pairs = choose_pairs(["q"] * 4, list("1234"), list("abcd"), lambda item: grey(levels[item]))
    assert pairs == [(1, 3)]


def test_equal_distances_leave_the_pair_that_comes_first() -> None:
    levels = {"a": 0, "b": 50, "c": 100, "d": 100}
    pairs = choose_pairs(["q"] * 4, list("1234"), list("abcd"), lambda item: grey(levels[item]))
    assert pairs == [(0, 2)]


def test_pixels_are_compared_place_by_place() -> None:
    left, right, bright = np.zeros((3, 3, 2, 2), np.uint8)
    left[:, :, 0] = 255
    right[:, :, 1] = 255  # as bright as left on average, yet the farthest from it
    bright[:] = 255
    looks = {"l": left, "b": bright, "r": right}
    assert choose_pairs(["q"] * 3, list("123"), list("lbr"), looks.__getitem__) == [(0, 2)]


def test_a_query_of_one_user_or_of_one_item_is_no_pair() -> None:
    queries = ["one user", "one user", "one item", "one item", "fine", "fine"]
    users, targets = list("112212"), list("ababab")
    targets[2:4] = "aa"
    users[2:4] = "12"
    levels = {"a": 0, "b": 1}
    assert choose_pairs(queries, users, targets, lambda item: grey(levels[item])) == [(4, 5)]


def test_many_queries_are_sampled_evenly_in_alphabetical_order() -> None:
    names = [f"q{i:02d}" for i in range(16)]
    queries = [name for name in reversed(names) for _ in "ab"]
    pairs = choose_pairs(queries, list("12") * 16, list("ab") * 16, lambda item: grey(ord(item)))
    shown = [queries[a] for a, _ in pairs]
    assert shown == ["q00", "q03", "q06", "q09", "q12", "q15"]
    assert len(shown) == MOST_PAIRS
    assert all(b == a + 1 and queries[a] == queries[b] for a, b in pairs)


def test_only_the_first_users_of_a_query_are_considered() -> None:
    count = MOST_USERS + 1  # the last user's item would be the farthest
    asked: list[str] = []

    def look(item: str):
        asked.append(item)
        return grey(int(item))

    ids = [str(i) for i in range(count)]
    assert choose_pairs(["q"] * count, ids, ids, look) == [(0, MOST_USERS - 1)]
    assert len(asked) == MOST_USERS
