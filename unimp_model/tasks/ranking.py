"""Recommendation and search: a softmax over the item tokens ranks the catalogue (section 2.3).

Validated by NDCG@5 of the one target.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmark.instances import Example, History, RecommendationInstance, SearchInstance
from benchmark.predictions import Prediction
from benchmark.ranking import rank_in_blocks, top_k
from unimp_model.config import UniMPConfig
from unimp_model.network.decoding import Reader
from unimp_model.sequence.template import Branch, Flat
from unimp_model.tasks.answerer import Answerer
from unimp_model.tasks.base import (
    Interactions,
    Score,
    Scorer,
    TaskData,
    TaskExamples,
    UniMPTask,
    target_items,
)

#: Cut-off of the validation score.
_K = 5

R = TypeVar("R", RecommendationInstance, SearchInstance)


class RankingExamples(TaskExamples):
    """Makes every target (of a search: with a query) an example, answered by the item's token."""

    bars_the_past = True

    def __init__(self, task: RankingTask[Any], data: TaskData, interactions: Interactions) -> None:
        super().__init__(interactions)
        self._task, self._template = task, data.template
        self._queries = data.view.catalogue.queries
        self._instructions: dict[str | None, Flat] = {}

    def has(self, row: int) -> bool:
        """Return whether the target's item has the query that a search takes."""
        return not self._task.takes_query or self._query(row) is not None

    def branch(self, row: int, after: int) -> Branch:
        """Ask for the target's item token."""
        own = self._template.vocabulary.first_item + self.interactions.items[row]
        return Branch(after, self._instruction(self._query(row)), self._task.number, (own,))

    def _query(self, row: int) -> str | None:
        if not self._task.takes_query:
            return None
        return self._queries[self.interactions.items[row]]

    def _instruction(self, query: str | None) -> Flat:
        """Flatten the prompt with ``query``, once."""
        if query not in self._instructions:
            prompt = self._task.prompt(self._task.blank(query))
            self._instructions[query] = self._template.instruction(prompt)
        return self._instructions[query]


class RankingTask(UniMPTask[R]):
    """Shares what recommendation and search have in common: the answer is one item token."""

    takes_query: ClassVar[bool]
    ranks_items = True

    def examples(self, data: TaskData, interactions: Interactions) -> TaskExamples:
        """Return the training examples; see :class:`RankingExamples`."""
        return RankingExamples(self, data, interactions)

    def validation_users(self, config: UniMPConfig) -> int:
        """Return how many rankings, at most, an epoch is scored on."""
        return config.validation_users

    def scorer(self, data: TaskData, examples: Sequence[Example], *, window: int) -> Scorer | None:
        """Score by NDCG@5 of the target, without the items that an instance excludes."""
        index = data.view.catalogue.index
        rows, exclude = [], []
        for example in examples:
            instance = example.instance
            assert isinstance(instance, RecommendationInstance | SearchInstance)
            rows.append(self.row(data.template, instance, window=window))  # type: ignore[arg-type]
            exclude.append(sorted(index[i] for i in instance.exclude))
        targets = np.array([index[target_items(e)[0]] for e in examples])

        def score(reader: Reader) -> Score:
            best, _ = top_k(reader.item_scores(rows), exclude=exclude, k=_K)
            hits = best == targets[:, None]  # (n, 5)
            gains = (hits / np.log2(np.arange(2, _K + 2))).sum(1)
            return Score(f"NDCG@{_K}", float(gains.mean()))

        return score

    def predict(self, answerer: Answerer, instances: Sequence[R]) -> list[Prediction]:
        """Rank the whole catalogue by one forward pass each."""

        def score(block: Sequence[Any]) -> NDArray[np.float32]:
            return answerer.reader.item_scores(self.rows(answerer, block))

        return list(rank_in_blocks(instances, score, answerer.parts.vocabulary.item_ids))


class RecommendationTask(RankingTask[RecommendationInstance]):
    """Ranks the items by how likely they come next."""

    name = "recommendation"
    instance = RecommendationInstance
    takes_query = False

    def blank(self, query: str | None) -> RecommendationInstance:
        """Return an instance of nothing: the prompt shows nothing."""
        return RecommendationInstance("", "", History())


class SearchTask(RankingTask[SearchInstance]):
    """Ranks the items by how they fit the user and a query."""

    name = "search"
    instance = SearchInstance
    takes_query = True

    def blank(self, query: str | None) -> SearchInstance:
        """Return an instance of the query alone."""
        return SearchInstance("", "", History(), query or "")
