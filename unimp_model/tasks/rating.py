"""Preference prediction: the mean of the rating tokens' probabilities (section 2.3).

Focal re-weighting trains probabilities that are too even, and a mean of levels keeps to the middle
of the scale; a temperature, a slope and an offset, chosen on validation, undo that. One answer is
measured by MAE and by RMSE, so both count in the choice. Validated by 1 - MAE / (width of the
scale).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmark.host.progress import bar
from benchmark.instances import Example, History, Item, PreferenceInstance
from benchmark.model import TrainingView
from benchmark.predictions import Prediction, Rating
from benchmark.rounding import rounded
from unimp_model.network.decoding import Reader, expected_ratings
from unimp_model.sequence.template import Branch, Row, Template
from unimp_model.tasks.answerer import Answerer, Chosen
from unimp_model.tasks.base import (
    Interactions,
    Score,
    Scorer,
    TaskData,
    TaskExamples,
    UniMPTask,
    spread,
)

#: What is tried on rating probabilities, and on their mean: slopes about the middle, and shifts in
#: shares of the scale's width.
_TEMPERATURES = tuple(step / 20 for step in range(2, 41))
_SLOPES = tuple(step / 20 for step in range(10, 41))
_SHIFTS = tuple(step / 200 for step in range(-6, 7))


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
        rows, targets = self._asked(template, examples, config.history_items)
        with bar("calibrating ratings", len(rows)) as progress:
            p = answerer.reader.rating_probabilities(rows, template.vocabulary, progress.advance)
        found = best_calibration(p, targets, template.vocabulary.levels)
        return replace(
            answerer.chosen,
            temperature=found.temperature, rating_slope=found.slope, rating_offset=found.offset,
        )  # fmt: skip

    def predict(
        self, answerer: Answerer, instances: Sequence[PreferenceInstance]
    ) -> list[Prediction]:
        """Predict each mean rating under the chosen calibration."""
        vocabulary, chosen = answerer.parts.vocabulary, answerer.chosen
        calibration = Calibration(chosen.temperature, chosen.rating_slope, chosen.rating_offset)
        p = answerer.reader.rating_probabilities(self.rows(answerer, instances), vocabulary)
        values = calibration(p, vocabulary.levels)
        return [Rating(i.instance_id, float(v)) for i, v in zip(instances, values, strict=True)]

    def _asked(
        self, template: Template, examples: Sequence[Example], window: int
    ) -> tuple[list[Row], NDArray[np.float64]]:
        """Return rows of examples, and their ratings (n,)."""
        rows = []
        for example in examples:
            assert isinstance(example.instance, PreferenceInstance)
            rows.append(self.row(template, example.instance, window=window))
        return rows, np.array([e.target for e in examples], np.float64)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Makes ratings of probabilities: their tempered mean, times a slope, plus an offset."""

    temperature: float = 1.0
    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, p: NDArray[np.float64], levels: Sequence[float]) -> NDArray[np.float64]:
        """Return ratings (n,), within the scale, of probabilities ``p`` (n, L) of ``levels``."""
        means = expected_ratings(p, levels, self.temperature)
        return (self.slope * means + self.offset).clip(levels[0], levels[-1])


def best_calibration(
    p: NDArray[np.float64], targets: NDArray[np.float64], levels: Sequence[float]
) -> Calibration:
    """Return the calibration of the least error: MAE plus RMSE, each as a share of a constant's.

    The constants are the median and the mean of ``targets`` (n,), true ratings; ``p`` (n, L) are
    probabilities of the ``levels`` (L,).
    """
    width, centre = levels[-1] - levels[0], float(targets.mean())
    mae = max(float(np.abs(targets - np.median(targets)).mean()), 1e-9)
    rmse = max(float(targets.std()), 1e-9)
    tried, errors = [], []
    for temperature in _TEMPERATURES[::2]:
        means = expected_ratings(p, levels, temperature)
        for slope in _SLOPES:
            for shift in _SHIFTS:
                offset = centre + shift * width - slope * float(means.mean())
                values = (slope * means + offset).clip(levels[0], levels[-1])
                error = np.abs(values - targets).mean() / mae
                error += np.sqrt(np.square(values - targets).mean()) / rmse
                tried.append(Calibration(temperature, slope, offset))
                errors.append(error)
    return tried[int(np.argmin(rounded(np.array(errors), computed_in=np.float32)))]


def best_temperature(
    p: NDArray[np.float64], targets: NDArray[np.float64], levels: Sequence[float]
) -> tuple[float, float]:
    """Return the least mean absolute error over 0.1, 0.15, ... 2, and its temperature.

    ``p`` (n, L) are probabilities of the ``levels`` (L,), ``targets`` (n,) true ratings.
    """
    errors = [np.abs(expected_ratings(p, levels, t) - targets).mean() for t in _TEMPERATURES]
    best = int(np.argmin(rounded(np.array(errors), computed_in=np.float32)))
    return float(errors[best]), _TEMPERATURES[best]
