"""A choice explained by what an item shares with the user's latest ones: a few dozen weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from baselines.choice.learner import Learner
from baselines.choice.matches import Histories, Kinds, Shown, in_blocks, statistics
from baselines.choice.reader import Reader, Told
from baselines.choice.votes import predicted, votes
from baselines.learning.arrays import load_arrays, save_arrays
from baselines.learning.blocks import ROWS
from baselines.learning.queries import answering
from baselines.learning.selecting import among_themselves, choose_share, select
from baselines.multimodal.features import Features, image_features
from benchmark.data.instances.timeline import Timeline
from benchmark.errors import BenchError
from benchmark.host.files import read_json, write_json
from benchmark.host.threads import processor_threads
from benchmark.instances import (
    History,
    Instance,
    Item,
    PreferenceInstance,
    SearchInstance,
    SelectionInstance,
)
from benchmark.model import TrainingView
from benchmark.predictions import Prediction, Rating
from benchmark.ranking import RankingInstance, queries, rank_in_blocks
from benchmark.training.counting import Counts, count
from benchmark.training.staircase import Staircase, levels_in
from benchmark.vision.encoder_names import AUTO
from benchmark.vision.encoder_names import DESCRIPTION as ENCODERS

_RECORD, _ARRAYS = "items.json", "learnt.safetensors"
NO_PHOTOS = "none"
_CHOICES = ("recommendation", "search", "selection")
#: Matches (histories of a block, their items, alternatives) held at once: 256 MB of float32.
MATCHES_HELD = 2**26
#: Selections whose candidates are held at once.
_SELECTIONS = 256


class AttributeCountsConfig(BaseModel):
    """Sets what is compared, how much is learnt from, and how a rating is answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    image_encoder: str = Field(AUTO, description=f"none, or {ENCODERS}")
    encoder_steps: int = Field(330, ge=0, le=100_000, description="training steps of own encoder")
    most_keys: int = Field(12, ge=1, le=1000, description="keys of items' values, at most")
    examples: int = Field(5000, ge=1, description="training examples of each task, at most")
    alternatives: int = Field(
        128, ge=2, description="items an example chooses among in training, the others drawn"
    )
    validation_users: int = Field(1000, ge=1, description="of each task, to choose penalties on")
    answer: Literal["staircase", "mean"] = Field(
        "staircase",
        description="of a rating; mean: its expectation (least RMSE); staircase: moved nearer to a "
        "whole star, as far as MAE and RMSE on validation together ask",
    )


class AttributeCounts:
    """Fits a conditional logit over matches between the history and an item (McFadden, 1974).

    The utility of an item is a weighted sum of the statistics of :mod:`.matches`, of its
    popularity and of how often its category follows the latest one's. Recommendation, search and
    selection have weights of their own, learnt among the whole catalogue, the items that answer
    the query and the candidates. A rating is a ridge regression on the same matches, moved nearer
    to a level (:mod:`benchmark.training.staircase`).
    """

    tasks = frozenset({*_CHOICES, "preference"})
    Config = AttributeCountsConfig
    name = "attribute-counts"

    def __init__(self, config: AttributeCountsConfig | None = None) -> None:
        self.config = config or self.Config()
        self.weights: dict[str, NDArray[np.float64]] = {}
        self.threshold: float | None = None
        self.staircase = Staircase()
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
        self._counts = count(timeline, leaves, self._reader.leaves)
        learner = Learner(self, data, timeline, np.random.default_rng(seed))
        with processor_threads(1):
            learnt = {task: learner.weights(task) for task in sorted(self.tasks & {*data.tasks})}
        self.weights = {task: weights for task, weights in learnt.items() if weights is not None}
        self.threshold = None
        if "selection" in self.weights:
            most = self.config.validation_users
            self.threshold = choose_share(data, self.shares, most=most)
        given = levels_in(timeline.rating[~np.isnan(timeline.rating)].tolist())
        moved = self.config.answer == "staircase" and "preference" in self.weights
        self.staircase = learner.staircase(given) if moved else Staircase()

    def predict(self, instances: Sequence[Instance]) -> Iterator[Prediction]:
        """Yield one prediction per instance; all instances belong to one task."""
        if not instances:
            return
        first = instances[0]
        if isinstance(first, PreferenceInstance):
            yield from self._rate(cast(Sequence[PreferenceInstance], instances))
        elif isinstance(first, SelectionInstance):
            candidates = cast(Sequence[SelectionInstance], instances)
            yield from select(candidates, self.shares(candidates), self.threshold)
        else:
            asked = cast(Sequence[RankingInstance], instances)
            yield from rank_in_blocks(asked, self.scores, self.reader.item_ids)

    def scores(self, instances: Sequence[RankingInstance]) -> NDArray[np.floating]:
        """Return utilities (n, items) in catalogue order; what answers a query is put before all
        others."""
        search = isinstance(instances[0], SearchInstance)
        everything = self.reader.catalogue
        weights = self._learnt("search" if search else "recommendation")
        histories = [instance.history for instance in instances]
        step = max(1, MATCHES_HELD // (ROWS * self._width))
        parts = [
            self.utilities(histories, everything.at(np.s_[None, start : start + step]), weights)
            for start in range(0, len(everything.numbers), step)
        ]
        scores: NDArray[np.floating] = parts[0] if len(parts) == 1 else np.concatenate(parts, 1)
        asked = queries(instances)
        fitting = {q: answering(q, self._queries) for q in dict.fromkeys(asked) if q is not None}
        for row, query in zip(scores, asked, strict=True):
            if query is not None:
                row[fitting[query]] += 1 + row.max() - row.min()
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

        ``folds`` (n,) say whose counts describe it (:mod:`benchmark.training.counting`).
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
            "staircase": asdict(self.staircase),
        }
        write_json(folder / _RECORD, record)
        arrays = {f"reader.{name}": array for name, array in self.reader.arrays().items()}
        arrays |= {f"counts.{name}": array for name, array in self.counts._asdict().items()}
        arrays |= {f"weights.{task}": weights for task, weights in self.weights.items()}
        save_arrays(arrays, folder / _ARRAYS)

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        record, arrays = read_json(folder / _RECORD), load_arrays(folder / _ARRAYS)
        self._width, self._repeats = record["width"], record["repeats"]
        self._queries, self.threshold = tuple(record["queries"]), record["threshold"]
        moved = record["staircase"]
        self.staircase = Staircase(**{**moved, "levels": tuple(moved["levels"])})
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
                f"This {self.name} was fitted without a training example of {task!r}.",
                fix="Fit it on a dataset that supports the task, with longer histories.",
            )
        return self.weights[task]

    def shares(self, instances: Sequence[SelectionInstance]) -> Iterator[NDArray[np.float64]]:
        """Yield for each instance the softmax of its candidates' utilities, as they are shown.

        A candidate outside the catalogue gets the instance's lowest utility.
        """
        weights = self._learnt("selection")
        for start in range(0, len(instances), _SELECTIONS):
            block = instances[start : start + _SELECTIONS]
            size = np.array([len(instance.candidates) for instance in block])
            found: dict[int, NDArray[np.float64]] = {}
            for most in np.unique(size):  # one width each: no row's arithmetic hangs on company
                rows = np.flatnonzero(size == most).tolist()
                some = [block[row] for row in rows]
                shown, _ = self.candidates([instance.candidates for instance in some])
                values = self.utilities([i.history for i in some], shown, weights)
                values = np.where(shown.numbers > 0, values, values.min(1, keepdims=True))
                for row, of_row in zip(rows, values, strict=True):
                    found[row] = among_themselves(of_row.tolist(), computed_in=values.dtype)
            yield from (found[row] for row in range(len(block)))

    def candidates(self, shown: Sequence[Sequence[Item]]) -> tuple[Shown, NDArray[np.bool_]]:
        """Return lists of items as (n, A), filled up, and which of them are true, (n, A)."""
        most = max(map(len, shown))
        filled = [[*items, *[items[-1]] * (most - len(items))] for items in shown]
        found = self.reader.shown([item for items in filled for item in items])
        allowed = np.arange(most) < np.array([len(items) for items in shown])[:, None]
        return found.at(np.arange(len(shown) * most).reshape(len(shown), most)), allowed

    def _rate(self, instances: Sequence[PreferenceInstance]) -> Iterator[Rating]:
        values = self.staircase(self.expected_ratings(instances))
        for instance, value in zip(instances, values.tolist(), strict=True):
            yield Rating(instance.instance_id, value)

    def expected_ratings(self, instances: Sequence[PreferenceInstance]) -> NDArray[np.float64]:
        """Return expected ratings (n,), within the scale."""
        weights = self._learnt("preference")
        folds = np.zeros(len(instances), np.int64)

        def block(rows: NDArray[np.int64]) -> NDArray[np.floating]:
            some = [instances[i] for i in rows]
            x, usual = self.votes([(i.history, i.item) for i in some], folds[rows])
            return np.asarray(usual + predicted(x, weights))

        scales = np.array([instance.scale for instance in instances], np.float64)
        values = in_blocks(len(instances), block).astype(np.float64)
        return np.asarray(values.clip(scales[:, 0], scales[:, 1]))

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


def _named(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {k.removeprefix(prefix): array for k, array in arrays.items() if k.startswith(prefix)}
