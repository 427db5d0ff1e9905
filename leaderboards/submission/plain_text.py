"""Checks that submitted text is plain: one line, no markup, nothing invisible or borrowed.

The site escapes everything anyway. Refusing markup here as well keeps it out of the other places
that a name ends up in: Markdown, LaTeX, terminals, file names.
"""

from __future__ import annotations

import re
import unicodedata

from benchmark.visible import draws_nothing, is_filler
from leaderboards.submission.confusable import borrowed

#: Tags, entities, Markdown's links and code, LaTeX's commands.
_MARKUP = re.compile(
    r"[<>`\\{}]|&(?:#\w{1,8}|\w{2,31});|\]\(|\]\[|!\[|\$\$|javascript:", re.IGNORECASE
)
#: Marks on one character; more of them climb over the neighbouring lines.
_STACKED = 3
#: Characters that choose a form of the one before and draw nothing: Unicode's variation selectors.
_SELECTORS = re.compile("[\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def is_unseen(character: str) -> bool:
    """Return whether ``character`` draws nothing, a variation selector among others."""
    return draws_nothing(character) or _SELECTORS.match(character) is not None


def problem(text: str) -> tuple[str, str] | None:
    """Return ``(code, reason)`` when ``text`` is not plain, else ``None``."""
    stacked = 0
    for character in text:
        category = unicodedata.category(character)
        hidden = category[0] == "C" or category in ("Zl", "Zp") or is_filler(character)
        if hidden or _SELECTORS.match(character):
            return "text-control", f"holds the character U+{ord(character):04X}"
        stacked = stacked + 1 if category in ("Mn", "Me") else 0
        if stacked > _STACKED:
            return "text-control", f"stacks more than {_STACKED} marks on one character"
    found = _MARKUP.search(text)
    if found is not None:
        return "text-markup", f"holds markup ({found.group()!a})"
    if all(map(is_unseen, text)):
        return "text-empty", "is blank"
    if (letter := borrowed(text)) is not None:
        reason = f"holds U+{ord(letter):04X}, which is taken for another letter"
        return "text-confusable", reason
    return None


#: What people type where something is asked that they do not want to say.
_PLACEHOLDERS = frozenset({"todo", "tbd", "na", "nil", "null", "test", "foo", "bar", "asdf", "abc"})
_FEWEST_LETTERS = 3


def says_nothing(text: str) -> bool:
    """Return whether a declaration is a mere placeholder: x, dashes, TODO."""
    letters = [c for c in text.casefold() if c.isalnum()]
    few = len(set(letters)) < _FEWEST_LETTERS
    ideographs = any(unicodedata.category(c) == "Lo" for c in letters)  # words of one character
    return (few and not ideographs) or "".join(letters) in _PLACEHOLDERS
