"""Preference prediction: the mean of the rating tokens' probabilities (section 2.3), calibrated.

More that the model knows of user and item stands beside that mean: the mean of the shown ratings,
and, by its own item rows, how like the items it was shown the asked one is and how the like ones
were rated. Rows are compared whole and, where photos have dimensions of their own, in those and in
the others. How much each counts is chosen on validation (:mod:`unimp_model.tasks.calibration`).
Validated by 1 - MAE / (width of the scale).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmark.host.progress import bar
from benchmark.instances import Example, History, Item, PreferenceInstance
from benchmark.model import TrainingView
from benchmark.predictions import Prediction, Rating
from benchmark.rounding import rounded
from benchmark.training.staircase import levels_in
from benchmark.training.validation import spread
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
)
from unimp_model.tasks.calibration import Evidence, best_calibration, best_temperature


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
    """Predicts how the user will rate an item."""

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
        with bar("calibrating ratings", len(instances)) as progress:
            evidence = self._evidence(answerer, instances, progress.advance)
        given = levels_in(view.interactions("train")["rating"].drop_nulls())
        levels = template.vocabulary.levels
        rating = best_calibration(evidence, targets, levels, given=given)
        return replace(answerer.chosen, rating=rating)

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
        p = reader.rating_probabilities(self.rows(answerer, instances), vocabulary, advance)
        pairs = [_as_tokens(template, instance, window) for instance in instances]
        used = {asked for asked, _ in pairs if asked is not None}
        used |= {token for _, shown in pairs for token, _ in shown}
        place = {token: i for i, token in enumerate(sorted(used))}
        sides = [
            reader.item_vectors(list(place), vocabulary.first_item, dims)
            for dims in _sides(answerer)
        ]
        found = []
        for (asked, shown), instance in zip(pairs, instances, strict=True):
            level = _mean(instance.history.ratings[-window:])
            if asked is None or not shown:
                found.append([level, *([np.nan, 0.0] * len(sides))])
                continue
            rows = [place[token] for token, _ in shown]
            given = [rating for _, rating in shown]
            likeness = ((side[rows] * side[place[asked]]).sum(1) for side in sides)
            found.append(
                [level, *(x for cosines in likeness for x in _votes(cosines, given, level))]
            )
        return Evidence(p, np.array(found, np.float64))

    def _asked(
        self, template: Template, examples: Sequence[Example], window: int
    ) -> tuple[list[Row], NDArray[np.float64]]:
        """Return rows of examples, and their ratings (n,)."""
        rows = [self.row(template, _instance(example), window=window) for example in examples]
        return rows, np.array([e.target for e in examples], np.float64)


def _as_tokens(
    template: Template, instance: PreferenceInstance, window: int
) -> tuple[int | None, list[tuple[int, float | None]]]:
    """Return the tokens, as shown, of the asked item and of the history's last ``window`` items
    with their ratings; items outside the catalogue have none."""
    history = instance.history
    last = zip(history.items[-window:], history.ratings[-window:], strict=True)
    shown = [(template.token(item), rating) for item, rating in last]
    known = [(token, rating) for token, rating in shown if token is not None]
    return template.token(instance.item), known


def _sides(answerer: Answerer) -> list[slice]:
    """Return the dimensions in which item rows are compared: all; photos' own; the others."""
    config, photos = answerer.config, answerer.parts.network.items.photos
    whole = slice(None)
    if photos is None or not config.photo_dims or config.freezes_language_model:
        return [whole]
    return [whole, slice(0, photos.shape[1]), slice(photos.shape[1], None)]


def _votes(
    likeness: NDArray[np.float64], given: Sequence[float | None], level: float
) -> tuple[float, float]:
    """Return the mean of ``likeness`` (h,), cosines of the asked item and the shown ones, and the
    sum of the shown ratings' deviations from ``level``, times the positive cosines."""
    cosines = rounded(likeness, computed_in=np.float32)
    votes = sum(
        max(float(cosine), 0.0) * (rating - level)
        for cosine, rating in zip(cosines, given, strict=True)
        if rating is not None
    )
    return float(cosines.mean()), votes


def _mean(ratings: Sequence[float | None]) -> float:
    """Return the mean of the ratings there are, NaN without one."""
    known = [rating for rating in ratings if rating is not None]
    return float(np.mean(known)) if known else float("nan")


def _instance(example: Example) -> PreferenceInstance:
    assert isinstance(example.instance, PreferenceInstance)
    return example.instance
