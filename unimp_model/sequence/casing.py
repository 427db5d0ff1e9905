"""Restore capital letters for a model that reads and writes lower case: a truecaser.

Lita et al. (2003) in its simplest form: every word gets the casing it has most often inside
training sentences, and a sentence starts with a capital.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

_WORD = re.compile(r"\w+(?:['’-]\w+)*")


def learn_casing(sentences: Iterable[str]) -> dict[str, str]:
    """Learn each lower-case word's usual form, of words that are not usually lower case.

    First words are not counted: their capital may belong to the sentence.
    """
    forms: dict[str, Counter[str]] = defaultdict(Counter)
    for sentence in sentences:
        for match in list(_WORD.finditer(sentence))[1:]:
            forms[match.group().lower()][match.group()] += 1
    usual = {
        word: min(counts, key=lambda form: (-counts[form], form)) for word, counts in forms.items()
    }
    return {word: form for word, form in sorted(usual.items()) if form != word}


def apply_casing(text: str, casing: Mapping[str, str]) -> str:
    """Return ``text`` with each known word in its usual form and a capital at its start."""
    cased = _WORD.sub(lambda match: casing.get(match.group(), match.group()), text)
    return cased[:1].upper() + cased[1:]
