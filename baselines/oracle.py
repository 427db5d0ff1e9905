"""The ceiling on simulated data: every answer follows from the true process.

``oracle`` knows each user's tastes, each item's factors and the habits, and sees the same
history as every other system. Chance is all it does not know, so nothing beats it in
expectation on the measure each answer is optimal for:

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
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.special import logsumexp, ndtr

from baselines.learning.expected_f1 import best_subset
from benchmark.data.listing import prepare_command
from benchmark.data.simulator.parameters import HABIT_SPAN
from benchmark.data.simulator.truth import ATTACHMENT, Truth, index_of, read_truth
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
from benchmark.ranking import RankingInstance, rank_in_blocks
from benchmark.rounding import rounded

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_STATE = "oracle.json"
#: Training examples that tell how many negatives a selection instance has.
_SELECTION_EXAMPLES = 200


class Oracle:
    """Ranks, rates and selects by the true utilities of a simulated dataset."""

    tasks = frozenset({"recommendation", "search", "preference", "selection"})

    class Config(BaseModel):
        """What of the true distributions is answered."""

        model_config = ConfigDict(extra="forbid")

        rating: Literal["median", "mean"] = Field(
            "median",
            description="which value of the true rating distribution is answered: the median is "
            "optimal for MAE, the mean for RMSE",
        )

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or self.Config()

    def fit(self, data: TrainingView, *, seed: int) -> None:
        """Read the truth; nothing is learned, and ``seed`` changes nothing.

        Raises :class:`BenchError` when the dataset is not simulated, or shows histories too
        short for the habits.
        """
        truth = read_truth(_truth_file(data))
        if data.history_window < HABIT_SPAN:
            raise BenchError(
                f"The oracle needs a history_window of at least {HABIT_SPAN}, dataset "
                f"{data.name!r} has {data.history_window}: habits reach back that far.",
                fix=f"Prepare the dataset with --set history_window={HABIT_SPAN} or more.",
            )
        negatives = None
        if "selection" in data.tasks:
            negatives = _usual_negatives(data)
        taken = Counter(data.interactions()["item_id"].to_list())
        counts = [taken[item_id] for item_id in data.catalogue.ids]
        self._restore(truth, data.catalogue.ids, data.catalogue.queries, counts, negatives)

    def _restore(
        self,
        truth: Truth,
        ids: Sequence[str],
        queries: Sequence[str | None],
        counts: Sequence[int],
        negatives: int | None,
    ) -> None:
        self._truth = truth
        self._ids = tuple(ids)
        self._index = {item_id: i for i, item_id in enumerate(self._ids)}
        self._queries = tuple(queries)
        self._negatives = negatives
        self._counts = tuple(counts)
        self._log_share = np.log1p(self._counts) - np.log(np.sum(self._counts) + len(self._ids))
        self._factor = np.array([_number(i, truth.n_items, "item") for i in ids])  # (items,)
        self._with_query: dict[str, list[int]] = {}
        for position, query in enumerate(self._queries):
            if query is not None:
                self._with_query.setdefault(query, []).append(position)

    def save(self, folder: Path) -> None:
        """Write the simulator's truth, and the catalogue it is applied to."""
        (folder / ATTACHMENT).write_bytes(self._truth.to_bytes())
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
        if not instances:
            return
        first = instances[0]
        if isinstance(first, RecommendationInstance | SearchInstance):
            yield from rank_in_blocks(instances, self.utilities, self._ids)  # type: ignore[arg-type]
        elif isinstance(first, PreferenceInstance):
            yield from self._rate(instances)  # type: ignore[arg-type]
        elif isinstance(first, SelectionInstance):
            yield from (self._select(instance) for instance in instances)  # type: ignore[arg-type]
        else:
            raise BenchError(f"The oracle cannot answer a {type(first).__name__}.")

    def utilities(self, instances: Sequence[RankingInstance]) -> Floats:
        """Return the true utilities of all items given each history, (n, items) in index order.

        In units of the choice's temperature: their softmax over the items a user can still take
        is the probability of taking each next. A search query is the target's own, so items that
        answer to it come before all others.
        """
        truth = self._truth
        recent = np.stack([self._recent(instance) for instance in instances])
        total = truth.standing(self._users(instances)) + truth.habit(recent)
        scores: Floats = total[:, self._factor] / truth.weights.temperature
        for row, instance in zip(scores, instances, strict=True):
            if isinstance(instance, SearchInstance):
                row[self._with_query.get(instance.query, [])] += 1.0 + row.max() - row.min()
        return scores

    def _users(self, instances: Sequence[Instance]) -> Ints:
        """The instances' users as rows of the truth's tables."""
        return np.array([_number(i.user_id, self._truth.n_users, "user") for i in instances])

    def _recent(self, instance: Instance) -> Ints:
        """The truth's numbers of the latest items, latest first, -1 = none; (span,)."""
        latest = [
            _number(item.item_id, self._truth.n_items, "item")
            for item in reversed(instance.history.items[-HABIT_SPAN:])
        ]
        return np.array(latest + [-1] * (HABIT_SPAN - len(latest)))

    def _rate(self, instances: Sequence[PreferenceInstance]) -> Iterator[Rating]:
        truth = self._truth
        items = np.array([_number(i.item.item_id, truth.n_items, "item") for i in instances])
        stars = truth.stars(self._users(instances), items)  # (n,)
        if self.config.rating == "median":
            values = np.clip(np.floor(stars + 0.5), 1.0, 5.0)
        else:
            values = expected_rating(stars, truth.weights.rating_noise)
        for instance, value in zip(instances, values.tolist(), strict=True):
            yield Rating(instance.instance_id, value)

    def _select(self, instance: SelectionInstance) -> Selection:
        candidates = np.array([self._index[item.item_id] for item in instance.candidates])
        n = len(candidates)
        positives = 1 if self._negatives is None else min(max(n - self._negatives, 1), n)
        orders = list(itertools.permutations(range(n), positives))
        places = np.array(orders)  # (orders, positives)
        logs = self._log_choice(instance, candidates, orders)
        logs = logs - self._log_share[candidates][places].sum(axis=1)
        posterior = np.exp(logs - logsumexp(logs))  # (orders,)
        share = np.zeros(n)  # P(candidate is a positive)
        np.add.at(share, places, posterior[:, None])
        share = rounded(share, computed_in=share.dtype)
        return Selection(
            instance.instance_id,
            tuple(instance.candidates[i].item_id for i in best_subset(share, positives)),
            tuple(share.tolist()),
        )

    def _log_choice(
        self, instance: SelectionInstance, candidates: Ints, orders: Sequence[tuple[int, ...]]
    ) -> Floats:
        """log P(the user's next items are these candidates in this order), (orders,).

        Each step draws from the softmax over items not had yet, and changes the habits of the
        next one. Of what was had before the history window nothing is known; those few items
        are counted as if they could be taken, which changes the normaliser only.
        """
        n, positives = len(candidates), len(orders[0])
        log_next: dict[tuple[int, ...], Floats] = {}  # candidates taken so far -> (n,)
        for taken in range(positives):
            prefixes = list(itertools.permutations(range(n), taken))
            steps = self._log_next(instance, candidates, np.array(prefixes, dtype=np.int64))
            log_next.update(zip(prefixes, steps, strict=True))
        return np.array(
            [sum(log_next[order[:t]][order[t]] for t in range(positives)) for order in orders]
        )

    def _log_next(self, instance: SelectionInstance, candidates: Ints, prefixes: Ints) -> Floats:
        """log P(each candidate is next | these were taken before), (prefixes, candidates).

        ``prefixes`` (prefixes, taken) holds positions in ``candidates``, oldest first.
        """
        truth = self._truth
        numbers = self._factor[candidates]
        taken = numbers[prefixes]  # (prefixes, taken)
        before = np.tile(self._recent(instance), (len(prefixes), 1))  # (prefixes, span)
        recent = np.concatenate([taken[:, ::-1], before], axis=1)[:, :HABIT_SPAN]
        utility = truth.standing(self._users([instance])) + truth.habit(recent)
        utility /= truth.weights.temperature
        had = [_number(item.item_id, truth.n_items, "item") for item in instance.history.items]
        utility[:, had] = -np.inf
        np.put_along_axis(utility, taken, -np.inf, axis=1)
        steps: Floats = utility[:, numbers] - logsumexp(utility, axis=1, keepdims=True)
        return steps


def expected_rating(stars: Floats, noise: float) -> Floats:
    """Compute the mean of ``clip(round(stars + noise * N(0, 1)), 1, 5)``.

    It is 5 minus the sum of P(rating <= r) over r = 1 to 4.
    """
    below = [ndtr((r + 0.5 - stars) / noise) for r in range(1, 5)]
    mean: Floats = 5.0 - np.sum(below, axis=0)
    return mean


def _truth_file(data: TrainingView) -> Path:
    try:
        return data.attachment(ATTACHMENT)
    except BenchError as error:
        raise BenchError(
            f"The oracle knows simulated datasets only, and {data.name!r} is not one.",
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


def _number(name: str, count: int, kind: str) -> int:
    """The truth's row of a user or an item; :class:`BenchError` when it has none."""
    if not name[1:].isdecimal() or index_of(name) >= count:
        raise BenchError(
            f"The fitted oracle knows no {kind} {name!r}: it was fitted on another dataset.",
            fix="Fit it on the dataset it is asked about.",
        )
    return index_of(name)
