"""The second ceiling of simulated data: it knows the process, and infers the user.

``informed`` knows what the simulator knows of items, weights and habits, and how tastes are
distributed, but of the user it is asked about nothing except the history that the instance
shows: items, their order and their ratings. It answers by the posterior predictive: with the
process for its model and the simulator's distribution of users for its prior, no system that
sees the same history does better in expectation, however it is trained.

What it does not use: the rest of a user's past, which some systems have from training. An
instance's ``exclude`` tells it which items can still be taken, not what they say of the user.
The habits behind the first item shown are unknown, and counted as none. That the user took the
item a preference is asked about is part of what the instance says: it enters as a choice with
no rating.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import polars as pl
import torch
from pydantic import Field

from baselines.simulated.ceiling import Ceiling, CeilingConfig
from baselines.simulated.posterior import Chain, Sampler
from baselines.simulated.process import Histories, with_users, without_users
from benchmark.data.simulator.truth import Ints, Truth, UserFactors
from benchmark.data.simulator.world import joined
from benchmark.instances import Instance, PreferenceInstance
from benchmark.model import TrainingView
from benchmark.training.stored import load_with_record, save_tensors

_STATE = "posterior.safetensors"


class InformedConfig(CeilingConfig):
    """Sets what is answered, and how many users are drawn for each history."""

    burn: int = Field(20, ge=0, description="sweeps of a chain before the first user is kept")
    draws: int = Field(96, ge=1, description="users drawn for each history")
    thin: int = Field(2, ge=1, description="sweeps from one user kept to the next")


@dataclass(frozen=True, slots=True)
class Shown:
    """Identifies a history: the truth's numbers of its items, oldest first, and their ratings."""

    items: tuple[int, ...]
    ratings: tuple[float | None, ...]

    def stream(self, seed: int) -> int:
        """Return the seed of the history's own random numbers."""
        text = f"{seed} {self.items} {self.ratings}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "big")


class Informed(Ceiling):
    """Ranks, rates and selects by what a history tells of the user, and the true process."""

    name = "informed"
    Config = InformedConfig

    def __init__(self, config: InformedConfig | None = None) -> None:
        self.config = config or InformedConfig()
        self._users: UserFactors | None = None
        self._rows: dict[Shown, int] = {}  # the first of a history's rows in _users

    def known(self, truth: Truth) -> Truth:
        """Return the truth without its users."""
        return without_users(truth)

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Read the process, and draw users for the seen users' histories as they end now.

        These are the histories of most test instances: all tasks share what is drawn here. Other
        histories are drawn for when they are asked about, with the same outcome as here.
        """
        super().fit(data, seed=seed)
        self._seed = seed
        self._keep(self.latest(data))

    def latest(self, data: TrainingView) -> list[Shown]:
        """Return the seen users' latest interactions, as many as an instance shows."""
        rows = pl.concat([data.interactions("train"), data.interactions("valid")])
        latest = pl.col("item_id", "rating").tail(data.history_window)
        users = rows.group_by("user_id", maintain_order=True).agg(latest)
        return [
            Shown(tuple(self.numbers(items).tolist()), tuple(ratings))
            for items, ratings in users.select("item_id", "rating").iter_rows()
        ]

    def _keep(self, histories: Sequence[Shown]) -> None:
        asked = list(dict.fromkeys(histories))
        self._users = self._drawn(asked)
        self._rows = {shown: k * self.config.draws for k, shown in enumerate(asked)}

    def _drawn(self, asked: Sequence[Shown]) -> UserFactors:
        """Users for each history, those of one history contiguous."""
        width = max(len(shown.items) for shown in asked)
        items = np.full((len(asked), width), -1, dtype=np.int64)
        ratings = np.full((len(asked), width), np.nan)
        for row, shown in enumerate(asked):
            start = width - len(shown.items)
            items[row, start:] = shown.items
            ratings[row, start:] = [np.nan if r is None else r for r in shown.ratings]
        chain = Chain(burn=self.config.burn, draws=self.config.draws, thin=self.config.thin)
        streams = [shown.stream(self._seed) for shown in asked]
        return Sampler(self.truth, chain).draw(Histories(items, ratings), streams)

    def possible(self, instances: Sequence[Instance]) -> tuple[Truth, Ints]:
        """Return the process with drawn users, and the rows of those drawn for each instance."""
        asked = [self._shown(instance) for instance in instances]
        new = [shown for shown in dict.fromkeys(asked) if shown not in self._rows]
        assert self._users is not None
        tables, draws = [self._users], self.config.draws
        if new:
            tables.append(self._drawn(new))
        start = dict(self._rows)
        start |= {shown: len(self._users.price) + k * draws for k, shown in enumerate(new)}
        rows = np.array([start[shown] for shown in asked])[:, None] + np.arange(draws)
        users = tables[0] if len(tables) == 1 else joined(UserFactors, tables)
        return with_users(self.truth, users), rows

    def _shown(self, instance: Instance) -> Shown:
        history = instance.history
        items = [item.item_id for item in history.items]
        ratings: list[float | None] = list(history.ratings)
        if isinstance(instance, PreferenceInstance):
            items.append(instance.item.item_id)
            ratings.append(None)
        return Shown(tuple(self.numbers(items).tolist()), tuple(ratings))

    def save(self, folder: Path) -> None:
        """Write the process, and what was drawn when the model was fitted."""
        super().save(folder)
        assert self._users is not None
        tensors = {
            field.name: torch.from_numpy(getattr(self._users, field.name))
            for field in fields(UserFactors)
        }
        histories = [[shown.items, shown.ratings] for shown in self._rows]
        record = {"seed": self._seed, "histories": histories}
        halves = {
            name: table.half() if table.is_floating_point() else table
            for name, table in tensors.items()
        }
        save_tensors(halves, folder / _STATE, record=record)

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        super().load(folder)
        tensors, record = load_with_record(folder / _STATE)
        self._seed = record["seed"]
        self._users = UserFactors(
            **{
                name: (table.float() if table.is_floating_point() else table).numpy()
                for name, table in tensors.items()
            }
        )
        histories = [Shown(tuple(items), tuple(ratings)) for items, ratings in record["histories"]]
        self._rows = {shown: k * self.config.draws for k, shown in enumerate(histories)}
