"""Checks that submitted text is plain: one line, no markup, nothing invisible.

The site escapes everything anyway. Refusing markup here as well keeps it out of the other places
that a name ends up in: Markdown, LaTeX, terminals, file names.
"""

from __future__ import annotations

import re
import unicodedata

from benchmark.visible import is_blank, is_filler

#: Tags, entities, Markdown's links and code, LaTeX's commands.
_MARKUP = re.compile(
    r"[<>`\\{}]|&(?:#\w{1,8}|\w{2,31});|\]\(|\]\[|!\[|\$\$|javascript:", re.IGNORECASE
)
#: Marks on one character; more of them climb over the neighbouring lines.
_STACKED = 3


def problem(text: str) -> tuple[str, str] | None:
    """Return ``(code, reason)`` when ``text`` is not plain, else ``None``."""
    stacked = 0
    for character in text:
        category = unicodedata.category(character)
        if category[0] == "C" or category in ("Zl", "Zp") or is_filler(character):
            return "text-control", f"holds the character U+{ord(character):04X}"
        stacked = stacked + 1 if category in ("Mn", "Me") else 0
        if stacked > _STACKED:
            return "text-control", f"stacks more than {_STACKED} marks on one character"
    found = _MARKUP.search(text)
    if found is not None:
        return "text-markup", f"holds markup ({found.group()!a})"
    if is_blank(text):
        return "text-empty", "is blank"
    return None
