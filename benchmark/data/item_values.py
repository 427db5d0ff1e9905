"""Items as rows of numbers: which value each has of every key that items share values of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.instances import Item

#: From an item to its values by key.
Describe = Callable[[Item], Mapping[str, Sequence[str]]]

#: "genre 1", "genre 2": numbered keys list values of one kind.
_NUMBER = re.compile(r"[\s_]*\d+$")
#: Price levels: equal shares of the catalogue.
_LEVELS = 5


@dataclass(frozen=True)
class Codebook:
    """Numbers from 1 the values of each key; 0 stands for a value that is missing or unknown.

    Key k has ``widths[k]`` columns in a row of codes: as many as an item has values of it at most.
    ``edges`` are the prices at which the next price level begins.
    """

    keys: tuple[str, ...]
    numbers: tuple[Mapping[str, int], ...]
    widths: tuple[int, ...]
    edges: tuple[float, ...]

    @property
    def columns(self) -> Iterator[slice]:
        """Yield the columns of each key."""
        start = 0
        for width in self.widths:
            yield slice(start, start + width)
            start += width

    def read(self, values: Mapping[str, Sequence[str]]) -> NDArray[np.int32]:
        """Return the row of codes (columns,) of an item's values by key."""
        row = np.zeros(sum(self.widths), np.int32)
        for key, numbers, columns in zip(self.keys, self.numbers, self.columns, strict=True):
            known = [numbers[value] for value in values.get(key, ()) if value in numbers]
            width = columns.stop - columns.start
            row[columns.start : columns.start + len(known[:width])] = known[:width]
        return row


def codebook(
    described: Sequence[Mapping[str, Sequence[str]]],
    edges: Sequence[float],
    *,
    most: int,
    most_values: int | None = None,
) -> Codebook:
    """Number the values that at least two of the ``described`` items share.

    A key of which all items have the same value, or none shares one, tells nothing and is left
    out; of the others the ``most`` that most items have are kept, in the order of their names, and
    of each key's values the ``most_values`` that most items have.
    """
    counts: dict[str, Counter[str]] = {}
    having: Counter[str] = Counter()
    for values in described:
        for key, some in values.items():
            having[key] += 1
            counts.setdefault(key, Counter()).update(set(some))
    shared = {
        key: sorted(
            sorted(
                (value for value, count in of_key.items() if count > 1),
                key=lambda value: (-of_key[value], value),
            )[:most_values]
        )
        for key, of_key in counts.items()
        if len(of_key) > 1
    }
    telling = sorted((key for key, some in shared.items() if some), key=lambda k: (-having[k], k))
    keys = tuple(sorted(telling[:most]))
    numbers = tuple({value: i for i, value in enumerate(shared[k], start=1)} for k in keys)
    widths = tuple(
        max(len(set(values.get(key, ())) & known.keys()) for values in described)
        for key, known in zip(keys, numbers, strict=True)
    )
    return Codebook(keys, numbers, widths, tuple(edges))


def shown_values(item: Item, edges: Sequence[float]) -> dict[str, list[str]]:
    """Return what an item shows, by key: category path to each depth, brand, attributes, price.

    Two items match at a depth of the category where their paths agree down to it.
    """
    values: dict[str, list[str]] = {
        f"category {depth}": [" > ".join(item.category[:depth])]
        for depth in range(1, len(item.category) + 1)
    }
    if item.brand:
        values["brand"] = [item.brand]
    for key, value in item.attributes.items():
        some = values.setdefault(f"attribute {_NUMBER.sub('', key)}", [])
        if value not in some:
            some.append(value)
    if item.price is not None and edges:
        values["price"] = [str(int(np.searchsorted(edges, item.price, side="right")))]
    return values


def price_edges(items: Sequence[Item]) -> tuple[float, ...]:
    """Return the prices that cut the catalogue into levels of equal shares; none without prices."""
    prices = [item.price for item in items if item.price is not None]
    if not prices:
        return ()
    cuts = np.quantile(prices, np.arange(1, _LEVELS) / _LEVELS)
    return tuple(float(cut) for cut in np.unique(cuts))
