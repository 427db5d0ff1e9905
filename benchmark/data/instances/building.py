"""Build instances from interactions: the one place where any task's are made.

Validation and test files are frozen through it when a dataset is prepared; training examples
come through it when a model asks for them. Whatever part an instance belongs to, it sees the
user's rows before its target and nothing later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.catalogue import Catalogue
from benchmark.data.instances.candidates import Blocks, Owned, draw_candidates
from benchmark.data.instances.ragged import Computed, Ragged
from benchmark.data.instances.seeded import splitmix, stable_hash
from benchmark.data.instances.table import InstanceTable
from benchmark.data.instances.tasks import DATA_TASKS
from benchmark.data.instances.timeline import Timeline

#: Most positives of a selection instance.
MOST_POSITIVES = 3
#: Noted of instances whose candidates are not all what others took.
FILLED = "candidates filled up from the catalogue: too few other users"


@dataclass(frozen=True)
class Rules:
    """Holds what is the same for every instance of a dataset."""

    history_window: int
    allow_repeats: bool
    rating_scale: tuple[float, float] | None
    selection_negatives: int
    seed: int
    k: int
    leave_out_copies: bool = False
    """Whether preference and explanation leave out reviews copied from an earlier one."""


@dataclass(frozen=True)
class Targets:
    """Says where instances stand in a timeline.

    An instance's history ends before row ``first``; its target is row ``first`` or, in
    selection, the ``count`` rows from there, whose items differ. ``known_end`` is one past the
    last of the user's rows that the instance's part may know.
    """

    label: str
    """Beginning of the instance ids: ``train``, ``valid`` or ``test``."""
    first: NDArray[np.int64]
    count: NDArray[np.int64]
    known_end: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.first)

    def where(self, keep: NDArray[np.bool_]) -> Targets:
        """Return the targets at which ``keep``, bool (n,), is true."""
        return Targets(self.label, self.first[keep], self.count[keep], self.known_end[keep])


class InstanceBuilder:
    """Builds instance tables of one timeline over one catalogue."""

    def __init__(self, timeline: Timeline, catalogue: Catalogue, rules: Rules) -> None:
        self.timeline = timeline
        self.catalogue = catalogue
        self.rules = rules

    def last_of_users(
        self,
        users: NDArray[np.int64],
        label: str,
        *,
        behind: int,
        several: bool = False,
    ) -> Targets:
        """Return one target per user: its last row but ``behind`` (0: test, 1: validation).

        ``several``: the target begins up to :data:`MOST_POSITIVES` - 1 rows earlier, as far
        as one row of history is left; how many is drawn per user. Rows that repeat an item make
        no target together: the last one is it alone.
        """
        end = self.timeline.starts[users + 1] - behind
        count = np.ones(len(users), dtype=np.int64)
        if several:
            most = np.minimum(end - self.timeline.starts[users] - 1, MOST_POSITIVES)
            key = (self.rules.seed, "positives", label)
            names = self.timeline.users
            draws = [stable_hash(*key, names[user]) for user in users.tolist()]
            count += (np.array(draws, dtype=np.uint64) % most.astype(np.uint64)).astype(np.int64)
            count[self._repeats(end - count, count)] = 1
        return Targets(label, end - count, count, end)

    def training(self, train_end: NDArray[np.int64], *, several: bool) -> Targets:
        """Return one target per training row that has a history.

        ``train_end[u]`` is one past user ``u``'s last training row. ``several``: up to
        :data:`MOST_POSITIVES` rows from there on, as the user's training rows allow; one where
        these repeat an item.
        """
        timeline = self.timeline
        rows = np.arange(len(timeline), dtype=np.int64)
        end = train_end[timeline.user]
        keep = (rows > timeline.start_of(rows)) & (rows < end)
        rows, end = rows[keep], end[keep]
        count = np.ones(len(rows), dtype=np.int64)
        if several:
            # A cheap mix of user and position; names are hashed once per user.
            of_user = np.array(
                [stable_hash(self.rules.seed, "positives", "train", u) for u in timeline.users],
                dtype=np.uint64,
            )
            position = (rows - timeline.start_of(rows)).astype(np.uint64)
            mixed = (of_user[timeline.user[rows]] ^ position) * np.uint64(0x9E3779B97F4A7C15)
            most = np.minimum(end - rows, MOST_POSITIVES).astype(np.uint64)
            count += ((mixed >> np.uint64(33)) % most).astype(np.int64)
            count[self._repeats(rows, count)] = 1
        return Targets("train", rows, count, end)

    def _repeats(self, first: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether an item occurs twice in the ``count`` rows from ``first``; (n,)."""
        repeated = np.zeros(len(first), dtype=bool)
        for late in range(1, MOST_POSITIVES):
            for early in range(late):
                rows = np.flatnonzero(late < count)
                items = self.timeline.item
                repeated[rows] |= items[first[rows] + late] == items[first[rows] + early]
        return repeated

    def answerable(self, task: str, targets: Targets) -> tuple[Targets, Counter[str]]:
        """Return the targets that make an instance of ``task``, and why the others do not.

        A target that fails for several reasons counts for the first.
        """
        data_task, rows = DATA_TASKS.get(task), targets.first
        reasons = data_task.left_out(self.timeline, self.catalogue, self.rules, rows)
        keep = np.ones(len(rows), dtype=bool)
        counts: Counter[str] = Counter()
        for reason, lacking in reasons.items():
            counts[reason] += int((keep & lacking).sum())
            keep &= ~lacking
        return targets.where(keep), +counts

    def table(
        self, task: str, targets: Targets, notes: Counter[str] | None = None
    ) -> InstanceTable:
        """Return the instances of ``task`` at ``targets``, all of which must be answerable.

        ``notes`` counts the instances that are not quite as their task asks.
        """
        data_task = DATA_TASKS.get(task)
        timeline, rows = self.timeline, targets.first
        start = timeline.start_of(rows)
        low = np.maximum(start, rows - self.rules.history_window)
        users, user = timeline.users, timeline.user[rows]
        if targets.label == "train":
            ids = Computed(len(rows), lambda i: f"train/{users[user[i]]}/{int(rows[i] - start[i])}")
        else:
            ids = Computed(len(rows), lambda i: f"{targets.label}/{users[user[i]]}")
        return InstanceTable(
            task=data_task,
            ids=ids,
            users=Computed(len(rows), lambda i: users[user[i]]),
            history=Ragged(timeline.item, low, rows),
            ratings=Ragged(timeline.rating, low, rows),
            timestamps=Ragged(timeline.timestamp, low, rows),
            rating_scale=self.rules.rating_scale,
            k=self.rules.k,
            **{name: self._column(name, targets, notes) for name in data_task.columns},
        )

    def _column(self, name: str, targets: Targets, notes: Counter[str] | None) -> Any:
        """A column of :data:`~benchmark.data.schema.INSTANCE_COLUMNS` beside ids and history."""
        timeline, rows, n = self.timeline, targets.first, len(targets)
        items, queries = timeline.item, self.catalogue.queries
        if name == "seen":
            return (
                None if self.rules.allow_repeats else Ragged(items, timeline.start_of(rows), rows)
            )
        if name == "candidates":
            candidates, filled = self.candidates(targets)
            if notes is not None and filled:
                notes[FILLED] += filled
            return candidates
        if name == "target_items":
            return Ragged(items, rows, rows + targets.count)
        entries: dict[str, Callable[[int], Any]] = {
            "query": lambda i: queries[items[rows[i]]],
            "item": lambda i: int(items[rows[i]]),
            "target_rating": lambda i: float(timeline.rating[rows[i]]),
            "target_text": lambda i: timeline.explanation[int(rows[i])],
        }
        return Computed(n, entries[name])

    def candidates(self, targets: Targets) -> tuple[Ragged, int]:
        """Return each target's candidates, and for how many the catalogue had to fill in.

        What an instance draws depends on its label, user and place, and on what there is to
        draw from: the targets and their users' rows up to ``known_end``, and no other row.
        """
        timeline, first = self.timeline, targets.first
        user = timeline.user[first]
        end = np.zeros(len(timeline.users), dtype=np.int64)
        end[user] = targets.known_end
        known = np.arange(len(timeline)) < end[timeline.user]
        owned = Owned(timeline.user[known], timeline.item[known], catalogue=len(self.catalogue))
        keys = np.zeros(len(timeline.users), dtype=np.uint64)
        for one in np.unique(user).tolist():
            name = timeline.users[one]
            keys[one] = stable_hash(self.rules.seed, "candidates", targets.label, name)
        place = (first - timeline.start_of(first)).astype(np.uint64)
        items = Ragged(timeline.item, first, first + targets.count)
        blocks = Blocks(user, items, splitmix(keys[user], place))
        return draw_candidates(blocks, owned, negatives=self.rules.selection_negatives)
