"""A choice explained by what an item shares with the user's latest ones: a few dozen weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from safetensors.numpy import load_file

from baselines.choice.counted import Counts, count, half_of
from baselines.choice.logit import Choices, best_fit
from baselines.choice.matches import Histories, Kinds, Shown, in_blocks, statistics
from baselines.choice.reader import Reader, Told
from baselines.choice.votes import Rated, best_ridge, predicted, votes
from baselines.learning.past import save_arrays
from baselines.learning.queries import answering
from baselines.learning.selecting import choose_threshold, selections
from baselines.multimodal.features import Features, image_features
from benchmark.data.instances.timeline import Timeline
from benchmark.errors import BenchError
from benchmark.host.files import read_json, write_json
from benchmark.host.threads import processor_threads
from benchmark.instances import (
    Example,
    History,
    Instance,
    Item,
    PreferenceInstance,
    SearchInstance,
    SelectionInstance,
)
from benchmark.model import TrainingView
from benchmark.predictions import Prediction, Rating, Selection
from benchmark.ranking import RankingInstance, rank_in_blocks
from benchmark.training.validation import spread
from benchmark.vision.encoder_names import AUTO
from benchmark.vision.encoder_names import DESCRIPTION as ENCODERS

_RECORD, _ARRAYS = "items.json", "learnt.safetensors"
NO_PHOTOS = "none"
_CHOICES = ("recommendation", "search", "selection")


class AttributeCountsConfig(BaseModel):
    """What is compared, and how much is learnt from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    image_encoder: str = Field(AUTO, description=f"none, or {ENCODERS}")
    encoder_steps: int = Field(330, ge=0, le=100_000, description="training steps of own encoder")
    most_keys: int = Field(12, ge=1, le=1000, description="keys of items' values, at most")
    examples: int = Field(5000, ge=1, description="training examples of each task, at most")
    alternatives: int = Field(
        128, ge=2, description="items an example chooses among in training, the others drawn"
    )
    validation_users: int = Field(1000, ge=1, description="of each task, to choose penalties on")


class AttributeCounts:
    """A conditional logit over matches between the history and an item.

    The utility of an item is a weighted sum of the statistics of :mod:`.matches`, of its
    popularity and of how often its category follows the latest one's. Recommendation, search and
    selection have weights of their own, learnt among the whole catalogue, the items that answer
    the query and the candidates. A rating is a ridge regression on the same matches.
    """

    tasks = frozenset({*_CHOICES, "preference"})
    Config = AttributeCountsConfig
    name = "attribute-counts"

    def __init__(self, config: AttributeCountsConfig | None = None) -> None:
        self.config = config or self.Config()
        self.weights: dict[str, NDArray[np.float64]] = {}
        self.threshold: float | None = None
        self._width = 1
        self._repeats = False
        self._queries: tuple[str | None, ...] = ()
        self._reader: Reader | None = None
        self._counts: Counts | None = None

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Learn the weights of every task the data has; validation chooses the penalties.

        Raises :class:`BenchError` on data without training interactions.
        """
        timeline = Timeline.of_frame(data.interactions("train"), data.catalogue)
        if not len(timeline):
            raise BenchError(
                f"Dataset {data.name!r} has no training interactions.",
                fix="Use another dataset: unimp-bench data list.",
            )
        self._width, self._repeats = max(data.history_window, 1), data.allow_repeats
        self._queries = data.catalogue.queries
        told = self._told(data)
        self._reader = Reader.of(
            data.catalogue, self._features(data), told, most_keys=self.config.most_keys
        )
        leaves = self._reader.catalogue.leaves
        self._counts = count(timeline, leaves, len(self._reader.leaves))
        learner = _Learner(self, data, timeline, np.random.default_rng(seed))
        with processor_threads(1):
            self.weights = {
                task: learner.weights(task) for task in sorted(self.tasks & {*data.tasks})
            }
        self.threshold = None
        if "selection" in self.weights:
            most = self.config.validation_users
            self.threshold = choose_threshold(
                data, self._of_candidates, self.reader.index, most=most
            )

    def predict(self, instances: Sequence[Instance]) -> Iterator[Prediction]:
        """Yield one prediction per instance; all instances belong to one task."""
        if not instances:
            return
        first = instances[0]
        if isinstance(first, PreferenceInstance):
            yield from self._rate(cast(Sequence[PreferenceInstance], instances))
        elif isinstance(first, SelectionInstance):
            yield from self._select(cast(Sequence[SelectionInstance], instances))
        else:
            asked = cast(Sequence[RankingInstance], instances)
            yield from rank_in_blocks(asked, self.scores, self.reader.item_ids)

    def scores(self, instances: Sequence[RankingInstance]) -> NDArray[np.floating]:
        """Return utilities (n, items) in catalogue order; what answers a query is put before all
        others."""
        search = isinstance(instances[0], SearchInstance)
        everything = self.reader.catalogue.at(np.s_[None])
        weights = self._learnt("search" if search else "recommendation")
        scores = self.utilities([i.history for i in instances], everything, weights)
        for row, instance in zip(scores, instances, strict=True):
            if isinstance(instance, SearchInstance):
                row[answering(instance.query, self._queries)] += 1 + row.max() - row.min()
        return scores

    def utilities(
        self, histories: Sequence[History], alternatives: Shown, weights: NDArray[np.float64]
    ) -> NDArray[np.floating]:
        """Return the utilities (n, A) of ``alternatives`` (n or 1, A) behind ``histories`` (n,)."""
        folds = np.zeros(len(histories), np.int64)

        def block(rows: NDArray[np.int64]) -> NDArray[np.floating]:
            some = alternatives if len(alternatives.numbers) == 1 else alternatives.at(rows)
            total: Any = np.float32(0)
            start = 0
            for columns in self.columns([histories[i] for i in rows], some, folds[rows]):
                for column in np.moveaxis(columns, 2, 0):
                    total = total + column * np.float32(weights[start])
                    start += 1
            return np.asarray(total)

        return in_blocks(len(histories), block)

    def columns(
        self, histories: Sequence[History], alternatives: Shown, folds: NDArray[np.int64]
    ) -> Iterator[NDArray[np.float32]]:
        """Yield what describes each alternative, some columns (n, A, c) at a time.

        ``folds`` (n,) say whose counts describe it (:mod:`.counted`).
        """
        shown = self.histories(histories, folds)
        yield from statistics(shown, alternatives, self.kinds)
        numbers = np.broadcast_to(alternatives.numbers, (len(folds), alternatives.numbers.shape[1]))
        latest = shown.items.leaves[:, -1, None]  # (n, 1)
        popularity = self.counts.popularity[folds[:, None], numbers - 1]
        follows = self.counts.follows[folds[:, None], latest, alternatives.leaves]
        yield np.stack([popularity, follows], axis=2)

    def histories(self, histories: Sequence[History], folds: NDArray[np.int64]) -> Histories:
        """Return ``histories`` with ratings less what the items are given (counts of ``folds``)."""
        return self.reader.histories(histories, self.counts.rating[folds], width=self._width)

    @property
    def kinds(self) -> Kinds:
        """Return the kinds of matches that are counted."""
        columns = tuple(self.reader.book.columns)
        return Kinds(columns, self.reader.has_photos, self._repeats)

    @property
    def reader(self) -> Reader:
        """Return what reads items; :class:`BenchError` before ``fit`` or ``load``."""
        if self._reader is None:
            raise BenchError(f"{self.name} is not fitted.", fix="Call fit or load first.")
        return self._reader

    @property
    def counts(self) -> Counts:
        """Return what was counted; :class:`BenchError` before ``fit`` or ``load``."""
        if self._counts is None:
            raise BenchError(f"{self.name} is not fitted.", fix="Call fit or load first.")
        return self._counts

    def parameter_counts(self) -> dict[str, int]:
        """Return how many weights are ``trainable`` and how many in ``total``: all are trained."""
        total = sum(len(weights) for weights in self.weights.values())
        return {"trainable": total, "total": total}

    def save(self, folder: Path) -> None:
        """Write names and numbers of values as JSON; counts, codes and weights as safetensors."""
        record = {
            "reader": self.reader.record(),
            "width": self._width,
            "repeats": self._repeats,
            "queries": self._queries,
            "threshold": self.threshold,
        }
        write_json(folder / _RECORD, record)
        arrays = {f"reader.{name}": array for name, array in self.reader.arrays().items()}
        arrays |= {f"counts.{name}": array for name, array in self.counts._asdict().items()}
        arrays |= {f"weights.{task}": weights for task, weights in self.weights.items()}
        save_arrays(arrays, folder / _ARRAYS)

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        record, arrays = read_json(folder / _RECORD), load_file(folder / _ARRAYS)
        self._width, self._repeats = record["width"], record["repeats"]
        self._queries, self.threshold = tuple(record["queries"]), record["threshold"]
        self._reader = Reader.restore(record["reader"], _named(arrays, "reader."))
        self._counts = Counts(**_named(arrays, "counts."))
        self.weights = _named(arrays, "weights.")

    def _told(self, data: TrainingView) -> Told | None:
        """Values by item id that do not come from what is shown; ``None`` where all do."""
        return None

    def _features(self, data: TrainingView) -> Features | None:
        if self.config.image_encoder == NO_PHOTOS:
            return None
        return image_features(data, self.config.image_encoder, steps=self.config.encoder_steps)

    def _learnt(self, task: str) -> NDArray[np.float64]:
        if task not in self.weights:
            raise BenchError(
                f"This {self.name} was fitted without {task!r}.",
                fix="Fit it on a dataset that supports the task.",
            )
        return self.weights[task]

    def _of_candidates(self, instances: Sequence[SelectionInstance]) -> NDArray[np.floating]:
        """Utilities (n, items) of the candidates as shown; others' have no meaning."""
        candidates, allowed = self.candidates([i.candidates for i in instances])
        found = self.utilities(
            [i.history for i in instances], candidates, self._learnt("selection")
        )
        scores = found.min(1, keepdims=True).repeat(len(self.reader.item_ids), axis=1)
        known = allowed & (candidates.numbers > 0)
        rows = np.nonzero(known)[0]
        scores[rows, candidates.numbers[known] - 1] = found[known]
        return scores

    def candidates(self, shown: Sequence[Sequence[Item]]) -> tuple[Shown, NDArray[np.bool_]]:
        """Return lists of items as (n, A), filled up, and which of them are true, (n, A)."""
        most = max(map(len, shown))
        filled = [[*items, *[items[-1]] * (most - len(items))] for items in shown]
        found = self.reader.shown([item for items in filled for item in items])
        allowed = np.arange(most) < np.array([len(items) for items in shown])[:, None]
        return found.at(np.arange(len(shown) * most).reshape(len(shown), most)), allowed

    def _select(self, instances: Sequence[SelectionInstance]) -> Iterator[Selection]:
        return selections(instances, self._of_candidates, self.reader.index, self.threshold)

    def _rate(self, instances: Sequence[PreferenceInstance]) -> Iterator[Rating]:
        weights = self._learnt("preference")
        folds = np.zeros(len(instances), np.int64)

        def block(rows: NDArray[np.int64]) -> NDArray[np.floating]:
            some = [instances[i] for i in rows]
            x, usual = self.votes([(i.history, i.item) for i in some], folds[rows])
            return np.asarray(usual + predicted(x, weights))

        for instance, value in zip(instances, in_blocks(len(instances), block), strict=True):
            low, high = instance.scale
            yield Rating(instance.instance_id, float(min(max(value, low), high)))

    def votes(
        self, asked: Sequence[tuple[History, Item]], folds: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Return the votes (n, D) on asked items, and what such items are given (n,)."""
        shown = self.histories([history for history, _ in asked], folds)
        items = self.reader.shown([item for _, item in asked])
        usual = np.where(
            items.numbers > 0,
            self.counts.rating[folds, items.numbers - 1],
            self.counts.rating[folds].mean(1),
        ).astype(np.float64)
        return votes(shown, items.at(np.s_[:, None]), self.kinds), usual


class _Learner:
    """Makes examples of a task numbers, and weights of these."""

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

    def weights(self, task: str) -> NDArray[np.float64]:
        """Return the weights of ``task``, its penalty chosen on validation."""
        config = self._model.config
        train = spread(self._data.examples(task, "train"), config.examples)
        valid = spread(self._data.examples(task, "valid"), config.validation_users)
        if task == "preference":
            return best_ridge(self._rated(train, "train"), self._rated(valid, "valid"))
        return best_fit(self._choices(train, "train"), self._choices(valid, "valid"))

    def _folds(self, examples: Sequence[Example], part: str) -> NDArray[np.int64]:
        """Counts without the user's half for training; all of them for validation."""
        if part == "valid":
            return np.zeros(len(examples), np.int64)
        users = [self._user[example.instance.user_id] for example in examples]
        return half_of(np.array(users, np.int64))

    def _rated(self, examples: Sequence[Example], part: str) -> Rated:
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


def _named(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {k.removeprefix(prefix): array for k, array in arrays.items() if k.startswith(prefix)}
