"""Read times of JSON records in the unit they are said to be in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from benchmark.data.raw.time_columns import EARLIEST, LATEST
from benchmark.errors import shown

Unit = Literal["seconds", "milliseconds", "microseconds"]

_PER_SECOND: Mapping[Unit, int] = {
    "seconds": 1,
    "milliseconds": 1_000,
    "microseconds": 1_000_000,
}


def per_second(unit: Unit) -> int:
    """Return how many of ``unit`` make a second."""
    return _PER_SECOND[unit]


def since_1970(record: Mapping[str, Any], key: str, unit: Unit) -> int:
    """Return a field's time in ``unit`` since 1970, between 1990 and 2100.

    Raises ``ValueError`` for anything else, and says so where the number is a time in another unit.
    """
    value: Any = record.get(key)
    if _within(value, unit):
        return int(value)
    other = next((name for name in _PER_SECOND if _within(value, name)), None)
    hint = "" if other is None else f": in {other} it is {_day(value, other)}"
    raise ValueError(f"{key} is {shown(value)}, not a time in {unit}{hint}")


def _within(value: object, unit: Unit) -> bool:
    """Whether ``value`` is a number of a plausible time; NaN and ``true`` are none."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    return EARLIEST * _PER_SECOND[unit] <= value < LATEST * _PER_SECOND[unit]


def _day(value: object, unit: Unit) -> str:
    assert isinstance(value, (int, float))
    return datetime.fromtimestamp(value / _PER_SECOND[unit], UTC).date().isoformat()
