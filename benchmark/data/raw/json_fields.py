"""Check values of JSON records: a wrong one raises ``ValueError`` saying which and why."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from benchmark.data.schema import LONGEST_ID
from benchmark.errors import shown

_YEAR_10000 = 253_402_300_800_000  # in milliseconds
_HIGHEST_PRICE = 1e9
_PRICE = re.compile(r"\$?\s*(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?")


def identifier(record: Mapping[str, Any], key: str) -> str:
    """Return an id: a text that is neither empty nor endless."""
    value = record.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key} is {shown(value)}, not an id")
    if len(value) > LONGEST_ID:
        raise ValueError(f"{key} is {shown(value)}, an id has at most {LONGEST_ID:,}")
    return value


def milliseconds(record: Mapping[str, Any], key: str) -> int:
    """Return a time since 1970 in milliseconds."""
    value = record.get(key)
    if not is_number(value, 0, _YEAR_10000):
        raise ValueError(f"{key} is {shown(value)}, not a time in milliseconds")
    return int(value)


def rating(record: Mapping[str, Any], key: str, scale: tuple[float, float]) -> float | None:
    """Return a number on ``scale``, or ``None`` for one not given."""
    value = record.get(key)
    if value is None:
        return None
    low, high = scale
    if not is_number(value, low, high):
        raise ValueError(f"{key} is {shown(value)}, not a number from {low:g} to {high:g}")
    return float(value)


def dollars(value: object) -> float | None:
    """Return an amount (a number, or text like "$1,299.00"); ``None`` for anything else."""
    if isinstance(value, str) and (match := _PRICE.fullmatch(value.strip())) is not None:
        value = float(match[1].replace(",", "") + (match[2] or ""))
    return float(value) if is_number(value, 0, _HIGHEST_PRICE) else None


def text(record: Mapping[str, Any], key: str) -> str | None:
    """Return the plain text of a field; the texts of a list become its lines."""
    value = record.get(key)
    if isinstance(value, str):
        return plain_text(value)
    return "\n".join(texts(record, key)) or None


def texts(record: Mapping[str, Any], key: str) -> list[str]:
    """Return the plain texts of a field that holds a text, a list of texts, or nothing."""
    value = record.get(key)
    found = []
    for part in value if isinstance(value, list) else [value]:
        if part is None:
            continue
        if not isinstance(part, str):
            raise ValueError(f"{key} is {shown(value)}, not text")
        if (plain := plain_text(part)) is not None:
            found.append(plain)
    return found


def is_number(value: object, low: float, high: float) -> TypeGuard[int | float]:
    """Return whether ``value`` is a number from ``low`` to ``high`` (NaN and ``true`` are none)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


_BREAK = re.compile(r"<\s*(?:br|/?(?:p|div|li|ul|ol|tr|h[1-6]))\b[^<>]*>", re.IGNORECASE)


#: A letter or slash must follow: "<3" and "5 < 6" are text.
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")


#: With its semicolon only: "R&D" and "black&copper" are text.
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")


_LINK = re.compile(r"\[\[ASIN:\w+\s*([^\[\]]*)\]\]")


_MEDIA = re.compile(r"\[\[(?:VIDEO|IMAGE)ID:[^\[\]]*\]\]")


def plain_text(text: str) -> str | None:
    """Return ``text`` without markup, or ``None`` when nothing is left.

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
    if "\n" not in text:
        return " ".join(text.split()) or None
    lines = [" ".join(line.split()) for line in text.split("\n")]
    return "\n".join([line for line in lines if line]) or None
