"""Settings as JSON says them: what a run's identity and its manifest can hold.

From Python they come as whatever a program has at hand; on the command line ``NaN`` is one.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any, NoReturn

from benchmark.errors import UsageError, shown

#: Of an integer. Python writes none of more than some 4,000 digits.
_MOST_BITS = 8192


def plain_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``settings`` in texts, numbers, truth values, none, lists and mappings of text.

    Paths, members of an Enum, tuples, sets and what numpy has are turned into those. Raises
    :class:`UsageError` with the setting's name for another value, and for a number or a text that
    JSON lacks.
    """
    if not isinstance(settings, Mapping):
        raise UsageError(
            f"The settings {shown(settings)} are no mapping.", fix='Give {"name": value, ...}.'
        )
    for name in settings:
        if not isinstance(name, str):
            raise UsageError(f"A setting is named {shown(name)}.", fix="Give its name as a text.")
    return {str(name): _plain(value, name) for name, value in settings.items()}


def in_order(values: Iterable[Any]) -> list[Any]:
    """Return plain ``values`` in an order of their own: that of a set is another each time."""
    return sorted(values, key=lambda value: json.dumps(value, sort_keys=True))


def _plain(value: Any, name: str) -> Any:
    numpy = sys.modules.get("numpy")
    if isinstance(value, Enum):
        return _plain(value.value, name)
    if numpy is not None and isinstance(value, numpy.generic | numpy.ndarray):
        value = value.tolist()  # a number of numpy's becomes Python's, of any size
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if value.bit_length() > _MOST_BITS:
            _refuse(value, name, "Give a smaller number.")
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            _refuse(value, name, "Give a finite number.")
        return float(value)
    if isinstance(value, PurePath | str):
        return _encodable(str(value), name)
    if isinstance(value, Mapping):
        return {_key(key, name): _plain(part, name) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, name) for part in value]
    if isinstance(value, set | frozenset):
        return in_order(_plain(part, name) for part in value)
    _refuse(value, name, "Give numbers, texts, true or false, None, or lists and mappings of them.")


def _key(key: Any, name: str) -> str:
    plain = _plain(key, name)
    if isinstance(plain, bool) or not isinstance(plain, str | int):
        _refuse(key, name, "Name the entries of a mapping by texts.")
    return str(plain)


def _encodable(text: str, name: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse(text, name, "Give a text of whole characters, in UTF-8.")
    return text


def _refuse(value: Any, name: str, fix: str) -> NoReturn:
    raise UsageError(f"Setting {name} = {shown(value)} cannot be recorded.", fix=fix)
