"""Codes of items, and the statistics of matches, worked out by hand."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from baselines.choice.matches import (
    STATISTICS,
    Histories,
    Kinds,
    Shown,
    in_blocks,
    shared_values,
    statistics,
)
from benchmark.data.item_values import codebook, price_edges, shown_values
from benchmark.instances import Item

MUG = Item("a", category=("Home", "Mugs"), brand="Tin", attributes={"genre 1": "x", "genre_2": "y"})
KITE = Item("b", category=("Toys", "Mugs"), brand="Tin", attributes={"genre 1": "y"})
LAMP = Item("c", category=("Home",), brand="Oak", price=3.0)


def book_of(*items, most=9):
    edges = price_edges(items)
    return codebook([shown_values(item, edges) for item in items], edges, most=most)


def test_values_are_paths_brands_numbered_attributes_and_price_levels():
    assert shown_values(MUG, ()) == {
        "category 1": ["Home"],
        "category 2": ["Home > Mugs"],
        "brand": ["Tin"],
        "attribute genre": ["x", "y"],
    }
    edges = price_edges([Item(str(p), price=float(p)) for p in range(1, 11)])
    levels = [shown_values(Item("i", price=p), edges)["price"] for p in (0.0, 2.9, 5.5, 99.0)]
    assert levels == [["0"], ["1"], ["2"], ["4"]]


def test_only_values_that_items_share_get_numbers():
    book = book_of(MUG, KITE, LAMP)
    assert book.keys == ("attribute genre", "brand", "category 1")
    assert book.numbers == ({"y": 1}, {"Tin": 1}, {"Home": 1})
    assert book.read(shown_values(LAMP, ())).tolist() == [0, 0, 1]
    assert book.read({"brand": ["never seen"]}).tolist() == [0, 0, 0]


def test_the_keys_most_items_have_are_kept():
    assert book_of(MUG, KITE, LAMP, most=2).keys == ("brand", "category 1")


def test_the_values_most_items_have_are_kept():
    values = [["x", "y"], ["x", "y"], ["x"], ["a"], ["a", "y"]]
    book = codebook([{"key": some} for some in values], (), most=9, most_values=2)
    assert book.numbers == ({"x": 1, "y": 2},)


def test_of_several_values_the_shared_among_all_count():
    one = np.array([[[1, 2, 0], [0, 0, 0]]], np.int32)
    other = np.array([[[2, 3, 0], [1, 2, 0], [0, 0, 0]]], np.int32)
    assert shared_values(one, other).tolist() == [
        [[pytest.approx(1 / 3), 1.0, 0.0], [0.0, 0.0, 0.0]]
    ]


def shown(codes, photos, numbers):
    codes = np.asarray(codes, np.int32)
    return Shown(
        codes, np.asarray(photos, np.float32), np.zeros(codes.shape[:-1], int), np.array(numbers)
    )


#: One user who had items 3 (long ago), 1 and 2 (last); of one key items 1 and 3 share the value.
HISTORY = Histories(
    shown([[[0], [7], [8], [7]]], [[[0, 0], [1, 0], [0, 1], [0.6, 0.8]]], [[0, 3, 1, 2]]),
    np.array([[0, 1.5, -0.5, 1.0]], np.float32),
)
#: Alternatives: item 2 again, and one of the other value with the opposite photo.
OTHERS = shown([[[7], [8]]], [[[0.6, 0.8], [0, -1]]], [[2, 9]])


def test_statistics_of_a_key_of_photos_and_of_identity():
    by_key, by_photo, same = statistics(HISTORY, OTHERS, Kinds((slice(0, 1),), True, True))
    assert STATISTICS == ("latest", "second", "third", "matches", "ratings")
    assert by_key[0].tolist() == [
        pytest.approx([1, 0, 1, log(3), (1.5 + 1.0) / 3]),
        pytest.approx([0, 1, 0, log(2), -0.5 / 2]),
    ]
    total = 0.6 + 0.8 + 1
    assert by_photo[0].tolist() == [
        pytest.approx([1, 0.8, 0.6, log(1 + total), (0.6 * 1.5 - 0.4 + 1) / (1 + total)]),
        pytest.approx([0] * 5),  # nothing looks like it; dissimilarity is no negative match
    ]
    assert same[0].tolist() == [pytest.approx([1, 0, 0, log(2), 0.5]), pytest.approx([0] * 5)]


def test_rows_are_computed_in_blocks_of_one_size_in_order():
    sizes = []

    def compute(rows):
        sizes.append(len(rows))
        return rows.astype(float)

    assert in_blocks(130, compute).tolist() == list(range(130))
    assert sizes == [64, 64, 64]
