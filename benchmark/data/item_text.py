"""An item's text in one line."""

from __future__ import annotations

from benchmark.instances import Item


def own_words(item: Item) -> str:
    """Title, category, brand and attribute values of an item in one line."""
    parts = [item.title or "", *item.category, item.brand or "", *item.attributes.values()]
    return " ".join(part for part in parts if part)
