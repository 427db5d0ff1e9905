"""How attribute-counts learns: a task's examples in numbers, and the weights fitted to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from baselines.choice.logit import Choices, best_fit
from baselines.choice.matches import Shown, in_blocks
from baselines.choice.votes import Rated, best_ridge
from baselines.learning.queries import answering
from benchmark.data.instances.timeline import Timeline
from benchmark.instances import Example, PreferenceInstance, SearchInstance, SelectionInstance
from benchmark.model import TrainingView
from benchmark.ranking import RankingInstance
from benchmark.training.counting import half_of
from benchmark.training.staircase import Staircase, best_staircase
from benchmark.training.validation import spread

if TYPE_CHECKING:
    from baselines.choice.attribute_counts import AttributeCounts


class Learner:
    """Describes a task's examples in numbers, and fits its weights to these."""

    def __init__(
        self,
        model: AttributeCounts,
        data: TrainingView,
        timeline: Timeline,
        rng: np.random.Generator,
    ) -> None:
        self._model, self._data, self._rng = model, data, rng
        self._taken = np.unique(timeline.item)
        self._user = {user: i for i, user in enumerate(timeline.users)}
        self._answering: dict[str, NDArray[np.int64]] = {}

    def weights(self, task: str) -> NDArray[np.float64] | None:
        """Return the weights of ``task``, its penalty chosen on validation.

        ``None`` where nobody has a training example of it: histories of one item make none.
        """
        config = self._model.config
        train = spread(self._data.examples(task, "train"), config.examples)
        if not train:
            return None
        valid = spread(self._data.examples(task, "valid"), config.validation_users)
        if task == "preference":
            return best_ridge(self._rated(train, "train"), self._rated(valid, "valid"))
        return best_fit(self._choices(train, "train"), self._choices(valid, "valid"))

    def staircase(self, levels: tuple[float, ...]) -> Staircase:
        """Return what moves expected ratings best towards levels, on validation."""
        valid = spread(
            self._data.examples("preference", "valid"), self._model.config.validation_users
        )
        if not valid:
            return Staircase()
        asked = [cast(PreferenceInstance, example.instance) for example in valid]
        targets = np.array([cast(float, example.target) for example in valid], np.float64)
        return best_staircase(self._model.expected_ratings(asked), targets, levels)

    def _folds(self, examples: Sequence[Example], part: str) -> NDArray[np.int64]:
        """Counts without the user's half for training; all of them for validation."""
        if part == "valid":
            return np.zeros(len(examples), np.int64)
        users = [self._user[example.instance.user_id] for example in examples]
        return half_of(np.array(users, np.int64))

    def _rated(self, examples: Sequence[Example], part: str) -> Rated:
        if not examples:
            return Rated(np.zeros((0, 1), np.float32), np.zeros(0))
        asked = [cast(PreferenceInstance, example.instance) for example in examples]
        pairs = [(instance.history, instance.item) for instance in asked]
        x, usual = self._model.votes(pairs, self._folds(examples, part))
        given = np.array([cast(float, example.target) for example in examples], np.float64)
        return Rated(x, given - usual)

    def _choices(self, examples: Sequence[Example], part: str) -> Choices:
        if not examples:
            return Choices(
                np.zeros((0, 1, 1), np.float32),
                np.zeros((0, 1), bool),
                np.zeros((0, 1), np.float32),
            )
        alternatives, allowed, taken = self._alternatives(examples)
        histories = [example.instance.history for example in examples]
        folds = self._folds(examples, part)

        def block(rows: NDArray[np.int64]) -> NDArray[np.floating]:
            some = [histories[i] for i in rows]
            parts = self._model.columns(some, alternatives.at(rows), folds[rows])
            return np.concatenate(list(parts), axis=2)

        x = in_blocks(len(examples), block).astype(np.float32, copy=False)
        return Choices(x, allowed, taken / taken.sum(1, keepdims=True))

    def _alternatives(
        self, examples: Sequence[Example]
    ) -> tuple[Shown, NDArray[np.bool_], NDArray[np.float32]]:
        if isinstance(examples[0].instance, SelectionInstance):
            asked = [cast(SelectionInstance, example.instance).candidates for example in examples]
            shown, allowed = self._model.candidates(asked)
            targets = [cast(tuple[str, ...], example.target) for example in examples]
            taken = np.zeros(allowed.shape, np.float32)
            for row, (candidates, target) in enumerate(zip(asked, targets, strict=True)):
                taken[row, : len(candidates)] = [item.item_id in target for item in candidates]
            return shown, allowed, taken
        rows = [self._drawn(example) for example in examples]
        width = max(map(len, rows))
        numbers = np.stack([np.pad(row, (0, width - len(row)), "edge") for row in rows])
        allowed = np.arange(width) < np.array([len(row) for row in rows])[:, None]
        taken = np.zeros(allowed.shape, np.float32)
        taken[:, 0] = 1
        return self._model.reader.catalogue.at(numbers), allowed, taken

    def _drawn(self, example: Example) -> NDArray[np.int64]:
        """The item taken, and others that the user might have taken: as many as are drawn."""
        instance = cast(RankingInstance, example.instance)
        index = self._model.reader.index
        pool = self._taken
        if isinstance(instance, SearchInstance):
            pool = self._of_query(instance.query)
        most = self._model.config.alternatives - 1
        others = self._rng.choice(pool, most, replace=False) if len(pool) > most else pool
        target = index[cast(tuple[str, ...], example.target)[0]]
        barred = [target, *(index[item_id] for item_id in instance.exclude if item_id in index)]
        return np.concatenate([[target], others[~np.isin(others, barred)]]).astype(np.int64)

    def _of_query(self, query: str) -> NDArray[np.int64]:
        if query not in self._answering:
            items = np.flatnonzero(answering(query, self._data.catalogue.queries))
            self._answering[query] = items[np.isin(items, self._taken)]
        return self._answering[query]
