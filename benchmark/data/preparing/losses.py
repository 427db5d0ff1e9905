"""Refuse a dataset of which too much was left out as unusable."""

from __future__ import annotations

from collections.abc import Mapping

from benchmark.data.raw.source import OnError
from benchmark.data.raw.text_files import LeftOut
from benchmark.errors import BenchError, UsageError

#: Largest share of a file's lines, or of a table's rows, that may be unusable unless more is asked.
MOST_LOST = 0.05


def check_share(allowed: float) -> None:
    """Raise :class:`UsageError` where ``allowed`` is no share."""
    if not 0 <= allowed <= 1:
        raise UsageError(f"--allow-loss {allowed:g} is no share.", fix="Give one from 0 to 1.")


def check_used(allowed: float, on_error: OnError) -> None:
    """Raise :class:`UsageError` where another share than usual is allowed, but nothing is lost."""
    if on_error != "skip" and allowed != MOST_LOST:
        raise UsageError(
            f"--allow-loss {allowed:g} is of no use: nothing is left out without --on-error skip.",
            fix="Give --on-error skip, too, or leave --allow-loss out.",
        )


def check_losses(notes: Mapping[str, object], allowed: float) -> None:
    """Raise :class:`BenchError` where more than the share ``allowed`` was left out as unusable.

    ``notes`` are a raw dataset's; what a rule leaves out (repeats, users with too few rows) is no
    loss.
    """
    for what, count in notes.items():
        if isinstance(count, LeftOut) and count > allowed * count.of:
            share = count / count.of
            raise BenchError(
                f"{what}: {count:,} of {count.of:,} ({share:.1%}), {allowed:.0%} at most.",
                fix="See what is wrong with them without --on-error skip, or allow as much with "
                f"--allow-loss {min(1.0, -(-share * 100 // 1) / 100):g}.",
            )
