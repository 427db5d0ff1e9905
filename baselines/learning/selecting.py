"""Selection by a ranking model: take the candidates whose share of the scores is large enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from benchmark.errors import BenchError
from benchmark.instances import SelectionInstance
from benchmark.model import TrainingView
from benchmark.predictions import Selection
from benchmark.rounding import rounded
from benchmark.training.thresholds import best_threshold
from benchmark.training.validation import spread

#: Maps n instances to scores (n, items) in catalogue order.
Score = Callable[[Sequence[SelectionInstance]], NDArray[np.floating]]
#: Gives the shares of each instance's candidates.
Shares = Callable[[Sequence[SelectionInstance]], Iterable[NDArray[np.float64]]]

#: Scores held at once, 64 MB of float64; and the fewest instances scored together: as many as
#: networks read at once.
_SCORES, _FEWEST = 8_000_000, 64


def shares(
    instances: Sequence[SelectionInstance], score: Score, index: Mapping[str, int]
) -> Iterator[NDArray[np.float64]]:
    """Yield for each instance the softmax of its candidates' scores among themselves.

    Scores of different users have different levels: one threshold can serve all of them only
    after each instance's scores are brought to one scale. The order of an instance's candidates
    stays that of the ranking. A candidate outside the catalogue gets the instance's lowest score.
    Shares are rounded as scores are (:mod:`benchmark.rounding`): what equals the threshold but
    for its last digits reaches it.
    """
    rows = max(_FEWEST, _SCORES // max(len(index), 1))
    for start in range(0, len(instances), rows):
        block = instances[start : start + rows]
        for instance, row in zip(block, score(block), strict=True):
            lowest = float(row.min())
            values = [
                row[index[item.item_id]] if item.item_id in index else lowest
                for item in instance.candidates
            ]
            yield among_themselves(values, computed_in=row.dtype)


def among_themselves(
    values: Sequence[np.floating | float], *, computed_in: DTypeLike
) -> NDArray[np.float64]:
    """Return the softmax of candidates' scores, rounded as :func:`shares` says."""
    scores = np.array(values, np.float64)
    exponentials = np.exp(scores - scores.max(initial=-np.inf))
    return rounded(exponentials / exponentials.sum(), computed_in=computed_in)


def choose_threshold(
    data: TrainingView, score: Score, index: Mapping[str, int], *, most: int
) -> float | None:
    """Return the share with the best mean F1 on at most ``most`` validation instances.

    ``None`` where the data has no such instance.
    """
    return choose_share(data, lambda instances: shares(instances, score, index), most=most)


def choose_share(data: TrainingView, shares_of: Shares, *, most: int) -> float | None:
    """Return what :func:`choose_threshold` does, for shares that ``shares_of`` gives."""
    if "selection" not in data.tasks:
        return None
    examples = spread(data.examples("selection", "valid"), most)
    if not examples:
        return None
    instances = [cast(SelectionInstance, example.instance) for example in examples]
    wanted = [
        np.array([item.item_id in cast(tuple[str, ...], example.target) for item in candidates])
        for example in examples
        for candidates in [cast(SelectionInstance, example.instance).candidates]
    ]
    threshold, _ = best_threshold(list(shares_of(instances)), wanted)
    return threshold


def selections(
    instances: Sequence[SelectionInstance],
    score: Score,
    index: Mapping[str, int],
    threshold: float | None,
) -> Iterator[Selection]:
    """Select every candidate whose share is at least ``threshold``, with the shares as scores.

    Raises :class:`BenchError` where no threshold was chosen.
    """
    yield from select(instances, shares(instances, score, index), threshold)


def select(
    instances: Sequence[SelectionInstance],
    shares_of_each: Iterable[NDArray[np.float64]],
    threshold: float | None,
) -> Iterator[Selection]:
    """Select as :func:`selections` does, by shares that are given, an array an instance."""
    if threshold is None:
        raise BenchError(
            "The model has no threshold: its dataset has no validation instances of selection.",
            fix="Fit it on a dataset that supports selection: unimp-bench data list.",
        )
    for instance, values in zip(instances, shares_of_each, strict=True):
        chosen = tuple(
            item.item_id
            for item, value in zip(instance.candidates, values, strict=True)
            if value >= threshold
        )
        yield Selection(instance.instance_id, chosen, tuple(values.tolist()))
