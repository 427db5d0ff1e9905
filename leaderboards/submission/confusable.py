"""Tells texts that are taken for others: letters borrowed from a script, names a glyph apart.

After Unicode Technical Standard 39, Unicode Security Mechanisms: the letters of its confusables
that look like Latin ones, and its idea of a skeleton, equal for names that look alike.
"""

from __future__ import annotations

import re
import unicodedata

#: Letters of other scripts that look like a Latin one, beside it.
_LOOKALIKES = {
    # Cyrillic
    **dict(zip("аеорсухіјѕһԁԛԝѵь", "aeopcyxijshdqwvb", strict=True)),
    **dict(zip("АВЕКМНОРСТУХЅІЈԌԚԜ", "ABEKMHOPCTYXSIJGQW", strict=True)),
    # Greek
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧονιρ", "ABEZHIKMNOPTYXovip", strict=True)),
    # Armenian, and Latin letters that no keyboard has
    **dict(zip("օսոհԼՍՏıɑɡ", "ounhLUSiag", strict=True)),
}
_WORD = re.compile(r"[^\W\d_]+")
#: Latin letters and digits that one another are taken for.
_TAKEN_FOR = (("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l"), ("i", "l"), ("5", "s"))


def borrowed(text: str) -> str | None:
    """Return the first letter that only looks as it should, or ``None``.

    That is one of another script in a word with Latin letters, and one of a style (full width,
    mathematical) that stands for a plain letter or digit.
    """
    for character in text:
        plain = unicodedata.normalize("NFKC", character)
        styled = character != plain and len(plain) == 1 and plain.isascii() and plain.isalnum()
        if styled and unicodedata.category(character)[0] in "LN" and not _is_raised(character):
            return character
    for word in _WORD.findall(text):
        if any("a" <= letter <= "z" for letter in word.casefold()):
            for letter in str(word):
                if letter in _LOOKALIKES:
                    return letter
    return None


def skeleton(name: str) -> str:
    """Return what ``name`` looks like: equal for names that are taken for one another."""
    text = "".join(
        _LOOKALIKES.get(letter, letter) for letter in unicodedata.normalize("NFKC", name)
    )
    text = re.sub(r"[\W_]", "", text.casefold())
    for written, seen in _TAKEN_FOR:
        text = text.replace(written, seen)
    return text


def _is_raised(character: str) -> bool:
    """Superscripts and subscripts, as in m²: nobody takes them for the plain one."""
    return unicodedata.decomposition(character).startswith(("<super>", "<sub>", "<circle>"))
