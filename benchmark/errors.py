"""Errors a user can act on: one or two lines, naming the bad value and the fix.

The command line prints ``str(error)`` and exits with ``exit_status``; a traceback
appears only with ``--debug``. Anything that is not a :class:`BenchError` is a bug of
ours or of an adapter, and is reported as such.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """Reports that what was asked could not be done (exit status 1).

    ``message`` says what is wrong with which value, ``fix`` what to do about it.
    """

    exit_status = 1

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return self.message if self.fix is None else f"{self.message}\n{self.fix}"


class UsageError(BenchError):
    """Reports a wrong request: an unknown name, a bad option value (exit status 2)."""

    exit_status = 2


#: Characters of a value that a message shows.
LONGEST_SHOWN = 80
#: Entries of a list that a message shows.
MOST_LISTED = 30


def shown(value: object) -> str:
    """Return ``repr(value)`` for a message, cut to :data:`LONGEST_SHOWN` characters.

    A text that is cut is followed by its length.
    """
    if isinstance(value, str):
        cut = f"... ({len(value):,} characters)" if len(value) > LONGEST_SHOWN else ""
        return f"{value[:LONGEST_SHOWN]!r}{cut}"
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of more than some 4,000 digits
        return f"a huge {type(value).__name__}"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def listed(
    entries: Iterable[object],
    *,
    separator: str = ", ",
    most: int = MOST_LISTED,
    longest: int | None = LONGEST_SHOWN,
) -> str:
    """Return the first ``most`` entries for a message, and how many there are more.

    Each is cut to ``longest`` characters (``None``: it is shown whole).
    """
    texts = [str(entry) for entry in entries]
    kept = [
        text if longest is None or len(text) <= longest else f"{text[:longest]}..."
        for text in texts[:most]
    ]
    more = [f"and {len(texts) - most:,} more"] if len(texts) > most else []
    return separator.join([*kept, *more])


#: A list of known names is shown whole up to so many; of a longer one, the nearest.
_WHOLE, _NEAREST = 6, 5


def unknown_name(
    kind: str, name: str, known: Iterable[str], *, nearest: int | None = None
) -> UsageError:
    """Return a :class:`UsageError` for a misspelt name, with the nearest known ones.

    ``nearest`` is how many are named at most, where ids resemble each other: by default three
    that are close, or else all of a few, or else the nearest five.
    """
    names = sorted(set(known))
    parts = [part.strip() for part in name.split(",")] if "," in name else []
    if len(parts) > 1 and set(parts) <= set(names):
        fix = f"Name one at a time: {' and '.join(repr(part) for part in parts)}."
        return UsageError(f"Unknown {kind} {shown(name)}.", fix=fix)
    # Nothing is near a name that no message shows whole; comparing it would take minutes.
    sought = name if len(name) <= 4 * LONGEST_SHOWN else ""
    close = difflib.get_close_matches(sought, names, n=nearest or 3, cutoff=0.5)
    if close:
        fix = "Did you mean " + " or ".join(repr(c) for c in close) + "?"
    elif not names:
        fix = "There is none to choose from."
    elif len(names) <= (nearest or _WHOLE):
        fix = f"Known: {listed(names)}."
    else:
        some = difflib.get_close_matches(sought, names, n=nearest or _NEAREST, cutoff=0.0)
        fix = f"The nearest of {len(names)}: {listed(some)}."
    return UsageError(f"Unknown {kind} {shown(name)}.", fix=fix)


def in_one_line(error: BaseException) -> str:
    """Return type and first line of somebody else's exception, for a message of ours."""
    lines = str(error).strip().splitlines()
    name = type(error).__name__
    return name if not lines else f"{name}: {lines[0].rstrip('.')}"
