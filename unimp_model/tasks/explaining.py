"""Explanation: a sentence written token by token, greedily, out of the text tokens.

Validated by the probability of the true sentences' tokens, which needs no generation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from benchmark.instances import Example, ExplanationInstance, History, Item
from benchmark.model import TrainingView
from benchmark.predictions import Prediction, Text
from unimp_model.config import UniMPConfig
from unimp_model.sequence.casing import apply_casing, learn_casing
from unimp_model.sequence.pointing import Pointer
from unimp_model.sequence.template import Branch, Template
from unimp_model.tasks.answerer import Answerer, Chosen
from unimp_model.tasks.base import (
    Interactions,
    Scorer,
    TaskData,
    TaskExamples,
    UniMPTask,
    likelihood,
)


class ExplanationExamples(TaskExamples):
    """Makes every target the user wrote about an example; its answer is the sentence and [EOS]."""

    def __init__(self, task: ExplanationTask, data: TaskData, interactions: Interactions) -> None:
        super().__init__(interactions)
        self._task, self._data = task, data
        self._texts = data.view.interactions("train")["explanation"].to_list()

    def has(self, row: int) -> bool:
        """Return whether the user wrote about the target."""
        return self._texts[row] is not None

    def branch(self, row: int, after: int) -> Branch:
        """Ask for the sentence the user wrote about the target."""
        template = self._data.template
        item = self._data.view.catalogue[self.interactions.items[row]]
        prompt = self._task.prompt(ExplanationInstance("", "", History(), item))
        answer = sentence_tokens(template, self._texts[row], self._data.longest_answer)
        return Branch(
            after, template.instruction(prompt), self._task.number, answer,
            pointer=template.pointer(item),
        )  # fmt: skip


class ExplanationTask(UniMPTask[ExplanationInstance]):
    """Explains in a sentence why an item might suit the user, or not."""

    name = "explanation"
    instance = ExplanationInstance

    def blank(self, query: str | None) -> ExplanationInstance:
        """Return an instance of an item without attributes."""
        return ExplanationInstance("", "", History(), Item(""))

    def shown(self, instance: ExplanationInstance) -> Iterator[Item]:
        """Yield the history's items and the one to be explained."""
        yield from instance.history.items
        yield instance.item

    def pointer(self, template: Template, instance: ExplanationInstance) -> Pointer | None:
        """Return the asked item's words, as it is shown."""
        return template.pointer(instance.item)

    def texts(self, view: TrainingView) -> list[str]:
        """Return the explanations of the training part."""
        return view.interactions("train")["explanation"].drop_nulls().to_list()

    def answer_tokens(self, config: UniMPConfig) -> int:
        """Return the longest sentence, which is what memory has to hold."""
        return config.answer_tokens

    def examples(self, data: TaskData, interactions: Interactions) -> TaskExamples:
        """Return the training examples; see :class:`ExplanationExamples`."""
        return ExplanationExamples(self, data, interactions)

    def scorer(self, data: TaskData, examples: Sequence[Example], *, window: int) -> Scorer | None:
        """Score by the geometric mean probability of a token of the true sentences."""
        rows = []
        for example in examples:
            assert isinstance(example.instance, ExplanationInstance)
            answer = sentence_tokens(data.template, str(example.target), data.longest_answer)
            rows.append(self.row(data.template, example.instance, window=window, answer=answer))
        return likelihood(rows)

    def choose(self, view: TrainingView, answerer: Answerer) -> Chosen:
        """Learn the casing of the training part, where the tokenizer is one that lower-cases."""
        if answerer.config.freezes_language_model:
            return answerer.chosen
        return replace(answerer.chosen, casing=learn_casing(self.texts(view)))

    def predict(
        self, answerer: Answerer, instances: Sequence[ExplanationInstance]
    ) -> list[Prediction]:
        """Write each sentence up to [EOS], or up to the longest answer; no control characters."""
        vocabulary = answerer.parts.vocabulary
        written = answerer.reader.generate(
            self.rows(answerer, instances),
            torch.from_numpy(vocabulary.writable),
            stop=vocabulary.eos,
            longest=answerer.config.answer_tokens,
        )
        texts = [vocabulary.tokenizer.decode(tokens).strip() for tokens in written]
        if not answerer.config.freezes_language_model:
            texts = [apply_casing(text, answerer.chosen.casing) for text in texts]
        return [Text(i.instance_id, text) for i, text in zip(instances, texts, strict=True)]


def sentence_tokens(template: Template, text: str, longest: int) -> tuple[int, ...]:
    """Return a sentence as an answer: its tokens, at most ``longest``, and [EOS]."""
    return (*template.vocabulary.encode(text)[:longest], template.vocabulary.eos)
