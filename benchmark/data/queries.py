"""Make search queries from category paths.

After Ai et al., "Learning a Hierarchical Embedding Model for Personalized Product Search"
(SIGIR 2017), as the paper does: the words of the category path from general to specific,
lower-cased, without stop words and repeated words. A path of one level gives no query: it
says nothing a whole department does not say.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.words import joined_words, written_words

STOP_WORDS = frozenset(
    joined_words(
        "a an and as at by for from in into is it its of off on or other others out over per "
        "than that the their this to under up via with without"
    )
)


def words(text: str) -> list[str]:
    """Return lower-case words of any script, inner hyphens and apostrophes kept."""
    return joined_words(text)


def category_query(path: Sequence[str]) -> str | None:
    """Return the query of a category path; ``None`` for fewer than two levels or no word left."""
    levels = [level for level in path if level and level.strip()]
    if len(levels) < 2:
        return None
    kept = dict.fromkeys(
        word for level in levels for word in written_words(level) if word not in STOP_WORDS
    )
    return " ".join(kept) or None
