"""Collect what is said about each item: by the catalogue, and by users in training."""

from __future__ import annotations

import re

from benchmark.data.catalogue import own_words
from benchmark.model import TrainingView

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def item_texts(data: TrainingView) -> list[list[str]]:
    """Return, per catalogue item, its own words, its description, sentences of training reviews."""
    texts = [[own_words(item)] for item in data.catalogue]
    for i, item in enumerate(data.catalogue):
        if item.description:
            texts[i].append(item.description)
    rows = data.interactions("train").select("item_id", "review").drop_nulls().rows()
    for item_id, review in rows:
        sentences = [s for s in _SENTENCE_END.split(review) if len(s.split()) >= 3]
        texts[data.catalogue.index[item_id]] += sentences
    return texts
