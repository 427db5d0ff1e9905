"""Training rows: which histories share a trunk, and what is asked behind each item."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.data.catalogue import Catalogue
from benchmark.instances import (
    Example,
    ExplanationInstance,
    History,
    ImageGenerationInstance,
    Instance,
    Item,
    PreferenceInstance,
    RecommendationInstance,
    SearchInstance,
    SelectionInstance,
)
from benchmark.model import TrainingView
from benchmark.tasks import TASKS
from benchmark.tasks.image_generation import RETRIEVED, prompt
from unimp_model.sequence.template import CONTEXT, Branch, Flat, Row, Template
from unimp_model.sequence.wording import blank_instance

#: Task names in the order of their numbers in rows.
ALL_TASKS = (
    "recommendation",
    "search",
    "preference",
    "selection",
    "explanation",
    "image-generation",
)
_TASK_OF: dict[type, str] = {
    RecommendationInstance: "recommendation",
    SearchInstance: "search",
    PreferenceInstance: "preference",
    SelectionInstance: "selection",
    ExplanationInstance: "explanation",
    ImageGenerationInstance: "image-generation",
}


def task_of(instance: Instance) -> str:
    """The name of the task an instance belongs to."""
    return _TASK_OF[type(instance)]


def target_items(example: Example) -> tuple[str, ...]:
    """Return the item ids that answer an example of ranking, selection or image generation."""
    assert isinstance(example.target, tuple)
    return example.target


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


@dataclass(frozen=True, slots=True)
class Sequences:
    """Every user's training rows, as numbers of rows, and whether they stand in true order."""

    rows: list[list[int]]
    in_order: list[bool]


class RowBuilder:
    """Builds training rows over a dataset.

    ``rates`` says, for each task, which share of its examples an epoch asks; tasks not named
    are not asked. ``codes`` has the image codes of photos by file name, for image generation.
    """

    def __init__(
        self,
        data: TrainingView,
        template: Template,
        rates: Mapping[str, float],
        *,
        longest_answer: int,
        codes: Mapping[str, NDArray[np.int32]] | None = None,
    ) -> None:
        self.template = template
        self.rates = dict(rates)
        self.catalogue: Catalogue = data.catalogue
        self.longest_answer = longest_answer
        self.codes = codes or {}
        frame = data.interactions("train")
        index = self.catalogue.index
        self.items = [index[item_id] for item_id in frame["item_id"]]
        self.ratings = frame["rating"].to_list()
        self.explanations = frame["explanation"].to_list()
        by_user = frame.with_row_index("row").group_by("user_id", maintain_order=True)
        self.sequences: list[list[int]] = by_user.agg("row")["row"].to_list()
        self._selections = data.examples("selection") if "selection" in rates else ()
        followers = [row for sequence in self.sequences for row in sequence[1:]]
        self._selection_of = {row: i for i, row in enumerate(followers)}
        self._by_query: dict[str, list[int]] = defaultdict(list)
        for i, query in enumerate(self.catalogue.queries):
            if query is not None:
                self._by_query[query].append(i)
        self._instructions: dict[tuple[str, str | None], Flat] = {}

    def counts(self) -> dict[str, int]:
        """Training examples of each asked task."""
        targets = [row for sequence in self.sequences for row in sequence[1:]]
        found = {}
        for task in self.rates:
            if task in ("recommendation", "selection"):
                found[task] = len(targets)
            elif task == "search":
                found[task] = sum(self._query(row) is not None for row in targets)
            elif task == "preference":
                found[task] = sum(self.ratings[row] is not None for row in targets)
            elif task == "explanation":
                found[task] = sum(self.explanations[row] is not None for row in targets)
            else:
                found[task] = len(self._drawable())
        return found

    def reordered(self, share: float, generator: np.random.Generator) -> Sequences:
        """The users' sequences, a random ``share`` of them in random order.

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
        """The row of one chunk of ``sequences``: what is asked behind each item is drawn.

        ``context`` is the share of context tokens to be reconstructed, drawn too.
        """
        sequence = sequences.rows[chunk.user]
        past = sequence[chunk.start : chunk.last]
        trunk = self.template.history(
            [self.catalogue[self.items[row]] for row in past], [self.ratings[row] for row in past]
        )
        branches = []
        for position in range(chunk.first, chunk.last + 1):
            for task, rate in self.rates.items():
                if rate < 1 and generator.random() >= rate:
                    continue
                branch = self._branch(
                    task, sequence[position], position - chunk.start,
                    in_order=sequences.in_order[chunk.user],
                )  # fmt: skip
                if branch is not None:
                    branches.append(branch)
        row = self.template.row(trunk, branches, context=context > 0)
        return row if context in (0.0, 1.0) else thinned(row, context, generator)

    def drawing_rows(self, generator: np.random.Generator, *, most: int | None) -> list[Row]:
        """Rows of image generation, which stand alone: their history is what was retrieved.

        In training the target is what was retrieved first, as if the search had been right
        (teacher forcing); behind it stand others the query fits, drawn. So what is learned is to
        paint what is shown: from items that need not be the target, the best painting is the
        average photo, which is blank.

        At most ``most`` rows.
        """
        rate = self.rates.get("image-generation", 0.0)
        items = [item for item in self._drawable() if generator.random() < rate]
        if most is not None and most < len(items):
            drawn = generator.choice(len(items), most, replace=False)
            items = [items[int(i)] for i in sorted(drawn)]
        found = []
        for item in items:
            query = self.catalogue.queries[item]
            fitting = self._by_query[query or ""]
            others = [i for i in fitting if i != item]
            some = generator.choice(others, min(RETRIEVED - 1, len(others)), replace=False)
            shown = [item, *some]
            instance = ImageGenerationInstance("", "", History(), query or "")
            row = drawing_row(
                self.template, instance, [self.catalogue[int(i)] for i in shown],
                answer=self._code_tokens(self.catalogue[item]),
            )  # fmt: skip
            found.append(row)
        return found

    def instruction(self, task: str, query: str | None) -> Flat:
        """The prompt of a ranking task, in the task's own wording."""
        key = (task, query if task == "search" else None)
        if key not in self._instructions:
            self._instructions[key] = self.template.instruction(
                TASKS.get(task).prompt(blank_instance(task, key[1]))
            )
        return self._instructions[key]

    def _branch(self, task: str, row: int, after: int, *, in_order: bool) -> Branch | None:
        """One question with its answer; ``None`` where the row cannot make one."""
        vocabulary, number = self.template.vocabulary, ALL_TASKS.index(task)
        item = self.catalogue[self.items[row]]
        prompt_of = TASKS.get(task).prompt
        if task in ("recommendation", "search"):
            query = self._query(row)
            if task == "search" and query is None:
                return None
            own = vocabulary.first_item + self.items[row]
            return Branch(after, self.instruction(task, query), number, (own,))
        if task == "preference":
            rating = self.ratings[row]
            if rating is None:
                return None
            asked: Instance = PreferenceInstance("", "", History(), item)
            answer: tuple[int, ...] = (vocabulary.rating(rating),)
        elif task == "explanation":
            text = self.explanations[row]
            if text is None:
                return None
            asked = ExplanationInstance("", "", History(), item)
            answer = sentence_tokens(self.template, text, self.longest_answer)
        elif task == "selection" and in_order:
            example = self._selections[self._selection_of[row]]
            asked = example.instance
            assert isinstance(asked, SelectionInstance)
            choices = candidate_tokens(self.template, asked)
            taken = set(target_items(example))
            answer = tuple(
                token for token, candidate in zip(choices, asked.candidates, strict=True)
                if candidate.item_id in taken
            )  # fmt: skip
            flat = self.template.instruction(prompt_of(asked))
            return Branch(after, flat, number, answer, choices)
        else:
            return None
        return Branch(after, self.template.instruction(prompt_of(asked)), number, answer)

    def _query(self, row: int) -> str | None:
        return self.catalogue.queries[self.items[row]]

    def _drawable(self) -> list[int]:
        """Items of all training targets that have a query and image codes."""
        if "image-generation" not in self.rates:
            return []
        targets = [self.items[row] for sequence in self.sequences for row in sequence[1:]]
        return [
            i for i in targets
            if self.catalogue.queries[i] is not None and photo_name(self.catalogue[i]) in self.codes
        ]  # fmt: skip

    def _code_tokens(self, item: Item) -> tuple[int, ...]:
        first = self.template.vocabulary.first_code
        return tuple(first + int(code) for code in self.codes[photo_name(item) or ""])


def thinned(row: Row, share: float, generator: np.random.Generator) -> Row:
    """``row`` with a random ``share`` of its context targets: their mean loss stays the same in
    expectation, and projections to the vocabulary are saved."""
    keep = (row.kinds != CONTEXT) | (generator.random(len(row.kinds)) < share)
    return replace(
        row,
        reads=row.reads[keep],
        targets=row.targets[keep],
        kinds=row.kinds[keep],
        choices=row.choices[keep],
    )


def photo_name(item: Item) -> str | None:
    """File name of an item's photo."""
    return None if item.image is None else Path(item.image).name


def sentence_tokens(template: Template, text: str, longest: int) -> tuple[int, ...]:
    """A sentence as an answer: its tokens, at most ``longest``, and [EOS]."""
    return (*template.vocabulary.encode(text)[:longest], template.vocabulary.eos)


def candidate_tokens(template: Template, instance: SelectionInstance) -> tuple[int, ...]:
    """The selection token of each candidate: its item token."""
    tokens = [template.vocabulary.item(c.item_id) for c in instance.candidates]
    assert None not in tokens, "candidates come from the catalogue"
    return tuple(token for token in tokens if token is not None)


def question_row(
    template: Template,
    task: str,
    instance: Instance,
    *,
    window: int,
    answer: tuple[int, ...] = (),
) -> Row:
    """The evaluation sequence: the last ``window`` items, the task's instruction, one answer.

    With ``answer`` its tokens are there to be predicted, for a loss on validation data.
    """
    instruction = template.instruction(TASKS.get(task).prompt(instance))
    items, ratings = instance.history.items[-window:], instance.history.ratings[-window:]
    branch = Branch(len(items), instruction, ALL_TASKS.index(task), answer)
    return template.row(template.history(items, ratings), [branch], context=False)


def drawing_row(
    template: Template,
    instance: ImageGenerationInstance,
    retrieved: Sequence[Item],
    *,
    answer: tuple[int, ...] = (),
) -> Row:
    """Eq. 9, second half: the retrieved items and the drawing instruction.

    The instruction's words and the drawing belong to the first photo, as that item's own tokens
    do: they cross-attend to what they are to be painted from.
    """
    instruction = template.instruction(prompt(instance, retrieved))
    if instruction.images:
        instruction.slots = [max(slot, 0) for slot in instruction.slots]
    branch = Branch(0, instruction, ALL_TASKS.index("image-generation"), answer)
    return template.row(template.history([]), [branch], context=False)
