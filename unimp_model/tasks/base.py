"""What a task of UniMP is, and what all tasks share.

One object a task says how it is asked (its prompt and rows), trained (which training rows ask
it), validated (its score, and what is chosen on validation) and predicted. Everything else loops
over these objects (:data:`unimp_model.tasks.TASKS`) and knows no task by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from benchmark import tasks
from benchmark.instances import Example, Instance, Item
from benchmark.model import TrainingView
from benchmark.predictions import Prediction
from benchmark.tasks import PromptPart
from unimp_model.config import TaskName, UniMPConfig
from unimp_model.network.decoding import Reader
from unimp_model.sequence.pointing import Pointer
from unimp_model.sequence.template import Branch, Row, Template
from unimp_model.tasks.answerer import Answerer, Chosen

#: Task names in the order of their numbers in rows.
ALL_TASKS: tuple[str, ...] = get_args(TaskName)

I = TypeVar("I", bound=Instance)  # noqa: E741 - an instance


@dataclass(frozen=True, slots=True)
class Score:
    """Scores a task on validation: from 0 to 1, higher is better."""

    name: str
    value: float
    stands_in: bool = False
    """Whether it says too little of the task's metric to choose an epoch beside other scores."""


#: Scores the network behind a reader on a fixed set of validation examples.
Scorer = Callable[[Reader], Score]


@dataclass(frozen=True, slots=True)
class TaskData:
    """Holds what a task makes its examples into rows with."""

    view: TrainingView
    template: Template
    longest_answer: int
    """Longest sentence of an answer, in tokens."""
    codes: Mapping[str, NDArray[np.int32]] = field(default_factory=dict)
    """Image codes (L,) of photos by file name."""


class Interactions:
    """Holds the training interactions as columns by row, and each user's rows in time order."""

    def __init__(self, view: TrainingView) -> None:
        frame = view.interactions("train")
        index = view.catalogue.index
        #: Catalogue number of each row's item.
        self.items: list[int] = [index[item_id] for item_id in frame["item_id"]]
        self.ratings: list[float | None] = frame["rating"].to_list()
        by_user = frame.with_row_index("row").group_by("user_id", maintain_order=True)
        self.sequences: list[list[int]] = by_user.agg("row")["row"].to_list()

    @property
    def targets(self) -> list[int]:
        """Return the rows that are asked for: all but each user's first."""
        return [row for sequence in self.sequences for row in sequence[1:]]


class TaskExamples(ABC):
    """Makes one task's training examples out of :class:`Interactions`."""

    in_any_order: ClassVar[bool] = True
    """Whether the task may be asked behind a history in another than its true order."""
    bars_the_past: ClassVar[bool] = False
    """Whether what the user already had cannot be the answer where data repeats nothing."""
    stands_alone: ClassVar[bool] = False
    """Whether its examples are rows of their own (:meth:`rows`), no branches of a history."""

    def __init__(self, interactions: Interactions) -> None:
        self.interactions = interactions

    @abstractmethod
    def has(self, row: int) -> bool:
        """Return whether target ``row`` makes an example of the task."""

    def branch(self, row: int, after: int) -> Branch:
        """Ask target ``row``, which makes an example, behind item number ``after`` of a trunk."""
        raise NotImplementedError(f"{type(self).__name__} are rows of their own")

    def rows(self, generator: np.random.Generator, *, share: float, most: int | None) -> list[Row]:
        """Draw an epoch's rows that stand alone: a ``share`` of them, ``most`` at most."""
        return []

    def count(self) -> int:
        """Count the examples in the training part."""
        return sum(self.has(row) for row in self.interactions.targets)


class UniMPTask(ABC, Generic[I]):
    """Says how one task is asked, trained, validated and predicted."""

    name: ClassVar[str]
    instance: ClassVar[type]
    """The class of its instances."""
    draws_images: ClassVar[bool] = False
    """Whether it takes an image tokenizer."""
    ranks_items: ClassVar[bool] = False
    """Whether its answer is one item out of all."""

    @property
    def number(self) -> int:
        """Return the task's number in rows: its place in :data:`ALL_TASKS`."""
        return ALL_TASKS.index(self.name)

    def possible(self, config: UniMPConfig) -> bool:
        """Return whether a model of these settings can do the task."""
        return True

    # asked

    @abstractmethod
    def blank(self, query: str | None) -> I:
        """Return an instance that carries just what the task's prompt shows."""

    def prompt(self, instance: I) -> list[PromptPart]:
        """Return the task's instruction (Appendix A.2) as words and items."""
        return tasks.TASKS.get(self.name).prompt(instance)

    def prompts(self, queries: Sequence[str]) -> list[list[PromptPart]]:
        """Return the prompts of blank instances: of each query and one more, if there are any."""
        shown: list[str | None] = [*queries, "?"] if queries else [None]
        return [self.prompt(self.blank(query)) for query in shown]

    def shown(self, instance: I) -> Iterator[Item]:
        """Yield every item an instance shows."""
        yield from instance.history.items

    def row(
        self, template: Template, instance: I, *, window: int, answer: tuple[int, ...] = ()
    ) -> Row:
        """Return the evaluation sequence of an instance; see :func:`question_row`."""
        pointer = self.pointer(template, instance)
        return question_row(
            template, self.name, instance, window=window, answer=answer, pointer=pointer
        )

    def pointer(self, template: Template, instance: I) -> Pointer | None:
        """Return what an answer may repeat; nothing where no extension points."""
        return None

    # trained

    def texts(self, view: TrainingView) -> list[str]:
        """Return training sentences a tokenizer has to know for the task's answers."""
        return []

    def answer_tokens(self, config: UniMPConfig) -> int:
        """Return about how many tokens an answer adds to a training row."""
        return 1

    @abstractmethod
    def examples(self, data: TaskData, interactions: Interactions) -> TaskExamples:
        """Return the task's training examples."""

    # validated

    def validation_users(self, config: UniMPConfig) -> int:
        """Return on how many validation examples, at most, an epoch is scored."""
        return min(config.validation_users, config.validation_others)

    @abstractmethod
    def scorer(self, data: TaskData, examples: Sequence[Example], *, window: int) -> Scorer | None:
        """Return the task's validation score over ``examples`` (one or more), for any reader.

        ``None`` where none of them can be scored.
        """

    def choose(self, view: TrainingView, answerer: Answerer) -> Chosen:
        """Return ``answerer.chosen`` with what this task chooses under the weights in use."""
        return answerer.chosen

    # predicted

    @abstractmethod
    def predict(self, answerer: Answerer, instances: Sequence[I]) -> list[Prediction]:
        """Return one prediction per instance, in order, under the weights in use."""

    def rows(self, answerer: Answerer, instances: Sequence[I]) -> list[Row]:
        """Return the evaluation sequences of instances."""
        template, window = answerer.parts.template, answerer.config.history_items
        return [self.row(template, instance, window=window) for instance in instances]


def question_row(
    template: Template,
    task: str,
    instance: Any,
    *,
    window: int,
    answer: tuple[int, ...] = (),
    pointer: Pointer | None = None,
) -> Row:
    """Return the evaluation sequence: the last ``window`` items, the instruction, one answer.

    With ``answer`` its tokens are there to be predicted, for a loss on validation data.
    """
    instruction = template.instruction(tasks.TASKS.get(task).prompt(instance))
    items, ratings = instance.history.items[-window:], instance.history.ratings[-window:]
    branch = Branch(len(items), instruction, ALL_TASKS.index(task), answer, pointer=pointer)
    return template.row(template.history(items, ratings), [branch], context=False)


def target_items(example: Example) -> tuple[str, ...]:
    """Return the item ids that answer an example of ranking, selection or image generation."""
    assert isinstance(example.target, tuple)
    return example.target


def likelihood(rows: Sequence[Row], *, stands_in: bool = False) -> Scorer:
    """Score by the geometric mean probability of ``rows``' target tokens: no generation."""

    def score(reader: Reader) -> Score:
        value = float(np.exp(reader.log_likelihoods(rows).mean()))
        return Score("likelihood", value, stands_in=stands_in)

    return score
