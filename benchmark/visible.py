"""Tell what a text shows: whether anything is visible in it, and which marks act unseen."""

from __future__ import annotations

import unicodedata

#: Characters of ordinary categories that draw nothing: fillers, joiners, the empty Braille cell.
_DRAWS_NOTHING = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u2800\u3164\uffa0\ufe00\ufe0e\ufe0f"
)
#: Turns the order of the characters around it.
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def is_blank(text: str) -> bool:
    """Return whether nothing of ``text`` can be seen: spaces, controls and fillers only."""
    return all(draws_nothing(character) for character in text)


def draws_nothing(character: str) -> bool:
    """Return whether ``character`` is a space, a control, a format mark or a filler."""
    return unicodedata.category(character)[0] in "ZC" or is_filler(character)


def is_filler(character: str) -> bool:
    """Return whether ``character`` counts as a letter or mark and draws nothing by itself."""
    return character in _DRAWS_NOTHING


def control_character(text: str) -> str | None:
    """Return the first character that acts unseen: a control other than a space, or one that
    turns the reading direction; ``None`` where there is none."""
    for character in text:
        is_control = unicodedata.category(character) == "Cc" and not character.isspace()
        if is_control or character in _TURNS:
            return character
    return None
