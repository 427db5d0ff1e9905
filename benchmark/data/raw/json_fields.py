"""Check values of JSON records: a wrong one raises ``ValueError`` saying which and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from benchmark.data.raw.markup import plain_text
from benchmark.data.schema import LONGEST_ID
from benchmark.errors import shown

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
