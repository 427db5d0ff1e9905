"""Collect the words of the template: tokenizer, fixed wording."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer

from benchmark.data.item_texts import item_texts
from benchmark.instances import Item
from benchmark.model import TrainingView
from benchmark.tasks import PromptPart
from unimp_model.sequence.template import Template, price_words
from unimp_model.sequence.tokens import common_ending, train_tokenizer


def own_tokenizer(
    data: TrainingView,
    prompts: Sequence[Sequence[Sequence[PromptPart]]],
    sentences: Iterable[str],
    size: int,
) -> Tokenizer:
    """Train a tokenizer on the words of the catalogue and of training reviews and ``sentences``.

    ``prompts`` are each task's, see :func:`fixed_wording`: what they always say becomes a token
    (:func:`~unimp_model.sequence.tokens.train_tokenizer`).
    """
    queries = sorted({query for query in data.catalogue.queries if query is not None})
    texts = [text for texts_of_item in item_texts(data) for text in texts_of_item] + queries
    for item in data.catalogue:
        texts.append(" ".join(["category title price id brand", *item.attributes]))
        texts += [] if item.price is None else [price_words(item.price)]
    texts += sentences
    return train_tokenizer(texts, phrases=fixed_wording(prompts), size=size)


def fixed_wording(prompts: Sequence[Sequence[Sequence[PromptPart]]]) -> list[str]:
    """Return what the prompts of each task always say, around items and queries.

    ``prompts`` holds, by task, the same prompt with different queries in it.
    """
    phrases: dict[str, None] = {}
    for of_task in prompts:
        for parts in zip(*of_task, strict=True):
            words = [part for part in parts if isinstance(part, str)]
            if words:
                phrases[common_ending(words)] = None
    return [phrase for phrase in phrases if phrase]


def attribute_tokens(template: Template, item: Item) -> list[int]:
    """Return the text tokens of an item's attributes: all but its own token."""
    return [t for key, value in template.attributes(item) if key != "id" for t in value]
