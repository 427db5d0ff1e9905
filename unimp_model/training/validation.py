"""How well a network does on validation examples: what chooses epochs and thresholds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.host.progress import bar
from benchmark.instances import (
    Example,
    ImageGenerationInstance,
    Instance,
    RecommendationInstance,
    SearchInstance,
    SelectionInstance,
)
from benchmark.model import TrainingView
from benchmark.ranking import top_k
from benchmark.rounding import rounded
from benchmark.training.thresholds import best_threshold
from unimp_model.config import UniMPConfig
from unimp_model.network.decoding import Reader, expected_ratings
from unimp_model.sequence.template import Row, Template
from unimp_model.training.rows import (
    candidate_tokens,
    drawing_row,
    photo_name,
    question_row,
    sentence_tokens,
    target_items,
)

#: Cut-off of the ranking score.
_K = 5
#: Temperatures tried on rating probabilities.
_TEMPERATURES = tuple(step / 20 for step in range(2, 41))


@dataclass(frozen=True, slots=True)
class Score:
    """A task's validation score, from 0 to 1, higher is better."""

    name: str
    value: float


class Validation:
    """Scores on a fixed, evenly spaced share of the validation examples, task by task.

    Rankings: NDCG@5. Preference: 1 - MAE / (width of the scale). Selection: mean F1 at the best
    threshold. Explanation and image generation: the geometric mean probability of a target
    token, which needs no generation.
    """

    def __init__(
        self,
        data: TrainingView,
        template: Template,
        tasks: Sequence[str],
        config: UniMPConfig,
        codes: Mapping[str, NDArray[np.int32]] | None = None,
    ) -> None:
        self._data = data
        self._template = template
        self._config = config
        self._codes = codes or {}
        self._scores: dict[str, Callable[[Reader], Score]] = {}
        for task in tasks:
            most = config.validation_users
            if task not in ("recommendation", "search"):
                most = min(most, config.validation_others)
            examples = _spread(data.examples(task, "valid"), most)
            scored = self._prepare(task, examples) if examples else None
            if scored is not None:
                self._scores[task] = scored

    def scores(self, reader: Reader, tasks: Sequence[str]) -> dict[str, Score]:
        """The score of each of ``tasks`` that has validation examples."""
        return {task: self._scores[task](reader) for task in tasks if task in self._scores}

    def _prepare(self, task: str, examples: Sequence[Example]) -> Callable[[Reader], Score] | None:
        if task in ("recommendation", "search"):
            return self._ranking(task, examples)
        if task == "preference":
            return self._preference(examples)
        if task == "selection":
            return self._selection(examples)
        if task == "explanation":
            return self._explanation(examples)
        return self._drawing(examples)

    def _ranking(self, task: str, examples: Sequence[Example]) -> Callable[[Reader], Score]:
        index = self._data.catalogue.index
        rows = [self._question(task, example) for example in examples]
        exclude = [sorted(index[i] for i in _excluded(e.instance)) for e in examples]
        targets = np.array([index[target_items(e)[0]] for e in examples])

        def score(reader: Reader) -> Score:
            best, _ = top_k(reader.item_scores(rows), exclude=exclude, k=_K)
            hits = best == targets[:, None]  # (n, 5)
            gains = (hits / np.log2(np.arange(2, _K + 2))).sum(1)
            return Score(f"NDCG@{_K}", float(gains.mean()))

        return score

    def _preference(self, examples: Sequence[Example]) -> Callable[[Reader], Score]:
        levels = self._template.vocabulary.levels
        rows = [self._question("preference", example) for example in examples]
        targets = np.array([e.target for e in examples], np.float64)

        def score(reader: Reader) -> Score:
            p = reader.rating_probabilities(rows, self._template.vocabulary)
            error, _ = _best_temperature(p, targets, levels)
            return Score("1 - MAE/width", 1 - error / (levels[-1] - levels[0]))

        return score

    def temperature(self, reader: Reader) -> float:
        """What sharpens rating probabilities best: least MAE on validation (1 without ratings)."""
        examples = self._all("preference")
        if not examples:
            return 1.0
        rows = [self._question("preference", example) for example in examples]
        with bar("choosing the temperature", len(rows)) as progress:
            p = reader.rating_probabilities(rows, self._template.vocabulary, progress.advance)
        targets = np.array([e.target for e in examples], np.float64)
        return _best_temperature(p, targets, self._template.vocabulary.levels)[1]

    def _selection(self, examples: Sequence[Example]) -> Callable[[Reader], Score]:
        def score(reader: Reader) -> Score:
            return Score("F1", self._threshold(reader, examples)[1])

        return score

    def threshold(self, reader: Reader) -> float:
        """The probability from which a candidate is chosen: best mean F1 on validation.

        0.5 where the dataset has no validation examples of selection.
        """
        examples = self._all("selection")
        if not examples:
            return 0.5
        with bar("choosing the threshold", len(examples)) as progress:
            return self._threshold(reader, examples, progress.advance)[0]

    def _threshold(
        self,
        reader: Reader,
        examples: Sequence[Example],
        advance: Callable[[int], None] | None = None,
    ) -> tuple[float, float]:
        rows = [self._question("selection", example) for example in examples]
        choices, positives = [], []
        for example in examples:
            instance = example.instance
            assert isinstance(instance, SelectionInstance)
            choices.append(candidate_tokens(self._template, instance))
            taken = target_items(example)
            positives.append(np.array([c.item_id in taken for c in instance.candidates]))
        return best_threshold(reader.choices(rows, choices, advance), positives)

    def _explanation(self, examples: Sequence[Example]) -> Callable[[Reader], Score]:
        longest = self._config.answer_tokens
        rows = [
            self._question(
                "explanation", e, sentence_tokens(self._template, str(e.target), longest)
            )
            for e in examples
        ]
        return _likelihood(rows)

    def _drawing(self, examples: Sequence[Example]) -> Callable[[Reader], Score] | None:
        first_code = self._template.vocabulary.first_code
        catalogue = self._data.catalogue
        fitting: dict[str, list[int]] = {}
        for i, query in enumerate(catalogue.queries):
            if query is not None:
                fitting.setdefault(query, []).append(i)
        rows = []
        for number, example in enumerate(examples):
            target, instance = catalogue.by_id(target_items(example)[0]), example.instance
            assert isinstance(instance, ImageGenerationInstance)
            codes = self._codes.get(photo_name(target) or "")
            if codes is None:
                continue
            alike = fitting[instance.query]  # stand-ins for what a search retrieves
            retrieved = [catalogue[alike[(number + step) % len(alike)]] for step in range(2)]
            answer = tuple(first_code + int(code) for code in codes)
            rows.append(drawing_row(self._template, instance, retrieved, answer=answer))
        return _likelihood(rows) if rows else None

    def _all(self, task: str) -> list[Example]:
        return _spread(self._data.examples(task, "valid"), self._config.choosing_users)

    def _question(self, task: str, example: Example, answer: tuple[int, ...] = ()) -> Row:
        window = self._config.history_items
        return question_row(self._template, task, example.instance, window=window, answer=answer)


def _excluded(instance: Instance) -> frozenset[str]:
    """Return the item ids that a ranking for ``instance`` may not hold."""
    assert isinstance(instance, RecommendationInstance | SearchInstance)
    return instance.exclude


def _best_temperature(
    p: NDArray[np.float64], targets: NDArray[np.float64], levels: Sequence[float]
) -> tuple[float, float]:
    """The least mean absolute error over :data:`_TEMPERATURES`, and its temperature."""
    errors = [np.abs(expected_ratings(p, levels, t) - targets).mean() for t in _TEMPERATURES]
    best = int(np.argmin(rounded(np.array(errors), computed_in=np.float32)))
    return float(errors[best]), _TEMPERATURES[best]


def _likelihood(rows: Sequence[Row]) -> Callable[[Reader], Score]:
    def score(reader: Reader) -> Score:
        return Score("likelihood", float(np.exp(reader.log_likelihoods(rows).mean())))

    return score


def _spread(examples: Sequence[Example], most: int) -> list[Example]:
    """At most ``most`` examples, evenly spaced."""
    numbers = np.unique(np.linspace(0, len(examples) - 1, min(most, len(examples))).astype(int))
    return [examples[int(i)] for i in numbers]
