"""Ratings from means: global, per user, per item, or both; or the level nearest to such a mean."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from benchmark.errors import BenchError
from benchmark.host.files import read_json, write_json
from benchmark.instances import PreferenceInstance
from benchmark.model import TrainingView
from benchmark.predictions import Rating
from benchmark.rounding import rounded
from benchmark.training.staircase import Staircase, levels_in, nearest_level

_STATE = "mean-rating.json"

#: Tried on the validation part where a damping is not given.
DAMPINGS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)

Damping = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class MeanRatingConfig(BaseModel):
    """Sets which means are used, and how strongly they are drawn towards the global one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    effects: Literal["global", "user", "item", "user+item"] = Field(
        "user+item", description="whose offsets are added to the global mean"
    )
    answer: Literal["mean", "level"] = Field(
        "mean",
        description="mean: what the offsets add up to; level: the level nearest to it and a shift "
        "chosen on validation MAE, which whole stars are measured well by",
    )
    item_damping: Damping | None = Field(
        None, description="imaginary average ratings per item; unset: chosen on validation MAE"
    )
    user_damping: Damping | None = Field(
        None, description="imaginary average ratings per user; unset: chosen on validation MAE"
    )


class MeanRating:
    """Rates by the regularised baseline mu + b_u + b_i, estimated one after the other.

    b_i = sum(r - mu) / (damping_i + n_i), then b_u = sum(r - mu - b_i) / (damping_u + n_u)
    (Y. Koren, "Factor in the Neighbors", TKDD 2010, section 2.1). A user without training
    ratings gets b_u by the same formula from the ratings in the history the instance shows.
    """

    tasks = frozenset({"preference"})
    Config = MeanRatingConfig

    def __init__(self, config: MeanRatingConfig | None = None) -> None:
        self.config = config or MeanRatingConfig()
        self.mean = 0.0
        self.user_damping = 0.0
        self.users: dict[str, float] = {}
        self.items: dict[str, float] = {}
        self.staircase = Staircase()

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Estimate mu and the offsets, with the dampings of least validation MAE unless set.

        Raises :class:`BenchError` when the dataset has no training ratings.
        """
        train = _rated(data.interactions("train"))
        valid = _rated(data.interactions("valid"))
        if train.is_empty():
            raise BenchError(
                f"Dataset {data.name!r} has no training ratings.",
                fix="Use a dataset with ratings: unimp-bench data list.",
            )
        estimate = _Estimate(train)
        pairs = [(d_i, d_u) for d_i in self._item_dampings() for d_u in self._user_dampings()]
        best = min(pairs, key=lambda pair: self._validation_error(estimate, pair, valid))
        self.mean = estimate.mean
        self.user_damping = best[1]
        self.users, self.items = self._offsets(estimate, best)
        if self.config.answer == "level":
            guesses = self._guesses(estimate, best, valid)
            targets = valid["rating"].to_numpy()
            self.staircase = nearest_level(guesses, targets, levels_in(train["rating"]))

    def predict(self, instances: Sequence[PreferenceInstance]) -> Iterator[Rating]:
        """Rate each item, clipped to the instance's scale."""
        for instance in instances:
            value = self.mean + self.items.get(instance.item.item_id, 0.0) + self._user(instance)
            low, high = instance.scale
            within = np.array([min(max(value, low), high)])
            yield Rating(instance.instance_id, float(self.staircase(within)[0]))

    def save(self, folder: Path) -> None:
        """Write mean, offsets and the user damping as JSON."""
        state = {
            "mean": self.mean,
            "user_damping": self.user_damping,
            "items": self.items,
            "users": self.users,
            "levels": self.staircase.levels,
            "shift": self.staircase.shift,
        }
        write_json(folder / _STATE, state)

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        state = read_json(folder / _STATE)
        self.mean = state["mean"]
        self.user_damping = state["user_damping"]
        self.items = state["items"]
        self.users = state["users"]
        if state["levels"]:
            self.staircase = Staircase(tuple(state["levels"]), math.inf, state["shift"])

    def _item_dampings(self) -> tuple[float, ...]:
        if "item" not in self.config.effects:
            return (DAMPINGS[0],)
        return DAMPINGS if self.config.item_damping is None else (self.config.item_damping,)

    def _user_dampings(self) -> tuple[float, ...]:
        if "user" not in self.config.effects:
            return (DAMPINGS[0],)
        return DAMPINGS if self.config.user_damping is None else (self.config.user_damping,)

    def _offsets(
        self, estimate: _Estimate, dampings: tuple[float, float]
    ) -> tuple[dict[str, float], dict[str, float]]:
        item_offsets = np.zeros(len(estimate.items))
        if "item" in self.config.effects:
            item_offsets = estimate.item_offsets(dampings[0])
        users: dict[str, float] = {}
        if "user" in self.config.effects:
            user_offsets = estimate.user_offsets(item_offsets, dampings[1])
            users = dict(zip(estimate.users, user_offsets.tolist(), strict=True))
        items: dict[str, float] = {}
        if "item" in self.config.effects:
            items = dict(zip(estimate.items, item_offsets.tolist(), strict=True))
        return users, items

    def _validation_error(
        self, estimate: _Estimate, dampings: tuple[float, float], valid: pl.DataFrame
    ) -> float:
        """Mean absolute validation error; 0 without validation ratings (first damping wins)."""
        if valid.is_empty():
            return 0.0
        guesses = self._guesses(estimate, dampings, valid)
        error = np.abs(guesses - valid["rating"].to_numpy()).mean()
        return float(rounded(error, computed_in=np.float64))  # the least decides the damping

    def _guesses(
        self, estimate: _Estimate, dampings: tuple[float, float], valid: pl.DataFrame
    ) -> NDArray[np.float64]:
        """Return the means for rows of ``valid`` (n,)."""
        users, items = self._offsets(estimate, dampings)
        guesses = [
            estimate.mean + users.get(user, 0.0) + items.get(item, 0.0)
            for user, item in valid.select("user_id", "item_id").iter_rows()
        ]
        return np.array(guesses, np.float64)

    def _user(self, instance: PreferenceInstance) -> float:
        if "user" not in self.config.effects:
            return 0.0
        if instance.user_id in self.users:
            return self.users[instance.user_id]
        history = instance.history
        residuals = [
            rating - self.mean - self.items.get(item.item_id, 0.0)
            for item, rating in zip(history.items, history.ratings, strict=True)
            if rating is not None
        ]
        return sum(residuals) / (self.user_damping + len(residuals))


class _Estimate:
    """Damped means over one table of ratings; users and items in order of first appearance."""

    def __init__(self, rated: pl.DataFrame) -> None:
        self.users, self._user = _numbered(rated["user_id"])
        self.items, self._item = _numbered(rated["item_id"])
        ratings = rated["rating"].to_numpy()
        self.mean = float(ratings.mean())
        self._residual: NDArray[np.float64] = ratings - self.mean  # (rows,)

    def item_offsets(self, damping: float) -> NDArray[np.float64]:
        """Return b_i (items,)."""
        return _damped_mean(self._residual, self._item, len(self.items), damping)

    def user_offsets(
        self, item_offsets: NDArray[np.float64], damping: float
    ) -> NDArray[np.float64]:
        """Return b_u (users,) given b_i (items,)."""
        residual = self._residual - item_offsets[self._item]
        return _damped_mean(residual, self._user, len(self.users), damping)


def _rated(interactions: pl.DataFrame) -> pl.DataFrame:
    return interactions.select("user_id", "item_id", "rating").drop_nulls("rating")


def _numbered(ids: pl.Series) -> tuple[list[str], NDArray[np.int64]]:
    names: list[str] = ids.unique(maintain_order=True).to_list()
    number = {name: i for i, name in enumerate(names)}
    return names, np.array([number[name] for name in ids.to_list()], np.int64)


def _damped_mean(
    values: NDArray[np.float64], group: NDArray[np.int64], groups: int, damping: float
) -> NDArray[np.float64]:
    sums = np.bincount(group, weights=values, minlength=groups)
    counts = np.bincount(group, minlength=groups)
    return sums / (damping + counts)
