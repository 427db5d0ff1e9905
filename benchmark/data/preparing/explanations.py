"""Choose explanation targets: the sentence of a review that speaks most of the item itself.

The paper takes annotated review sentences from files that are not public. The rule here is
fixed and needs nothing but the review: of the sentences of 4 to 30 words, the one that
mentions the most distinct words of the item's title, category, brand and attribute values;
of equals the earlier; none when no sentence mentions any. Stop words, numbers and words of
one or two letters are no mention, but for scripts of which each letter is a word; a plural
matches its singular.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from benchmark.data.queries import STOP_WORDS, words
from benchmark.words import stands_alone

SHORTEST, LONGEST = 4, 30

#: Behind a full stop of a script that sets no space after it, none is needed.
_BOUNDARY = re.compile(
    r"(?<=[.!?؟।॥။])[\"'”’)]*\s+|(?<=[。！？｡])[\"'”’」』）)]*\s*(?=.)|\s*[\r\n]+\s*"
)


def item_words(row: Mapping[str, object]) -> frozenset[str]:
    """Return the words by which a review may mention an item (a row of items.parquet)."""
    texts: list[str] = [str(row[key]) for key in ("title", "brand") if row.get(key)]
    texts += _strings(row.get("category"))
    for pair in _iterable(row.get("attributes")):
        assert isinstance(pair, Mapping)
        texts.append(str(pair["value"]))
    return frozenset(mentioned(words(" ".join(texts))))


def best_sentence(review: str, mentions: frozenset[str]) -> str | None:
    """Return the explanation in ``review`` of an item known by the words ``mentions``."""
    best, best_count = None, 0
    for sentence in _BOUNDARY.split(review):
        said = _said(sentence)
        if said is not None:
            count = len(mentions & said)
            if count > best_count:
                best, best_count = " ".join(sentence.split()), count
    return best


@lru_cache(maxsize=1 << 16)
def _said(sentence: str) -> frozenset[str] | None:
    """What a sentence may mention; ``None`` for one too short or too long. Many are repeated."""
    found = words(sentence)
    return frozenset(mentioned(found)) if SHORTEST <= len(found) <= LONGEST else None


def mentioned(found: Iterable[str]) -> set[str]:
    """Return what the words ``found`` may mention, plurals as their singular."""
    return {mention for word in found if (mention := _mention(word)) is not None}


@lru_cache(maxsize=1 << 17)
def _mention(word: str) -> str | None:
    """What a word mentions, ``None`` where that is nothing. Most words come again."""
    if word in STOP_WORDS or word.isdigit() or not (len(word) > 2 or stands_alone(word)):
        return None
    plural = len(word) > 3 and word.endswith("s") and not word.endswith("ss")
    return word[:-1] if plural else word


def _iterable(value: object) -> Iterable[object]:
    return value if isinstance(value, (list, tuple)) else ()


def _strings(value: object) -> list[str]:
    return [str(part) for part in _iterable(value)]
