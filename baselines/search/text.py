"""Items and queries as words, the same for every system that reads queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from bm25s.stopwords import STOPWORDS_EN

from benchmark.instances import Item
from benchmark.words import underscored_words

TextField = Literal["category", "title", "brand", "description"]


def document(item: Item, fields: Sequence[TextField]) -> str:
    """Join the named fields of an item in that order, missing ones left out."""
    texts = {
        "category": " ".join(item.category),
        "title": item.title,
        "brand": item.brand,
        "description": item.description,
    }
    return " ".join(text for field in fields if (text := texts[field]))


def words(text: str) -> list[str]:
    """Split into lower-cased words without Lucene's 33 English stop words; no stemming."""
    return [word for word in underscored_words(text) if word not in STOPWORDS_EN]
