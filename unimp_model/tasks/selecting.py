"""Selection: each candidate's item token against [NONE], each decided on by itself.

Candidates whose probability reaches a threshold are selected; it is chosen by mean F1 on
validation, which is also the task's validation score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from benchmark.host.progress import bar
from benchmark.instances import Example, History, Item, SelectionInstance
from benchmark.model import TrainingView
from benchmark.predictions import Prediction, Selection
from benchmark.training.thresholds import best_threshold
from unimp_model.network.decoding import Reader
from unimp_model.sequence.template import Branch, Template
from unimp_model.tasks.answerer import Answerer, Chosen
from unimp_model.tasks.base import (
    Interactions,
    Score,
    Scorer,
    TaskData,
    TaskExamples,
    UniMPTask,
    spread,
    target_items,
)


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
        """Ask, of each of the target's candidates, whether it is taken."""
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
    """Which of some candidates will the user take?"""

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
        """Score by mean F1 at the best threshold."""

        def score(reader: Reader) -> Score:
            return Score("F1", self._threshold(reader, data.template, examples, window)[1])

        return score

    def choose(self, view: TrainingView, answerer: Answerer) -> Chosen:
        """Choose the threshold of the best mean F1 on validation; as it was without examples."""
        config = answerer.config
        examples = spread(view.examples(self.name, "valid"), config.choosing_users)
        if not examples:
            return answerer.chosen
        with bar("choosing the threshold", len(examples)) as progress:
            threshold, _ = self._threshold(
                answerer.reader, answerer.parts.template, examples, config.history_items,
                progress.advance,
            )  # fmt: skip
        return replace(answerer.chosen, threshold=threshold)

    def predict(
        self, answerer: Answerer, instances: Sequence[SelectionInstance]
    ) -> list[Prediction]:
        """Select the candidates that reach the chosen threshold; scores are all probabilities."""
        rows = self.rows(answerer, instances)
        choices = [candidate_tokens(answerer.parts.template, instance) for instance in instances]
        found: list[Prediction] = []
        for instance, p in zip(instances, answerer.reader.choices(rows, choices), strict=True):
            chosen = [
                c.item_id for c, x in zip(instance.candidates, p, strict=True)
                if x >= answerer.chosen.threshold
            ]  # fmt: skip
            found.append(Selection(instance.instance_id, tuple(chosen), tuple(float(x) for x in p)))
        return found

    def _threshold(
        self,
        reader: Reader,
        template: Template,
        examples: Sequence[Example],
        window: int,
        advance: Callable[[int], None] | None = None,
    ) -> tuple[float, float]:
        """Return the best threshold and its mean F1."""
        rows, choices, positives = [], [], []
        for example in examples:
            instance = example.instance
            assert isinstance(instance, SelectionInstance)
            rows.append(self.row(template, instance, window=window))
            choices.append(candidate_tokens(template, instance))
            taken = target_items(example)
            positives.append(np.array([c.item_id in taken for c in instance.candidates]))
        return best_threshold(reader.choices(rows, choices, advance), positives)


def candidate_tokens(template: Template, instance: SelectionInstance) -> tuple[int, ...]:
    """Return the selection token of each candidate: its item token."""
    tokens = [template.vocabulary.item(c.item_id) for c in instance.candidates]
    assert None not in tokens, "candidates come from the catalogue"
    return tuple(token for token in tokens if token is not None)
