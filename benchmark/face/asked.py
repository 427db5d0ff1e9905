"""What a caller asks for, checked as the command line checks its options.

A program has other values at hand than a shell: numbers of numpy's, one model where several are
asked for. What means the same becomes the same, and the rest is refused before any work.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.errors import UsageError, shown
from benchmark.models.from_class import model_named

if TYPE_CHECKING:
    import os


def whole(value: Any, what: str) -> int:
    """Return ``value`` as an integer; :class:`UsageError` for what is none, ``True`` included."""
    try:
        if not isinstance(value, bool):
            return operator.index(value)
    except TypeError:
        pass
    raise UsageError(f"{what} {shown(value)} is no integer.", fix="Give one, such as 0 or 1.")


def whole_numbers(values: Iterable[Any], what: str) -> list[int]:
    """Return ``values`` as integers; ``what`` names one of them."""
    return [whole(value, what) for value in _several(values, f"{what}s", "[0, 1]")]


def number(value: Any, what: str) -> float:
    """Return ``value`` as a number."""
    try:
        if not isinstance(value, bool | str):
            return float(value)
    except (TypeError, ValueError):
        pass
    raise UsageError(f"{what} {shown(value)} is no number.", fix="Give a number such as 60.")


def name(value: Any, what: str) -> str:
    """Return ``value``, which is to be a name."""
    if isinstance(value, str):
        return value
    raise UsageError(f"{what} {shown(value)} is no name.", fix="Give its name as a text.")


def names(values: str | Iterable[Any], what: str) -> list[str]:
    """Return ``values``, which may be a single name; ``what`` names one of them."""
    each = [values] if isinstance(values, str) else _several(values, f"{what}s", '["NAME"]')
    return [name(value, what) for value in each]


def models(values: str | type | Iterable[Any]) -> list[str]:
    """Return the names of models, of which a single one may be given."""
    each = [values] if isinstance(values, str | type) else _several(values, "models", '["NAME"]')
    return [model_named(one) for one in each]


def path(value: str | os.PathLike[str] | None, what: str) -> Path | None:
    """Return ``value`` as a path, ``None`` where there is none."""
    try:
        return None if value is None else Path(value)
    except TypeError:
        raise UsageError(
            f"{what} {shown(value)} is no path.", fix="Give a text or a Path."
        ) from None


def _several(values: Any, what: str, example: str) -> Sequence[Any]:
    if not isinstance(values, str | bytes):
        try:
            return list(values)
        except TypeError:
            pass
    raise UsageError(f"{what} {shown(values)} are no list.", fix=f"Give a list such as {example}.")
