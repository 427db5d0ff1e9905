"""What a search may choose: ranges and choices, by the name of a model's setting.

A space is plain data, beside the models (``ModelEntry.space``) or in a user's TOML file::

    learning_rate = { low = 1e-4, high = 1e-2, log = true }
    n_layers = { low = 1, high = 4 }
    hidden_size = [32, 64, 128]
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union, cast

from benchmark.errors import BenchError, UsageError, shown, unknown_name
from benchmark.models.building import BuiltModel, configure

#: Suggested numbers keep so many digits: enough to search by, few enough to type again.
_DIGITS = 4
#: They keep more where a range is so narrow that fewer numbers than these would lie in it.
_LEAST_STEPS = 100
_RANGE_KEYS = ("low", "high", "log")


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds numbers by ``low`` and ``high``, both included; ``log``: evenly by order of magnitude.

    ``whole``: whole numbers alone.
    """

    low: float
    high: float
    log: bool
    whole: bool

    def holds(self, value: object) -> bool:
        """Return whether ``value`` is a number this range can suggest."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return self.low <= value <= self.high and (not self.whole or value == int(value))

    def count(self) -> int | None:
        """Return how many values it holds; ``None`` for any number of them."""
        return int(self.high) - int(self.low) + 1 if self.whole else None

    def value(self, number: int) -> Any:
        """Return value ``number``, from 0, of a range of whole numbers."""
        return int(self.low) + number

    def ends(self) -> tuple[Any, ...]:
        """Return what a model must accept, so that it may accept what lies between."""
        return self.low, self.high

    def rounded(self, value: float) -> float | int:
        """Return a suggested ``value`` with few digits, still inside."""
        if self.whole:
            return int(value)
        widths = max(abs(self.low), abs(self.high)) / (self.high - self.low)
        digits = max(_DIGITS, math.ceil(math.log10(max(widths, 1.0) * _LEAST_STEPS)))
        return min(max(float(f"{value:.{digits}g}"), self.low), self.high)

    def to_json(self) -> dict[str, Any]:
        """Return it as it is written in a space."""
        return {"low": self.low, "high": self.high, "log": self.log}


@dataclass(frozen=True, slots=True)
class Choices:
    """Offers one of several values, of any kind that JSON has."""

    values: tuple[Any, ...]

    def holds(self, value: object) -> bool:
        """Return whether ``value`` is one of them."""
        return self.position(value) is not None

    def count(self) -> int:
        """Return how many there are."""
        return len(self.values)

    def value(self, number: int) -> Any:
        """Return value ``number``, from 0."""
        return self.values[number]

    def ends(self) -> tuple[Any, ...]:
        """Return all of them: each is to be accepted."""
        return self.values

    def position(self, value: object) -> int | None:
        """Return the place of ``value``, if it has one; 1, 1.0 and true are three values.

        Where a number is not among them as it is written, one that is equal stands for it: a
        setting of 0.0 is held by ``[0, 0.1]``.
        """
        wanted = json.dumps(value)
        written = [i for i, v in enumerate(self.values) if json.dumps(v) == wanted]
        equal = [i for i, v in enumerate(self.values) if _are_one_number(v, value)]
        return next(iter(written + equal), None)

    def to_json(self) -> list[Any]:
        """Return it as it is written in a space."""
        return list(self.values)


def _are_one_number(one: object, other: object) -> bool:
    numbers = (type(each) in (int, float) for each in (one, other))
    return all(numbers) and one == other


Dimension = Union[Range, Choices]
#: Setting -> what it may become, in order of names.
Space = Mapping[str, Dimension]


def space_for(
    built: BuiltModel, fixed: Mapping[str, Any], file: Path | None
) -> dict[str, Dimension]:
    """Return what a search over ``built`` may choose, every name and value checked.

    ``file`` replaces the model's own space. ``fixed`` are the settings given by ``--set``: they
    and what the variant sets are left out of the model's own space, since naming a variant says
    what it is, and refused in a file. Raises :class:`UsageError` for an unknown setting, a value
    the model refuses, and where nothing is left to choose.
    """
    if file is None:
        held = {**built.entry.settings(built.variant), **fixed}
        written: Mapping[str, Any] = {k: v for k, v in built.entry.space.items() if k not in held}
        where = f"the space of {built.entry.name}"
        if not written:
            reason = "all of them are set" if built.entry.space else "its entry declares none"
            raise UsageError(
                f"Model {built.label!r} has no settings to search: {reason}.",
                fix="Give a search space with --space FILE.toml (docs/tune.md).",
            )
    else:
        written, where = _read(file), str(file)
        for name in written:
            if name in fixed:
                raise UsageError(
                    f"{where} searches {name!r}, which --set fixes.", fix="Leave out one of them."
                )
    # In order of names: a file that lists the same in another order asks the same.
    return {name: _dimension(built, fixed, name, written[name], where) for name in sorted(written)}


def points(space: Space) -> int | None:
    """Return how many configurations ``space`` holds; ``None`` where a range has no end of them."""
    counts = [dimension.count() for dimension in space.values()]
    return None if None in counts else math.prod(count for count in counts if count is not None)


def point(space: Space, number: int) -> dict[str, Any]:
    """Return configuration ``number``, from 0, of a space that has :func:`points`."""
    found = {}
    for name, dimension in space.items():
        number, place = divmod(number, dimension.count() or 1)
        found[name] = dimension.value(place)
    return found


def space_json(space: Space) -> dict[str, Any]:
    """Return ``space`` as data; what the identity of a search rests on."""
    return {name: dimension.to_json() for name, dimension in space.items()}


def defaults_in(space: Space, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the settings ``config`` has without any search, or ``None`` where one lies outside."""
    defaults = {}
    for name, dimension in space.items():
        value = config[name]
        if isinstance(dimension, Choices):
            place = dimension.position(value)
            if place is None:
                return None
            value = dimension.value(place)  # as it is written there: a later one is the same
        elif not dimension.holds(value):
            return None
        defaults[name] = value
    return defaults


def _read(file: Path) -> dict[str, Any]:
    fix = "A search space is a TOML file of settings (docs/tune.md)."
    try:
        written = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UsageError(f"There is no file {str(file)!r}.", fix="Check --space.") from None
    except OSError as error:
        raise BenchError(f"Cannot read {str(file)!r}: {error.strerror}.", fix=fix) from error
    except (ValueError, RecursionError) as error:  # no text, no TOML, a number without end
        raise UsageError(f"{str(file)!r} is not valid TOML: {error}.", fix=fix) from error
    if not written:
        raise UsageError(f"{str(file)!r} names no setting to search.", fix=fix)
    return written


def _dimension(
    built: BuiltModel, fixed: Mapping[str, Any], name: str, written: Any, where: str
) -> Dimension:
    if name not in built.config:
        raise unknown_name(f"setting of {built.entry.name} in {where}", name, built.config)
    if isinstance(written, Mapping):
        dimension: Dimension = _range(built, fixed, name, written, where)
    elif isinstance(written, Sequence) and not isinstance(written, str):
        dimension = _choices(name, written, where)
    else:
        raise UsageError(
            f"{where}: {name} = {written!r} is no search space.",
            fix=f"Write {name} = [A, B, C] or {name} = {{ low = A, high = B }}.",
        )
    for value in dimension.ends():
        if (refused := _refusal(built, fixed, name, value)) is not None:
            raise UsageError(
                f"{where}: {refused.message}", fix=f"Search only values of {name} that it takes."
            ) from refused
    if isinstance(dimension, Range) and not dimension.whole:
        refused = _refusal(built, fixed, name, _fraction(dimension.low, dimension.high))
        if refused is not None:  # 1.0 and 3.0 are taken for 1 and 3; what lies between is not
            raise UsageError(
                f"{where}: {refused.message}",
                fix=f"Write low and high of {name} as whole numbers, without a point, or list its "
                "values.",
            ) from refused
    return dimension


def _refusal(
    built: BuiltModel, fixed: Mapping[str, Any], name: str, value: Any
) -> UsageError | None:
    """Why the model does not take ``value``; ``None`` where it does."""
    try:
        configure(built.asked, {**fixed, name: value})
    except UsageError as error:
        return error
    return None


def _fraction(low: float, high: float) -> float:
    """A number between ``low`` and ``high`` that is not whole, where ``low`` is; else ``low``."""
    return low + 0.5 * min(1.0, high - low) if low == int(low) else low


def _range(
    built: BuiltModel, fixed: Mapping[str, Any], name: str, written: Mapping[str, Any], where: str
) -> Range:
    for key in written:
        if key not in _RANGE_KEYS:
            raise unknown_name(f"key of {name} in {where}", key, _RANGE_KEYS)
    low, high, log = written.get("low"), written.get("high"), written.get("log", False)
    fix = f"Write {name} = {{ low = A, high = B }}, with log = true for orders of magnitude."
    for key, value in (("low", low), ("high", high)):
        if not _is_finite(value):
            raise UsageError(
                f"{where}: {key} of {name} is {shown(value)}, not a number to search by.", fix=fix
            )
    low, high = cast(float, low), cast(float, high)
    if not isinstance(log, bool):
        raise UsageError(f"{where}: log of {name} is {log!r}, not true or false.", fix=fix)
    if low >= high:
        raise UsageError(f"{where}: {name} from {low} to {high} holds no choice.", fix=fix)
    if log and low <= 0:
        raise UsageError(
            f"{where}: {name} from {low} has no logarithm.", fix="Begin above 0, or without log."
        )
    # A setting that takes fractions is not searched in whole numbers just because somebody wrote
    # { low = 0, high = 1 }. Its default tells, unless it is no number.
    default = built.config[name]
    whole = isinstance(low, int) and isinstance(high, int) and not isinstance(default, float)
    if whole and not isinstance(default, int):
        whole = _refusal(built, fixed, name, _fraction(low, high)) is not None
    return Range(low, high, log, whole) if whole else Range(float(low), float(high), log, whole)


def _is_finite(value: object) -> bool:
    """Whether ``value`` is a number, and one that a computer's floating point has."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _choices(name: str, written: Sequence[Any], where: str) -> Choices:
    try:
        distinct = {json.dumps(value) for value in written}
    except TypeError:  # TOML has dates, settings have none
        distinct = set()
    if len(distinct) < 2 or len(distinct) < len(written):
        raise UsageError(
            f"{where}: {name} = {list(written)} is no choice between distinct values.",
            fix="List two values or more, each once.",
        )
    return Choices(tuple(written))
