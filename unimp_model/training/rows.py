"""Build training rows: which histories share a trunk, and what is asked behind each item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmark.data.catalogue import Catalogue
from benchmark.model import TrainingView
from benchmark.training.counting import half_of
from unimp_model.sequence.template import CONTEXT, Row, Template
from unimp_model.tasks import TASKS
from unimp_model.tasks.base import Interactions, TaskData

#: Rows that stand alone, of two items and an answer, take the place of one of a history in a batch.
LONE_PER_HISTORY = 4


@dataclass(frozen=True, slots=True)
class Chunk:
    """Cuts a user's sequence: items ``start .. last - 1`` are read, ``first .. last`` asked for."""

    user: int
    start: int
    first: int
    last: int


def chunks(
    lengths: Sequence[int], *, window: int, targets: int, generator: np.random.Generator
) -> list[Chunk]:
    """Cut every user's targets (all items but the first) into runs of at most ``targets``.

    Where the cuts fall is random. The trunk of a run ends before its last target and begins
    ``window`` items before its first, so that each target has a history as long as at evaluation
    (:meth:`~unimp_model.sequence.template.Template.row` shows each its own window). Every target
    is covered exactly once.
    """
    found = []
    for user, length in enumerate(lengths):
        first = 1
        size = int(generator.integers(1, targets + 1))
        while first < length:
            last = min(first + size, length) - 1
            found.append(Chunk(user, max(0, first - window), first, last))
            first, size = last + 1, targets
    return found


@dataclass(frozen=True, slots=True)
class Sequences:
    """Holds every user's training rows by number, and whether they stand in true order."""

    rows: list[list[int]]
    in_order: list[bool]


class RowBuilder:
    """Builds training rows over a dataset.

    ``rates`` says, for each task, which share of its examples an epoch asks; tasks not named
    are not asked. ``window`` is how many items a history holds. ``codes`` has the image codes of
    photos by file name, for image generation.
    """

    def __init__(
        self,
        data: TrainingView,
        template: Template,
        rates: Mapping[str, float],
        *,
        window: int,
        longest_answer: int,
        codes: Mapping[str, NDArray[np.int32]] | None = None,
    ) -> None:
        self.template = template
        self.rates = dict(rates)
        self.window = window
        self.catalogue: Catalogue = data.catalogue
        self.interactions = Interactions(data)
        self._bars_the_past = not data.allow_repeats
        made_with = TaskData(data, template, longest_answer, codes or {})
        self._examples = {
            task: TASKS[task].examples(made_with, self.interactions) for task in rates
        }

    @property
    def sequences(self) -> list[list[int]]:
        """Return each user's rows of the training interactions, in time order."""
        return self.interactions.sequences

    def counts(self) -> dict[str, int]:
        """Count the training examples of each asked task."""
        return {task: self._examples[task].count() for task in self.rates}

    def asks_histories(self) -> bool:
        """Return whether any task is asked behind histories, not in rows of its own."""
        return not all(self._examples[task].stands_alone for task in self.rates)

    def lone_rows_per_epoch(self, most: int | None) -> int:
        """Return about how many rows :meth:`lone_rows` draws."""
        expected = sum(
            round(self._examples[task].count() * rate)
            for task, rate in self.rates.items()
            if self._examples[task].stands_alone
        )
        return min(expected, most or expected)

    def reordered(self, share: float, generator: np.random.Generator) -> Sequences:
        """Return the users' sequences, a random ``share`` of them in random order.

        What a user likes does not depend on order, so other orders are further examples of
        it: few interactions then give many histories. The rest keeps what order teaches.
        """
        rows, in_order = [], []
        for sequence in self.sequences:
            mixed = generator.random() < share
            in_order.append(not mixed)
            rows.append(
                [sequence[i] for i in generator.permutation(len(sequence))] if mixed else sequence
            )
        return Sequences(rows, in_order)

    def row(
        self,
        chunk: Chunk,
        sequences: Sequences,
        generator: np.random.Generator,
        *,
        context: float,
    ) -> Row:
        """Build the row of one chunk of ``sequences``: what is asked behind each item is drawn.

        ``context`` is the share of context tokens to be reconstructed, drawn too.
        """
        sequence, in_order = sequences.rows[chunk.user], sequences.in_order[chunk.user]
        past = sequence[chunk.start : chunk.last]
        items, ratings = self.interactions.items, self.interactions.ratings
        trunk = self.template.history(
            [self.catalogue[items[row]] for row in past], [ratings[row] for row in past]
        )
        branches = []
        for position in range(chunk.first, chunk.last + 1):
            for task, rate in self.rates.items():
                if rate < 1 and generator.random() >= rate:
                    continue
                examples, target = self._examples[task], sequence[position]
                if examples.stands_alone or not (in_order or examples.in_any_order):
                    continue
                if examples.has(target):
                    branch = examples.branch(target, position - chunk.start)
                    if examples.bars_the_past and self._bars_the_past:
                        branch.barred = tuple(items[row] for row in sequence[:position])
                    branches.append(branch)
        row = self.template.row(
            trunk,
            branches,
            context=context > 0,
            window=self.window,
            fold=int(half_of(np.array(chunk.user))),
        )
        return row if context in (0.0, 1.0) else thinned(row, context, generator)

    def lone_rows(self, generator: np.random.Generator, *, most: int | None) -> list[Row]:
        """Draw an epoch's rows of the tasks that stand alone, at most ``most`` of each."""
        return [
            row
            for task, rate in self.rates.items()
            for row in self._examples[task].rows(generator, share=rate, most=most)
        ]


def thinned(row: Row, share: float, generator: np.random.Generator) -> Row:
    """Return ``row`` with a random ``share`` of its context targets.

    Their mean loss stays the same in expectation, and projections to the vocabulary are saved.
    """
    keep = (row.kinds != CONTEXT) | (generator.random(len(row.kinds)) < share)
    number = np.cumsum(keep) - 1  # of each kept read
    return replace(
        row,
        reads=row.reads[keep],
        targets=row.targets[keep],
        kinds=row.kinds[keep],
        choices=row.choices[keep],
        barred=_renumbered(row.barred, number),
        pointed=_renumbered(row.pointed, number),
    )


def _renumbered(table: NDArray[np.int32], number: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return ``table`` with the numbers of reads in its first column as they are now."""
    return np.column_stack([number[table[:, 0]], table[:, 1:]]).astype(np.int32)
