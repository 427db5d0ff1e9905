"""What users took before: the history that an instance shows, then their training items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from baselines.learning.arrays import load_arrays, save_arrays
from baselines.learning.windows import known_items
from benchmark.data.catalogue import Catalogue
from benchmark.data.instances.timeline import Timeline
from benchmark.host.files import read_json, write_json
from benchmark.instances import Instance
from benchmark.model import TrainingView

#: How far a model looks back: the history that an instance shows, or behind it the user's
#: training items too, as systems do that learn a vector for each user.
Reach = Literal["shown", "whole"]

_USERS, _ITEMS = "pasts.json", "pasts.safetensors"


def training_counts(data: TrainingView) -> NDArray[np.int64]:
    """Return the training interactions of every catalogue item (items,)."""
    items = data.interactions("train", columns=["item_id"])["item_id"]
    counts = dict(items.value_counts().iter_rows())
    return np.array([counts.get(item_id, 0) for item_id in data.catalogue.ids], np.int64)


class Pasts:
    """Holds the distinct training items of each user, the latest first.

    Those of ``users[u]`` are ``items[starts[u]:starts[u + 1]]``, catalogue indices.
    """

    def __init__(
        self,
        users: Sequence[str] = (),
        starts: NDArray[np.int64] | None = None,
        items: NDArray[np.int64] | None = None,
    ) -> None:
        self.users = tuple(users)
        self.starts = np.zeros(1, np.int64) if starts is None else starts
        self.items = np.zeros(0, np.int64) if items is None else items
        self._place = {user: place for place, user in enumerate(self.users)}

    @classmethod
    def of(cls, rows: pl.DataFrame, catalogue: Catalogue) -> Pasts:
        """Build from interactions (users contiguous, each in time order)."""
        timeline = Timeline.of_frame(rows, catalogue)
        taken = pl.DataFrame({"user": timeline.user, "item": timeline.item})
        latest = taken.reverse().unique(keep="first", maintain_order=True)
        latest = latest.sort("user", maintain_order=True)
        sizes = np.bincount(latest["user"].to_numpy(), minlength=len(timeline.users))
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        return cls(timeline.users, starts, latest["item"].to_numpy())

    def before(self, instance: Instance, index: Mapping[str, int]) -> list[int]:
        """Return the distinct known items of an instance's user, the latest first.

        The shown history is later than any training item that it does not hold.
        """
        shown = known_items(instance.history, index)
        place = self._place.get(instance.user_id)
        known: Iterable[int] = ()
        if place is not None:
            known = self.items[self.starts[place] : self.starts[place + 1]].tolist()
        return list(dict.fromkeys((*reversed(shown), *known)))

    def save(self, folder: Path) -> None:
        """Write users as JSON and their items as safetensors."""
        write_json(folder / _USERS, self.users)
        save_arrays({"starts": self.starts, "items": self.items}, folder / _ITEMS)

    @classmethod
    def load(cls, folder: Path) -> Pasts:
        """Read what :meth:`save` wrote."""
        arrays = load_arrays(folder / _ITEMS)
        return cls(read_json(folder / _USERS), arrays["starts"], arrays["items"])
