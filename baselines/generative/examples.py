"""Training examples: each task's instances as sources, and what is to be written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from baselines.generative import stars
from baselines.generative.prompts import WORDINGS, question, who
from baselines.generative.settings import P5Settings
from baselines.generative.sources import Source, Writer
from benchmark.instances import (
    Example,
    ExplanationInstance,
    Instance,
    PreferenceInstance,
    RecommendationInstance,
    SelectionInstance,
)
from benchmark.model import TrainingView
from benchmark.training.validation import spread

#: The tasks that P5 answers, and their instances.
TASKS: dict[str, type] = {
    "recommendation": RecommendationInstance,
    "preference": PreferenceInstance,
    "explanation": ExplanationInstance,
    "selection": SelectionInstance,
}
#: Batches that are drawn together and cut from examples of like length.
_POOL = 16

Pair = tuple[Source, list[int]]


@dataclass(frozen=True)
class Asker:
    """Writes instances as sources, and targets as answers.

    ``users`` are the numbers of the users known from training.
    """

    writer: Writer
    users: Mapping[str, int]
    settings: P5Settings
    scale: tuple[float, float] | None

    def source(
        self, task: str, instance: Instance, *, wording: int = 0, stranger: bool = False
    ) -> Source:
        """Write an instance of ``task``; ``stranger`` leaves its user's number out.

        A user without a number is told of by the history, in every task.
        """
        number = None if stranger else self.users.get(instance.user_id)
        always = self.settings.histories == "always" or task == "recommendation"
        past = instance.history.items if always or number is None else None
        parts = question(WORDINGS[task][wording], instance, who(number, past))
        return self.writer.source(parts)

    def answer(
        self, task: str, target: Any, rng: np.random.Generator | None = None
    ) -> list[int] | None:
        """Write the target of an example; drawn by ``rng`` where there are several ways.

        ``None`` for an item that has no number.
        """
        most = self.settings.answer_pieces
        if task == "preference":
            assert self.scale is not None
            return self.writer.target(stars.written(target, self.scale, rng), most=most)
        if task == "explanation":
            return self.writer.target(target, most=most)
        item = target[0 if rng is None else int(rng.integers(len(target)))]
        name = self.writer.item(item)
        return None if name is None else [*name.tokens, self.writer.pieces.end]


class TrainingExamples:
    """Draws the training part's examples of ``tasks``, an epoch of batches at a time."""

    def __init__(self, data: TrainingView, tasks: Sequence[str], asker: Asker) -> None:
        self._asker = asker
        self._of_task = {task: data.examples(task, "train") for task in tasks}
        share = asker.settings.task_share
        self._taken = {
            task: len(examples) if task == "recommendation" else -int(-len(examples) * share // 1)
            for task, examples in self._of_task.items()
        }
        self._size = asker.settings.batch_size

    @property
    def steps(self) -> int:
        """Return the batches of an epoch."""
        return -(-sum(self._taken.values()) // self._size)

    def batches(self, rng: np.random.Generator) -> Iterator[list[Pair]]:
        """Yield an epoch's batches: drawn anew, sources of like length together."""
        drawn = [
            (task, int(row))
            for task, taken in self._taken.items()
            for row in rng.permutation(len(self._of_task[task]))[:taken]
        ]
        order = rng.permutation(len(drawn))
        pool = _POOL * self._size
        for start in range(0, len(order), pool):
            chosen = (drawn[i] for i in order[start : start + pool])
            pairs = [self._pair(task, row, rng) for task, row in chosen]
            pairs.sort(key=_length)
            cuts = np.arange(0, len(pairs), self._size)
            for cut in rng.permutation(cuts):
                yield pairs[cut : cut + self._size]

    def _pair(self, task: str, row: int, rng: np.random.Generator) -> Pair:
        example = self._of_task[task][row]
        wording = int(rng.integers(len(WORDINGS[task])))
        stranger = bool(rng.random() < self._asker.settings.stranger_share)
        source = self._asker.source(task, example.instance, wording=wording, stranger=stranger)
        answer = self._asker.answer(task, example.target, rng)
        assert answer is not None, "the catalogue numbers every item of the training part"
        return source, answer


def _length(pair: Pair) -> tuple[int, int]:
    """What examples of one batch should have in common: padding costs time and learns nothing."""
    source, answer = pair
    return len(answer) // 8, len(source.tokens)


def validation_pairs(
    data: TrainingView, tasks: Sequence[str], asker: Asker
) -> dict[str, list[Pair]]:
    """Return the validation examples of each task that has some, evenly spaced, as first worded."""
    found: dict[str, list[Pair]] = {}
    for task in tasks:
        examples: Sequence[Example] = spread(
            data.examples(task, "valid"), asker.settings.validation_users
        )
        pairs = [
            (asker.source(task, example.instance), answer)
            for example in examples
            if (answer := asker.answer(task, example.target)) is not None
        ]
        if pairs:
            found[task] = sorted(pairs, key=_length)
    return found
