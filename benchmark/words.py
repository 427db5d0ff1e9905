"""Words of texts in any script, by Unicode's properties of characters.

A word is a run of letters and digits with the marks that belong to them (vowel signs, accents),
in lower case and composed (NFC), so that two encodings of one text have the same words. Scripts
whose words no space parts (Han, Hiragana, Thai, Lao, Khmer, Burmese and their like) give one word
per letter with its marks: no dictionary is asked, so the words are the same on every machine.

Of an ASCII text all of this is Python's own ``re``: what English scored before, it still scores.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Any

#: Letters and digits; ``re`` has no other name for them.
_PLAIN = r"[^\W_]"
#: Letters of scripts without spaces between words (Line_Break=SA: the scripts of South East Asia).
_UNSPACED = r"[[\p{Script=Han}\p{Script=Hiragana}\p{Line_Break=SA}]&&[\p{L}\p{Nl}]]"
#: ... one of them with its marks, as a word of its own.
_LETTER = rf"{_UNSPACED}\p{{M}}*"


def _run(characters: str) -> str:
    """Some of ``characters``, each with its marks; joiners stand inside words of Persian."""
    letter = rf"[{characters}]\p{{M}}*"
    return rf"(?:{letter})(?:[\u200c\u200d]?{letter})*"


_ALPHANUMERIC = r"[\p{L}\p{N}]"
_SPACED = _run(rf"{_ALPHANUMERIC}--{_UNSPACED}")
_WRITTEN = _run(_ALPHANUMERIC)
#: Patterns by what makes a word: ``(of ASCII texts, of all others)``.
_JOINED = (
    rf"{_PLAIN}+(?:['-]{_PLAIN}+)*",
    rf"{_LETTER}|{_SPACED}(?:['’-]{_SPACED})*",
)
_AS_WRITTEN = (_JOINED[0], rf"{_WRITTEN}(?:['’-]{_WRITTEN})*")
_UNDERSCORED = (r"\w+", "|".join([_LETTER, _run(rf"[\p{{L}}\p{{N}}_]--{_UNSPACED}")]))
_PARTED = (r"[a-z0-9]+", "|".join([_LETTER, _run(rf"[\p{{L}}\p{{Nd}}]--{_UNSPACED}")]))


def joined_words(text: str) -> list[str]:
    """Return lower-case words, in order; inner hyphens and apostrophes join (``t-shirt``)."""
    return _found(_JOINED, text)


def written_words(text: str) -> list[str]:
    """Return the same, letters of scripts without spaces left together as they are written."""
    return _found(_AS_WRITTEN, text)


def underscored_words(text: str) -> list[str]:
    """Return lower-case words, in order, parted by all that is no letter, digit or underscore."""
    return _found(_UNDERSCORED, text)


def parted_words(text: str) -> list[str]:
    """Return lower-case words, in order, parted by all that is no letter or decimal digit.

    A text without any has its visible characters for words: an emoji is as good as its name.
    """
    found = _found(_PARTED, text)
    if found or text.isascii():
        return found
    return [sign for sign in _compiled(r"\X").findall(_composed(text)) if not sign.isspace()]


def spaced(text: str) -> str:
    """Return the composed text with spaces around each letter of a script that sets none.

    What splits at spaces and punctuation, as the tokenizers of English do, then finds words in it.
    """
    if text.isascii():
        return text
    return str(_compiled(rf"({_LETTER})").sub(r" \1 ", _composed(text)))


def stands_alone(word: str) -> bool:
    """Return whether ``word`` is a letter of a script that sets no spaces between words."""
    return not word.isascii() and _compiled(_LETTER).fullmatch(word) is not None


def _found(patterns: tuple[str, str], text: str) -> list[str]:
    plain, any_script = patterns
    if text.isascii():
        return re.findall(plain, text.lower())
    found: list[str] = _compiled(any_script).findall(_composed(text.lower()))
    return found


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


@functools.cache
def _compiled(pattern: str) -> Any:
    """``pattern`` under Unicode's properties; the library is loaded for the first such text."""
    import regex

    return regex.compile(pattern, regex.VERSION1)
