"""Parses JSON from strangers: bounded, unambiguous, finite.

Python's reader takes ``NaN``, keeps the last of two equal keys, recurses as deep as the file
says and reads integers of any length. Each of these is refused here under a code of its own.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from leaderboards.submission.findings import Refused, shown

#: Possessive, and content with a string that never ends: no input makes it look twice.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
#: Longer numbers are no counts and no scores.
_DIGITS = 40


def parse(raw: bytes, where: str, *, most_bytes: int, most_depth: int) -> Any:
    """Parse a JSON document in UTF-8, strictly.

    Raises :class:`Refused` with a code ``json-...`` and ``where`` for anything but one plain
    document within the limits.
    """
    if len(raw) > most_bytes:
        raise Refused("json-size", where, f"{len(raw)} bytes, at most {most_bytes} allowed.")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("json-encoding", where, f"Not UTF-8 at byte {error.start}.") from None
    _check_depth(text, where, most_depth)

    def refuse_constant(name: str) -> Any:
        raise Refused("json-number", where, f"{name} is no JSON number.")

    def number(kind: type[int] | type[float], digits: str) -> int | float:
        if len(digits) > _DIGITS:
            raise Refused("json-number", where, f"A number has {len(digits)} characters.")
        value = kind(digits)
        if isinstance(value, float) and not math.isfinite(value):
            raise Refused("json-number", where, f"{shown(digits)} is not a finite number.")
        return value

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, value in pairs:
            if name in result:
                raise Refused("json-duplicate-key", where, f"The key {shown(name)} stands twice.")
            result[name] = value
        return result

    try:
        return json.loads(
            text,
            parse_constant=refuse_constant,
            parse_int=lambda digits: number(int, digits),
            parse_float=lambda digits: number(float, digits),
            object_pairs_hook=unique,
        )
    except json.JSONDecodeError as error:
        reason = f"Not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        raise Refused("json-syntax", where, reason) from None


def _check_depth(text: str, where: str, most: int) -> None:
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub('""', text)):
        depth += 1 if bracket.group() in "[{" else -1
        if depth > most:
            raise Refused("json-depth", where, f"Brackets nest more than {most} deep.")
