"""Answer by the true process of a simulated dataset, for users who are known or drawn.

A ceiling says for each instance which users may stand behind it, all equally likely
(:meth:`Ceiling.possible`): ``oracle`` knows the one, ``informed`` draws many. Chance is then all
that is left, and every answer is the best in expectation on a measure of its task:

- recommendation, search: items by their probability of being chosen next, which is optimal for
  every hit-rate, NDCG and MRR with one right item;
- preference: the median of the rating's distribution (optimal for MAE), or with
  ``rating="mean"`` its mean (optimal for RMSE);
- selection: the subset with the largest expected F1. The other candidates are what other users
  took, so candidates C are the positives with a probability in proportion to P(the user takes C) /
  P(others take C), the latter taken as the product of the items' shares in training (a count
  of one added to each). That these shares are estimated, and that several negatives come as one
  user's items, is all that separates the answer from the optimum.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.special import logsumexp

from baselines.simulated.process import rating_chances
from benchmark.data.listing import prepare_command
from benchmark.data.simulator.parameters import HABIT_SPAN
from benchmark.data.simulator.truth import ATTACHMENT, Floats, Ints, Truth, index_of, read_truth
from benchmark.errors import BenchError
from benchmark.host.files import read_json, write_json
from benchmark.instances import (
    Instance,
    PreferenceInstance,
    RecommendationInstance,
    SearchInstance,
    SelectionInstance,
)
from benchmark.model import TrainingView
from benchmark.predictions import Prediction, Rating, Selection
from benchmark.ranking import RankingInstance, rankings
from benchmark.rounding import rounded
from benchmark.training.expected_f1 import best_subset

_STATE = "ceiling.json"
#: Training examples that tell how many negatives a selection instance has.
_SELECTION_EXAMPLES = 200
#: Instances whose possible users are asked for at once.
_BLOCK = 512
#: Utilities (users, items) held at once: 32 MB of float64.
_CELLS = 4_000_000


class CeilingConfig(BaseModel):
    """Sets what of the distributions is answered."""

    model_config = ConfigDict(extra="forbid")

    rating: Literal["median", "mean"] = Field(
        "median",
        description="which value of the rating's distribution is answered: the median is "
        "optimal for MAE, the mean for RMSE",
    )


class Ceiling(ABC):
    """Ranks, rates and selects by the utilities of the users who may stand behind an instance."""

    tasks = frozenset({"recommendation", "search", "preference", "selection"})
    name: str
    """How errors call the model."""
    config: Any

    @abstractmethod
    def possible(self, instances: Sequence[Instance]) -> tuple[Truth, Ints]:
        """Return a truth, and the rows of its users who may stand behind each instance.

        The rows are (n, draws), all equally likely.
        """

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Read the truth.

        Raises :class:`BenchError` when the dataset is not simulated, or shows histories too
        short for the habits.
        """
        truth = read_truth(self._truth_file(data))
        if data.history_window < HABIT_SPAN:
            raise BenchError(
                f"The model {self.name} needs a history_window of at least {HABIT_SPAN}, dataset "
                f"{data.name!r} has {data.history_window}: habits reach back that far.",
                fix=f"Prepare the dataset with --set history_window={HABIT_SPAN} or more.",
            )
        negatives = None
        if "selection" in data.tasks:
            negatives = _usual_negatives(data)
        taken = Counter(data.interactions()["item_id"].to_list())
        counts = [taken[item_id] for item_id in data.catalogue.ids]
        self._restore(truth, data.catalogue.ids, data.catalogue.queries, counts, negatives)

    def known(self, truth: Truth) -> Truth:
        """Return what of the truth the model may know: by default all."""
        return truth

    def _restore(
        self,
        truth: Truth,
        ids: Sequence[str],
        queries: Sequence[str | None],
        counts: Sequence[int],
        negatives: int | None,
    ) -> None:
        self.truth = self.known(truth)
        self._ids = tuple(ids)
        self._index = {item_id: i for i, item_id in enumerate(self._ids)}
        self._queries = tuple(queries)
        self._negatives = negatives
        self._counts = tuple(counts)
        self._log_share = np.log1p(self._counts) - np.log(np.sum(self._counts) + len(self._ids))
        self._factor = self.numbers(self._ids)  # (items,)
        self._with_query: dict[str, list[int]] = {}
        for position, query in enumerate(self._queries):
            if query is not None:
                self._with_query.setdefault(query, []).append(position)

    def save(self, folder: Path) -> None:
        """Write what is known of the truth, and the catalogue it is applied to."""
        (folder / ATTACHMENT).write_bytes(self.truth.to_bytes())
        state = {
            "ids": self._ids,
            "queries": self._queries,
            "counts": self._counts,
            "negatives": self._negatives,
        }
        write_json(folder / _STATE, state)

    def load(self, folder: Path) -> None:
        """Read what :meth:`save` wrote."""
        state = read_json(folder / _STATE)
        truth = read_truth(folder / ATTACHMENT)
        self._restore(truth, state["ids"], state["queries"], state["counts"], state["negatives"])

    def predict(self, instances: Sequence[Instance]) -> Iterator[Prediction]:
        """Yield one prediction per instance; all instances belong to one task."""
        for start in range(0, len(instances), _BLOCK):
            block: Any = instances[start : start + _BLOCK]
            first = block[0]
            if isinstance(first, RecommendationInstance | SearchInstance):
                yield from rankings(block, self.log_chances(block), self._ids)
            elif isinstance(first, PreferenceInstance):
                yield from self._rate(block)
            elif isinstance(first, SelectionInstance):
                truth, rows = self.possible(block)
                yield from (
                    self._select(instance, truth, users)
                    for instance, users in zip(block, rows, strict=True)
                )
            else:
                raise BenchError(f"The model {self.name} cannot answer a {type(first).__name__}.")

    def log_chances(self, instances: Sequence[RankingInstance]) -> Floats:
        """Return every item's log-probability of being taken next, (n, items) in index order.

        Among the items that may be answered; what the instance excludes has what it would have
        beside them. A search query is the target's own, so items that answer to it come before
        all others.
        """
        truth, users = self.possible(instances)
        scores = np.empty((len(instances), truth.n_items))
        step = max(1, _CELLS // (users.shape[1] * truth.n_items))
        for start in range(0, len(instances), step):
            block = slice(start, start + step)
            scores[block] = self._log_next(truth, users[block], instances[block])
        scores = scores[:, self._factor]
        for row, instance in zip(scores, instances, strict=True):
            if isinstance(instance, SearchInstance):
                row[self._with_query.get(instance.query, [])] += 1.0 + row.max() - row.min()
        return scores

    def _log_next(self, truth: Truth, users: Ints, instances: Sequence[RankingInstance]) -> Floats:
        """The same of all simulated items in the truth's order, (n, simulated items)."""
        n, draws = users.shape
        utility = truth.standing(users.ravel()).reshape(n, draws, -1)
        utility += truth.habit(np.stack([self.recent(i) for i in instances]))[:, None]
        utility /= truth.weights.temperature
        open_ = utility.copy()
        for row, instance in zip(open_, instances, strict=True):
            row[:, self.numbers([i for i in instance.exclude if i in self._index])] = -np.inf
        utility -= logsumexp(open_, axis=2, keepdims=True)
        chances: Floats = logsumexp(utility, axis=1) - math.log(draws)
        return chances

    def numbers(self, item_ids: Sequence[str]) -> Ints:
        """Return the truth's numbers of items; :class:`BenchError` for one it does not have."""
        count = self.truth.n_items
        return np.array([self.number(i, count, "item") for i in item_ids], dtype=np.int64)

    def recent(self, instance: Instance) -> Ints:
        """Return the truth's numbers of the latest items, latest first, -1 = none; (span,)."""
        shown = instance.history.items[-HABIT_SPAN:]
        latest = self.numbers([item.item_id for item in reversed(shown)])
        return np.pad(latest, (0, HABIT_SPAN - len(latest)), constant_values=-1)

    def _rate(self, instances: Sequence[PreferenceInstance]) -> Iterator[Rating]:
        truth, users = self.possible(instances)
        items = self.numbers([instance.item.item_id for instance in instances])
        stars = truth.stars(users.ravel(), np.repeat(items, users.shape[1]))
        noise = truth.weights.rating_noise
        chances = rating_chances(stars, noise).reshape(*users.shape, 5).mean(axis=1)  # (n, 5)
        if self.config.rating == "median":
            below = rounded(chances.cumsum(axis=1), computed_in=chances.dtype) < 0.5
            values = 1.0 + below.sum(axis=1)
        else:
            values = rounded(chances @ np.arange(1.0, 6.0), computed_in=chances.dtype)
        for instance, value in zip(instances, values.tolist(), strict=True):
            yield Rating(instance.instance_id, value)

    def _select(self, instance: SelectionInstance, truth: Truth, users: Ints) -> Selection:
        candidates = np.array([self._index[item.item_id] for item in instance.candidates])
        n = len(candidates)
        positives = 1 if self._negatives is None else min(max(n - self._negatives, 1), n)
        orders = np.array(list(itertools.permutations(range(n), positives)))
        chances = self._chances(instance, truth, users, self._factor[candidates], orders)
        logs = np.log(np.maximum(chances, np.finfo(np.float64).tiny))
        logs -= self._log_share[candidates][orders].sum(axis=1)
        posterior = np.exp(logs - logsumexp(logs))  # (orders,)
        share = np.zeros(n)  # P(candidate is a positive)
        np.add.at(share, orders, posterior[:, None])
        share = rounded(share, computed_in=share.dtype)
        chosen = best_subset(share, positives)
        return Selection(
            instance.instance_id,
            tuple(instance.candidates[i].item_id for i in chosen),
            tuple(share.tolist()),
        )

    def _chances(
        self,
        instance: SelectionInstance,
        truth: Truth,
        users: Ints,
        candidates: Ints,
        orders: Ints,
    ) -> Floats:
        """P(the user's next items are these candidates in this order), (orders,).

        ``orders`` (orders, positives) holds positions in ``candidates``.

        Each step draws from the softmax over items not had yet, and changes the habits of the
        next one. Of what was had before the history window nothing is known; those few items
        are counted as if they could be taken, which changes the normaliser only.
        """
        temperature = truth.weights.temperature
        standing = truth.standing(users)
        standing -= standing.max(axis=1, keepdims=True)
        weights = np.exp(standing / temperature)  # (draws, simulated items)
        weights[:, self.numbers([item.item_id for item in instance.history.items])] = 0.0
        recent, n = self.recent(instance), len(candidates)
        chances = np.ones((len(users), len(orders)))
        for taken in range(orders.shape[1]):
            prefixes = list(itertools.permutations(range(n), taken))
            before = candidates[np.array(prefixes, dtype=np.int64)]  # (prefixes, taken)
            past = np.tile(recent, (len(prefixes), 1))
            past = np.concatenate([before[:, ::-1], past], axis=1)[:, :HABIT_SPAN]
            habit = np.exp(truth.habit(past) / temperature)  # (prefixes, simulated items)
            np.put_along_axis(habit, before, 0.0, axis=1)
            total = weights @ habit.T  # (draws, prefixes)
            place = {prefix: row for row, prefix in enumerate(prefixes)}
            row = np.array([place[tuple(order)] for order in orders[:, :taken].tolist()])
            item = candidates[orders[:, taken]]
            chances *= weights[:, item] * habit[row, item] / total[:, row]
        return np.asarray(chances.mean(axis=0))

    def number(self, name: str, count: int, kind: str) -> int:
        """Return the truth's row of a user or an item; :class:`BenchError` when it has none."""
        if not name[1:].isdecimal() or index_of(name) >= count:
            raise BenchError(
                f"The fitted model {self.name} knows no {kind} {name!r}: it was fitted on another "
                "dataset.",
                fix="Fit it on the dataset it is asked about.",
            )
        return index_of(name)

    def _truth_file(self, data: TrainingView) -> Path:
        try:
            return data.attachment(ATTACHMENT)
        except BenchError as error:
            raise BenchError(
                f"The model {self.name} knows simulated datasets only, and {data.name!r} is not "
                "one.",
                fix="Use --data sim-s, or another dataset made by: unimp-bench data prepare sim.",
            ) from error


def _usual_negatives(data: TrainingView) -> int:
    """How many candidates of a selection instance are negatives, from training examples."""
    examples = data.examples("selection", "train")[:_SELECTION_EXAMPLES]
    counts: Counter[int] = Counter()
    for example in examples:
        assert isinstance(example.instance, SelectionInstance)
        assert isinstance(example.target, tuple)
        counts[len(example.instance.candidates) - len(example.target)] += 1
    if not counts:
        raise BenchError(
            f"Dataset {data.name!r} has the task selection but no training example of it.",
            fix="Prepare it again, with the settings it had: "
            f"{prepare_command(data.name, {'source': 'sim'})} --force",
        )
    return counts.most_common(1)[0][0]
