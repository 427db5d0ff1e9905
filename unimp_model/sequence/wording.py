"""The words of the template: tokenizer, fixed wording, item texts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tokenizers import Tokenizer

from benchmark.data.catalogue import own_words
from benchmark.instances import (
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
from unimp_model.sequence.template import Template, price_words
from unimp_model.sequence.tokens import common_ending, train_tokenizer


def blank_instance(task: str, query: str | None) -> Instance:
    """An instance that carries just what the prompt of ``task`` shows."""
    nobody, item = ("", "", History()), Item("")
    if task == "search":
        return SearchInstance(*nobody, query or "")
    if task == "image-generation":
        return ImageGenerationInstance(*nobody, query or "")
    if task == "preference":
        return PreferenceInstance(*nobody, item)
    if task == "explanation":
        return ExplanationInstance(*nobody, item)
    if task == "selection":
        return SelectionInstance(*nobody, (item,))
    return RecommendationInstance(*nobody)


def own_tokenizer(data: TrainingView, tasks: Sequence[str], size: int) -> Tokenizer:
    """A tokenizer of the catalogue's and the training reviews' words; see train_tokenizer."""
    queries = sorted({query for query in data.catalogue.queries if query is not None})
    texts = [text for texts_of_item in item_texts(data) for text in texts_of_item] + queries
    for item in data.catalogue:
        texts.append("category title price id brand")
        texts += [] if item.price is None else [price_words(item.price)]
    if "explanation" in tasks:
        texts += data.interactions("train")["explanation"].drop_nulls().to_list()
    return train_tokenizer(texts, phrases=fixed_wording(tasks, queries), size=size)


def fixed_wording(tasks: Sequence[str], queries: Sequence[str]) -> list[str]:
    """What the prompts of ``tasks`` always say, around items and queries."""
    phrases: dict[str, None] = {}
    for task in tasks:
        blanks = [blank_instance(task, q) for q in ([*queries, "?"] if queries else [None])]
        prompts = [TASKS.get(task).prompt(blank) for blank in blanks]
        for parts in zip(*prompts, strict=True):
            words = [part for part in parts if isinstance(part, str)]
            if words:
                phrases[common_ending(words)] = None
    return [phrase for phrase in phrases if phrase]


def words_of(template: Template, item: Item) -> list[int]:
    """Text tokens of an item's attributes: all but its own token."""
    return [t for key, value in template.attributes(item) if key != "id" for t in value]


_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def item_texts(data: TrainingView) -> list[list[str]]:
    """Per catalogue item: its own words, its description, sentences of training reviews."""
    texts = [[own_words(item)] for item in data.catalogue]
    for i, item in enumerate(data.catalogue):
        if item.description:
            texts[i].append(item.description)
    rows = data.interactions("train").select("item_id", "review").drop_nulls().rows()
    for item_id, review in rows:
        sentences = [s for s in _SENTENCE_END.split(review) if len(s.split()) >= 3]
        texts[data.catalogue.index[item_id]] += sentences
    return texts
