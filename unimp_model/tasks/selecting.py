"""Selection: the candidates' item tokens compete with each other, and the best few are selected.

Two distributions over the candidates are multiplied: that of the answer to the task's prompt, and
that of the model's own recommendation, which was trained on many more examples, to a power. How
many are selected is what the product says: as many as promise the best F1. The power and a
temperature are chosen by mean F1 on validation; the best F1 of the answer alone is the task's
validation score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmark.host.progress import bar
from benchmark.instances import (
    Example,
    History,
    Item,
    RecommendationInstance,
    SelectionInstance,
)
from benchmark.model import TrainingView
from benchmark.predictions import Prediction, Selection
from benchmark.rounding import rounded
from benchmark.training.expected_f1 import best_subset
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
    question_row,
    target_items,
)

#: Temperatures tried on the candidates' probabilities.
_TEMPERATURES = tuple(step / 10 for step in range(3, 31))
#: Powers tried on their probabilities under recommendation.
_POWERS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)


class SelectionExamples(TaskExamples):
    """Makes every target an example, with the candidates drawn for its true history."""

    in_any_order = False

    def __init__(self, task: SelectionTask, data: TaskData, interactions: Interactions) -> None:
        super().__init__(interactions)
        self._task, self._template = task, data.template
        self._drawn = data.view.examples(task.name)
        self._number = {row: i for i, row in enumerate(interactions.targets)}

    def has(self, row: int) -> bool:
        """Return true: candidates are drawn for every target."""
        return True

    def branch(self, row: int, after: int) -> Branch:
        """Ask which of the target's candidates are taken."""
        example = self._drawn[self._number[row]]
        instance = example.instance
        assert isinstance(instance, SelectionInstance)
        choices = candidate_tokens(self._template, instance)
        taken = set(target_items(example))
        answer = tuple(
            token for token, candidate in zip(choices, instance.candidates, strict=True)
            if candidate.item_id in taken
        )  # fmt: skip
        instruction = self._template.instruction(self._task.prompt(instance))
        return Branch(after, instruction, self._task.number, answer, choices)


class SelectionTask(UniMPTask[SelectionInstance]):
    """Selects those of some candidates that the user will take."""

    name = "selection"
    instance = SelectionInstance

    def blank(self, query: str | None) -> SelectionInstance:
        """Return an instance of one candidate without attributes."""
        return SelectionInstance("", "", History(), (Item(""),))

    def shown(self, instance: SelectionInstance) -> Iterator[Item]:
        """Yield the history's items and the candidates."""
        yield from instance.history.items
        yield from instance.candidates

    def examples(self, data: TaskData, interactions: Interactions) -> TaskExamples:
        """Return the training examples; see :class:`SelectionExamples`."""
        return SelectionExamples(self, data, interactions)

    def scorer(self, data: TaskData, examples: Sequence[Example], *, window: int) -> Scorer | None:
        """Score by mean F1 at the best temperature."""

        rows, choices, taken = [], [], []
        for example in examples:
            instance = _instance(example)
            rows.append(self.row(data.template, instance, window=window))
            choices.append(candidate_tokens(data.template, instance))
            taken.append(_taken(example))

        def score(reader: Reader) -> Score:
            p = reader.choices(rows, choices)
            return Score("F1", best_temperature(p, taken)[1])

        return score

    def choose(self, view: TrainingView, answerer: Answerer) -> Chosen:
        """Choose power and temperature of the best mean F1; as they were without examples."""
        config = answerer.config
        examples = spread(view.examples(self.name, "valid"), config.choosing_users)
        if not examples:
            return answerer.chosen
        with bar("choosing how to select", 2 * len(examples)) as progress:
            p, liking = self._probabilities(
                answerer, [_instance(example) for example in examples], progress.advance
            )
        taken = [_taken(example) for example in examples]
        power, temperature = best_power(p, liking, taken)
        return replace(
            answerer.chosen,
            taken=_mean_taken(taken), selection_power=power, selection_temperature=temperature,
        )  # fmt: skip

    def predict(
        self, answerer: Answerer, instances: Sequence[SelectionInstance]
    ) -> list[Prediction]:
        """Select as many of the most probable candidates as promise the best F1.

        Scores are all probabilities.
        """
        chosen = answerer.chosen
        found: list[Prediction] = []
        both = zip(*self._probabilities(answerer, instances), strict=True)
        for instance, (p, liking) in zip(instances, both, strict=True):
            scores = rounded(joined(p, liking, chosen.selection_power), computed_in=np.float32)
            best = selected(tempered(scores, chosen.selection_temperature), chosen.taken)
            ids = tuple(c.item_id for c, x in zip(instance.candidates, best, strict=True) if x)
            found.append(Selection(instance.instance_id, ids, tuple(float(x) for x in scores)))
        return found

    def _probabilities(
        self,
        answerer: Answerer,
        instances: Sequence[SelectionInstance],
        advance: Callable[[int], None] | None = None,
    ) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
        """Probabilities of each instance's candidates: as answers, and as what comes next."""
        template, window = answerer.parts.template, answerer.config.history_items
        rows = self.rows(answerer, instances)
        liking: list[Row] = []
        for instance in instances:
            asked = RecommendationInstance("", instance.user_id, instance.history)
            liking.append(question_row(template, "recommendation", asked, window=window))
        choices = [candidate_tokens(template, instance) for instance in instances]
        reader = answerer.reader
        return reader.choices(rows, choices, advance), reader.choices(liking, choices, advance)


def candidate_tokens(template: Template, instance: SelectionInstance) -> tuple[int, ...]:
    """Return the selection token of each candidate: its item token, as it is shown."""
    tokens = [template.token(c) for c in instance.candidates]
    assert None not in tokens, "candidates come from the catalogue"
    return tuple(token for token in tokens if token is not None)


def tempered(p: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Return probabilities ``p`` (candidates,) at another temperature."""
    sharp = np.maximum(p, 1e-300) ** (1 / temperature)
    found: NDArray[np.float64] = sharp / sharp.sum()
    return found


def selected(p: NDArray[np.float64], taken: float) -> NDArray[np.bool_]:
    """Return which candidates (C,) to select where ``taken`` are taken, with shares ``p`` (C,).

    Those of the largest expected F1. Ties go to fewer, and to the first.
    """
    best = np.zeros(len(p), bool)
    best[best_subset(p, taken, computed_in=np.float32)] = True
    return best


def joined(
    p: NDArray[np.float64], liking: NDArray[np.float64], power: float
) -> NDArray[np.float64]:
    """Return the distribution (candidates,) proportional to ``p`` x ``liking`` ^ ``power``."""
    product = np.maximum(p, 1e-300) * np.maximum(liking, 1e-300) ** power
    total = product.sum()
    return p if total <= 0 else product / total


def best_power(
    p: Sequence[NDArray[np.float64]],
    liking: Sequence[NDArray[np.float64]],
    taken: Sequence[NDArray[np.bool_]],
) -> tuple[float, float]:
    """Return the power, of 0 to 3, and the temperature of the best mean F1.

    Each instance has its candidates' ``p``, ``liking`` and whether they were ``taken``, (C,) each.
    """
    found = []
    for power in _POWERS:
        both = [joined(a, b, power) for a, b in zip(p, liking, strict=True)]
        found.append((power, *best_temperature(both, taken)))
    scores = rounded(np.array([f1 for *_, f1 in found]), computed_in=np.float32)
    power, temperature, _ = found[int(np.argmax(scores))]
    return power, temperature


def best_temperature(
    p: Sequence[NDArray[np.float64]], taken: Sequence[NDArray[np.bool_]]
) -> tuple[float, float]:
    """Return the temperature, of 0.3, 0.4, ... 3, of the best mean F1, and that F1.

    Each instance has its candidates' ``p`` and whether they were ``taken``, (C,) each.
    """
    number = _mean_taken(taken)

    def mean_f1(temperature: float) -> float:
        total = 0.0
        for of_one, wanted in zip(p, taken, strict=True):
            best = selected(tempered(of_one, temperature), number)
            total += 2 * (best & wanted).sum() / (best.sum() + wanted.sum())
        return total / len(p)

    scores = np.array([mean_f1(temperature) for temperature in _TEMPERATURES])
    best = int(np.argmax(rounded(scores, computed_in=np.float32)))
    return _TEMPERATURES[best], float(scores[best])


def _mean_taken(taken: Sequence[NDArray[np.bool_]]) -> float:
    return float(np.mean([wanted.sum() for wanted in taken]))


def _instance(example: Example) -> SelectionInstance:
    assert isinstance(example.instance, SelectionInstance)
    return example.instance


def _taken(example: Example) -> NDArray[np.bool_]:
    """Return which of an example's candidates are taken."""
    wanted = target_items(example)
    return np.array([c.item_id in wanted for c in _instance(example).candidates])
