"""Take markup out of raw texts, and tell texts that are nothing but scraps of it."""

from __future__ import annotations

import html
import re
import unicodedata

import numpy as np
import polars as pl

_BREAK = re.compile(r"<\s*(?:br|/?(?:p|div|li|ul|ol|tr|h[1-6]))\b[^<>]*>", re.IGNORECASE)
#: A letter or slash must follow: "<3" and "5 < 6" are text.
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
#: With its semicolon only: "R&D" and "black&copper" are text.
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_LINK = re.compile(r"\[\[ASIN:\w+\s*([^\[\]]*)\]\]")
_MEDIA = re.compile(r"\[\[(?:VIDEO|IMAGE)ID:[^\[\]]*\]\]")
#: What a page cut in the wrong place leaves: the beginning of a tag with an attribute, a script or
#: style that was opened, the end of a tag whose beginning is lost, or rules of a style sheet.
_SCRAP = re.compile(
    r"""<[a-zA-Z][\w-]*\s+[\w-]+\s*=\s*["'][^<>]*$ | <(?:script|style)\b
      | ^[^<>]*["']\s*/?> | ^\s*[.\#][\w-]+(?:[\s.,\#>][\w\s.,\#>-]*)?\{""",
    re.VERBOSE | re.IGNORECASE,
)
#: Characters that are frequent, no space and no markup, and that NFC leaves alone: ASCII's, letters
#: of Latin and Cyrillic, quotation marks and dashes, kana, ideographs, pictures.
_STEADY = (
    r"!-%'-;=-~\x{A1}-\x{17F}\x{410}-\x{44F}\x{2010}-\x{2027}\x{2030}-\x{205E}"
    r"\x{20AC}\x{2122}\x{3041}-\x{3096}\x{30A1}-\x{30FA}\x{4E00}-\x{9FFF}\x{1F300}-\x{1FAFF}"
)
#: What tells a text that may not be plain already: any other character, two brackets, two spaces
#: or one at an end, nothing.
TOUCHED = rf"[^ {_STEADY}]|\[\[|  |^ | $|^$"


def plain_text(text: str) -> str | None:
    """Return ``text`` without markup and in NFC, or ``None`` when nothing is left.

    Line breaks and block tags become line ends, other tags vanish, entities become their
    characters (some are escaped twice), ``[[ASIN:B000000000 name]]`` becomes the name and
    ``[[VIDEOID:...]]`` vanishes. Spaces are single, blank lines are dropped.
    """
    if "<" in text:
        text = _TAG.sub("", _BREAK.sub("\n", text))
    if "[[" in text:
        text = _MEDIA.sub(" ", _LINK.sub(r"\1", text))
    for _ in range(2):
        if "&" in text:
            text = _ENTITY.sub(lambda match: html.unescape(match.group()), text)
    text = unicodedata.normalize("NFC", text)
    if "\n" not in text:
        return " ".join(text.split()) or None
    lines = [" ".join(line.split()) for line in text.split("\n")]
    return "\n".join([line for line in lines if line]) or None


def plain_texts(texts: pl.Series) -> pl.Series:
    """Return :func:`plain_text` of each text, null where there is none."""
    touched = texts.str.contains(TOUCHED).fill_null(False)
    if not touched.any():
        return texts
    others = [plain_text(text) for text in texts.filter(touched).to_list()]
    place = np.arange(len(texts))
    place[touched.to_numpy()] = len(texts) + np.arange(len(others))
    both = pl.concat([texts, pl.Series(texts.name, others, dtype=pl.String)])
    return both.gather(place)


def is_scrap(text: str) -> bool:
    """Return whether ``text`` is a piece of a page's source and not what the page showed."""
    return _SCRAP.search(text) is not None
