"""Preference prediction: the mean of the rating tokens' probabilities (section 2.3), calibrated.

Two more things that the model knows of user and item stand beside that mean: how probable its own
recommendation finds the item among its category, and the mean of the ratings it was shown. How
much each counts is chosen on validation (:mod:`unimp_model.tasks.calibration`). Validated by
1 - MAE / (width of the scale).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmark.host.progress import bar
from benchmark.instances import (
    Example,
    History,
    Item,
    PreferenceInstance,
    RecommendationInstance,
)
from benchmark.model import TrainingView
from benchmark.predictions import Prediction, Rating
from unimp_model.network.decoding import Reader
from unimp_model.sequence.template import Branch, Row, Template
from unimp_model.tasks.answerer import Answerer, Chosen
from unimp_model.tasks.base import (
    Interactions,
    Score,
    Scorer,
    TaskData,
    TaskExamples,
    UniMPTask,
    question_row,
    spread,
)
from unimp_model.tasks.calibration import Evidence, best_calibration, best_temperature

#: An item's probability is compared with those of so many others at most.
_MOST_PEERS = 100


class RatingExamples(TaskExamples):
    """Makes every target with a rating an example, answered by the nearest level's token."""

    def __init__(self, task: PreferenceTask, data: TaskData, interactions: Interactions) -> None:
        super().__init__(interactions)
        self._task, self._template = task, data.template
        self._catalogue = data.view.catalogue

    def has(self, row: int) -> bool:
        """Return whether the target has a rating."""
        return self.interactions.ratings[row] is not None

    def branch(self, row: int, after: int) -> Branch:
        """Ask for the token of the target's rating."""
        rating = self.interactions.ratings[row]
        assert rating is not None, "only rows with a rating are asked"
        item = self._catalogue[self.interactions.items[row]]
        prompt = self._task.prompt(PreferenceInstance("", "", History(), item))
        answer = (self._template.vocabulary.rating(rating),)
        return Branch(after, self._template.instruction(prompt), self._task.number, answer)


class PreferenceTask(UniMPTask[PreferenceInstance]):
    """How will the user rate an item?"""

    name = "preference"
    instance = PreferenceInstance

    def blank(self, query: str | None) -> PreferenceInstance:
        """Return an instance of an item without attributes."""
        return PreferenceInstance("", "", History(), Item(""))

    def shown(self, instance: PreferenceInstance) -> Iterator[Item]:
        """Yield the history's items and the one to be rated."""
        yield from instance.history.items
        yield instance.item

    def examples(self, data: TaskData, interactions: Interactions) -> TaskExamples:
        """Return the training examples; see :class:`RatingExamples`."""
        return RatingExamples(self, data, interactions)

    def scorer(self, data: TaskData, examples: Sequence[Example], *, window: int) -> Scorer | None:
        """Score by 1 - MAE / (width of the scale) at the best temperature."""
        vocabulary = data.template.vocabulary
        levels = vocabulary.levels
        rows, targets = self._asked(data.template, examples, window)

        def score(reader: Reader) -> Score:
            p = reader.rating_probabilities(rows, vocabulary)
            error, _ = best_temperature(p, targets, levels)
            return Score("1 - MAE/width", 1 - error / (levels[-1] - levels[0]))

        return score

    def choose(self, view: TrainingView, answerer: Answerer) -> Chosen:
        """Choose the calibration on validation; as it was without ratings there."""
        config, template = answerer.config, answerer.parts.template
        examples = spread(view.examples(self.name, "valid"), config.choosing_users)
        if not examples:
            return answerer.chosen
        instances = [_instance(example) for example in examples]
        targets = np.array([example.target for example in examples], np.float64)
        with bar("calibrating ratings", 2 * len(instances)) as progress:
            evidence = self._evidence(answerer, instances, progress.advance)
        return replace(
            answerer.chosen,
            rating=best_calibration(evidence, targets, template.vocabulary.levels),
        )

    def predict(
        self, answerer: Answerer, instances: Sequence[PreferenceInstance]
    ) -> list[Prediction]:
        """Predict each rating under the chosen calibration."""
        evidence = self._evidence(answerer, instances)
        values = answerer.chosen.rating(evidence, answerer.parts.vocabulary.levels)
        return [Rating(i.instance_id, float(v)) for i, v in zip(instances, values, strict=True)]

    def _evidence(
        self,
        answerer: Answerer,
        instances: Sequence[PreferenceInstance],
        advance: Callable[[int], None] | None = None,
    ) -> Evidence:
        """Return what ratings of instances are made of, under the weights in use."""
        template, window = answerer.parts.template, answerer.config.history_items
        vocabulary, reader = template.vocabulary, answerer.reader
        rows = self.rows(answerer, instances)
        liking, choices = [], []
        peers = Peers(answerer.parts.items, template)
        for instance in instances:
            asked = RecommendationInstance("", instance.user_id, instance.history)
            liking.append(question_row(template, "recommendation", asked, window=window))
            choices.append(peers(instance.item))
        p = reader.rating_probabilities(rows, vocabulary, advance)
        among = reader.choices(liking, choices, advance)
        relative = [np.log(max(float(q[0]), 1e-12) * len(q)) for q in among]
        shown = [_mean(instance.history.ratings[-window:]) for instance in instances]
        return Evidence(p, np.array(relative), np.array(shown, np.float64))

    def _asked(
        self, template: Template, examples: Sequence[Example], window: int
    ) -> tuple[list[Row], NDArray[np.float64]]:
        """Return rows of examples, and their ratings (n,)."""
        rows = [self.row(template, _instance(example), window=window) for example in examples]
        return rows, np.array([e.target for e in examples], np.float64)


class Peers:
    """Finds what an item's probability is compared with: its category, as tokens.

    ``items`` is the catalogue by item id. Large categories, and the whole catalogue for an item
    whose category is not shown or has no other, are represented by evenly spaced items.
    """

    def __init__(self, items: Mapping[str, Item], template: Template) -> None:
        self._template = template
        by_category: dict[tuple[str, ...], list[str]] = {}
        for item in items.values():
            by_category.setdefault(item.category, []).append(item.item_id)
        self._all = _evenly(list(items))
        self._peers = {c: _evenly(ids) for c, ids in by_category.items() if c and len(ids) > 1}

    def __call__(self, item: Item) -> tuple[int, ...]:
        """Return the item's token, as it is shown, and those of its peers behind it.

        An item outside the catalogue has no token: then there is one of a peer alone, which says
        nothing (a probability of 1 among one).
        """
        own = self._template.token(item)
        ids = self._peers.get(item.category, self._all)
        tokens = [self._template.vocabulary.item(i) for i in ids if i != item.item_id]
        known = [token for token in tokens if token is not None]
        return tuple(known[:1]) if own is None else (own, *known)


def _evenly(ids: list[str]) -> list[str]:
    """Return at most :data:`_MOST_PEERS` of ``ids``, evenly spaced."""
    if len(ids) <= _MOST_PEERS:
        return ids
    return [ids[int(i)] for i in np.linspace(0, len(ids) - 1, _MOST_PEERS)]


def _mean(ratings: Sequence[float | None]) -> float:
    """Return the mean of the ratings there are, NaN without one."""
    known = [rating for rating in ratings if rating is not None]
    return float(np.mean(known)) if known else float("nan")


def _instance(example: Example) -> PreferenceInstance:
    assert isinstance(example.instance, PreferenceInstance)
    return example.instance
