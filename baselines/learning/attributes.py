"""What the catalogue says about items, as numbered attributes."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.data.catalogue import Catalogue
from benchmark.instances import Item

#: "attribute 1", "attribute 2": numbered keys list values of one kind.
_NUMBER = re.compile(r"[\s_]*\d+$")


@dataclass(frozen=True)
class AttributeTable:
    """Stores the attributes of every item by number.

    ``of_item`` (items, most) holds attribute numbers from 1, padded with 0; ``names[n - 1]`` is the
    key and value of attribute n.
    """

    names: tuple[tuple[str, str], ...]
    of_item: NDArray[np.int64]


def attribute_table(catalogue: Catalogue, *, most: int) -> AttributeTable:
    """Collect categories, brand and further attributes of every item.

    An attribute that a single item has says nothing about others and is left out; of the rest
    the ``most`` frequent are kept, ties in alphabetical order. Items without any get an empty
    row.
    """
    of_item = [sorted(set(_pairs(item))) for item in catalogue]
    counts = Counter(pair for pairs in of_item for pair in pairs)
    shared = [(pair, n) for pair, n in counts.items() if n > 1]
    shared.sort(key=lambda entry: (-entry[1], entry[0]))
    names = tuple(pair for pair, _ in shared[:most])
    number = {pair: i for i, pair in enumerate(names, start=1)}
    rows = [[number[pair] for pair in pairs if pair in number] for pairs in of_item]
    table = np.zeros((len(rows), max(map(len, rows), default=0)), dtype=np.int64)
    for row, numbers in zip(table, rows, strict=True):
        row[: len(numbers)] = numbers
    return AttributeTable(names, table)


def _pairs(item: Item) -> list[tuple[str, str]]:
    pairs = [("category", level) for level in item.category]
    if item.brand:
        pairs.append(("brand", item.brand))
    return pairs + [(_NUMBER.sub("", key), value) for key, value in item.attributes.items()]
