"""Training rows: which histories share a trunk, and what is asked behind each item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.data.catalogue import Catalogue
from benchmark.instances import History, Instance, RecommendationInstance, SearchInstance
from benchmark.model import TrainingView
from benchmark.tasks import TASKS
from unimp_model.sequence import Branch, Flat, Row, Template


@dataclass(frozen=True, slots=True)
class Chunk:
    """Items ``start .. last - 1`` of a user's sequence, asked for items ``first .. last``."""

    user: int
    start: int
    first: int
    last: int


def chunks(
    lengths: Sequence[int], *, window: int, targets: int, generator: np.random.Generator
) -> list[Chunk]:
    """Cut every user's targets (all items but the first) into runs of at most ``targets``.

    Where the cuts fall is random. The trunk of a run ends before its last target and holds
    the ``window`` items there, so the last target has a full history and the others as much
    of theirs as the trunk holds. Every target is covered exactly once.
    """
    found = []
    for user, length in enumerate(lengths):
        first = 1
        size = int(generator.integers(1, targets + 1))
        while first < length:
            last = min(first + size, length) - 1
            found.append(Chunk(user, max(0, last - window), first, last))
            first, size = last + 1, targets
    return found


class RowBuilder:
    """Builds training rows over a dataset: every target asked once per task."""

    def __init__(self, data: TrainingView, template: Template, tasks: Sequence[str]) -> None:
        self.template = template
        self.tasks = tuple(tasks)
        self.catalogue: Catalogue = data.catalogue
        frame = data.interactions("train")
        index = self.catalogue.index
        self.sequences: list[list[int]] = [
            [index[item_id] for item_id in items]
            for items in frame.group_by("user_id", maintain_order=True).agg("item_id")["item_id"]
        ]
        self._instructions: dict[tuple[int, str | None], Flat] = {}

    def reordered(self, share: float, generator: np.random.Generator) -> list[list[int]]:
        """The users' sequences, a random ``share`` of them in random order.

        What a user likes does not depend on order, so other orders are further examples of
        it: few interactions then give many histories. The rest keeps what order teaches.
        """
        return [
            [sequence[i] for i in generator.permutation(len(sequence))]
            if generator.random() < share
            else sequence
            for sequence in self.sequences
        ]

    def row(self, chunk: Chunk, sequences: Sequence[Sequence[int]], *, context: bool) -> Row:
        """The row of one chunk of ``sequences``."""
        sequence = sequences[chunk.user]
        items = [self.catalogue[i] for i in sequence[chunk.start : chunk.last]]
        branches = []
        for target in range(chunk.first, chunk.last + 1):
            item = sequence[target]
            answer = (self.template.vocabulary.first_item + item,)
            for task in range(len(self.tasks)):
                query = self.catalogue.queries[item]
                if self.tasks[task] == "search" and query is None:
                    continue
                branches.append(
                    Branch(target - chunk.start, self.instruction(task, query), task, answer)
                )
        return self.template.row(self.template.history(items), branches, context=context)

    def instruction(self, task: int, query: str | None) -> Flat:
        """The prompt of a task, in the task's own wording."""
        key = (task, query if self.tasks[task] == "search" else None)
        if key not in self._instructions:
            name = self.tasks[task]
            instance = blank_instance(name, key[1])
            self._instructions[key] = self.template.instruction(TASKS.get(name).prompt(instance))
        return self._instructions[key]


def blank_instance(task: str, query: str | None) -> Instance:
    """An instance that carries just what the prompt of ``task`` shows."""
    if task == "search":
        assert query is not None
        return SearchInstance("", "", History(), query)
    return RecommendationInstance("", "", History())


def question_row(template: Template, task: str, instance: Instance, *, window: int) -> Row:
    """The evaluation sequence: the last ``window`` items, the task's instruction, one answer."""
    instruction = template.instruction(TASKS.get(task).prompt(instance))
    items = instance.history.items[-window:]
    return template.row(template.history(items), [Branch(len(items), instruction)], context=False)
