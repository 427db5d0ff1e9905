"""The simulated process as one knows it who knows no user: what a history says of tastes.

Everything here is of the truth's items, weights and calibration; its table of users is dropped
before anything is computed (:func:`without_users`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from scipy.special import ndtr
from torch import Tensor

from benchmark.data.simulator.parameters import HABIT_SPAN
from benchmark.data.simulator.truth import Floats, Ints, ItemFactors, Truth, UserFactors

#: The least likelihood of a rating: what no float64 can hold is as good as impossible.
_LEAST = 1e-300


@dataclass(frozen=True)
class Histories:
    """Holds the latest interactions that instances show, oldest first, right-aligned.

    ``items`` (n, window) holds the truth's item numbers, -1 before the first; ``ratings``
    (n, window) the stars, NaN where there is none.
    """

    items: Ints
    ratings: Floats

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, rows: Ints | slice) -> Histories:
        return Histories(self.items[rows], self.ratings[rows])

    def recent(self, before: int | None = None) -> Ints:
        """Return the latest items before a position (by default the next one), latest first.

        (n, HABIT_SPAN), -1 = none. What lies before the window is unknown, and counts as none.
        """
        shown = self.items[:, :before]
        recent = np.full((len(shown), HABIT_SPAN), -1, dtype=np.int64)
        reach = min(HABIT_SPAN, shown.shape[1])
        recent[:, :reach] = shown[:, ::-1][:, :reach]
        return recent


def without_users(truth: Truth) -> Truth:
    """Return the process alone: ``truth`` with a table of no users."""
    empty = {field.name: getattr(truth.users, field.name)[:0] for field in fields(truth.users)}
    return replace(truth, users=UserFactors(**empty))


def with_users(process: Truth, users: UserFactors) -> Truth:
    """Return the process with ``users`` in place of its own."""
    return replace(process, users=users)


def shop_of(process: Truth, histories: Histories) -> Ints:
    """Return in which shop each history buys, (n,): that of its items, the main one if it is empty.

    Whoever buys in a shop buys nowhere else.
    """
    latest = histories.items.max(axis=1)  # any item: -1 where there is none
    shops = process.shops[process.items.leaf[np.maximum(latest, 0)]]
    return np.where(latest >= 0, shops, 0).astype(np.int64)


def of_shop(process: Truth, shop: int) -> tuple[Truth, Ints]:
    """Return the process with the items of one shop alone, and their numbers there.

    The numbers (items,) are -1 for items of other shops; leaf categories keep theirs.
    """
    sold = np.flatnonzero(process.shops[process.items.leaf] == shop)
    numbers = np.full(process.n_items, -1, dtype=np.int64)
    numbers[sold] = np.arange(len(sold))
    columns = {
        field.name: getattr(process.items, field.name)[sold] for field in fields(ItemFactors)
    }
    return replace(process, items=ItemFactors(**columns)), numbers


def habits(process: Truth, histories: Histories) -> Floats:
    """Return what habits make of an item's weight at each step of a history.

    (n, window, items): exp(habit / temperature), 0 for items that the history shows before.
    """
    n, window = histories.items.shape
    factors = np.empty((n, window, process.n_items))
    had = np.zeros((n, process.n_items), dtype=np.bool_)
    for step in range(window):
        utility = process.habit(histories.recent(before=step))
        factors[:, step] = np.exp(utility / process.weights.temperature) * ~had
        shown = np.flatnonzero(histories.items[:, step] >= 0)
        had[shown, histories.items[shown, step]] = True
    return factors


def stars(process: Truth, opinion: Tensor, leniency: Tensor) -> Tensor:
    """Return ratings before noise and rounding from opinions; shapes broadcast."""
    w = process.weights
    standard = (opinion - process.opinion_mean) / process.opinion_spread
    return w.rating_mean + w.rating_taste * standard + leniency


def rating_chances(stars: Floats, noise: float) -> Floats:
    """Return P(rating) of 1 to 5 stars, (..., 5), where ``noise`` is a standard deviation.

    A rating r is ``clip(round(stars + noise * N(0, 1)), 1, 5)``: the noise lies between r - 1/2
    and r + 1/2 less the stars, and beyond them at the ends of the scale.
    """
    inner = np.arange(1.5, 5.0)
    low, high = np.append(-np.inf, inner), np.append(inner, np.inf)
    a, b = ((end - stars[..., None]) / noise for end in (low, high))
    # Mirrored to the lower tail, where a difference of two probabilities keeps its digits.
    upper = a > 0
    a, b = np.where(upper, -b, a), np.where(upper, -a, b)
    chances: Floats = ndtr(b) - ndtr(a)
    return chances


class RatingTable:
    """Looks up log P(rating | stars), with the stars to the nearest 1/256."""

    _PARTS = 256
    _LOW, _HIGH = -16, 24

    def __init__(self, process: Truth) -> None:
        grid = np.arange(self._LOW * self._PARTS, self._HIGH * self._PARTS + 1) / self._PARTS
        logs = np.log(np.maximum(rating_chances(grid, process.weights.rating_noise), _LEAST))
        self._size = len(grid)
        unrated = np.zeros((self._size, 1))
        self._logs = torch.from_numpy(np.concatenate([unrated, logs], axis=1).T.flatten())

    def rows(self, ratings: Floats) -> Tensor:
        """Return where the table's row of each rating begins; NaN has a row of zeros."""
        row = np.nan_to_num(ratings, nan=0.0).astype(np.int64)
        return torch.from_numpy(row * self._size)

    def log(self, stars: Tensor, rows: Tensor) -> Tensor:
        """Return the log-likelihood of the ratings behind ``rows``; shapes broadcast."""
        column = torch.round((stars - self._LOW) * self._PARTS).clamp_(0, self._size - 1)
        return self._logs.take(column.to(torch.int64) + rows)
