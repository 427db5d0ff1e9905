"""Progress bars on standard error, with time left; silent for work under a second.

Standard output stays clean for results. Where standard error is no terminal (a log file, CI)
a plain line is printed at most every ten seconds instead of a bar. Told to be quiet, there is
neither; told to be verbose, each piece of work also says when it is done and how long it took.
Work in several parts says which it is at: ``stage 2 of 6``.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from benchmark.host import processes
from benchmark.host.console import Volume, note, volume

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

T = TypeVar("T")

#: ``stage 2 of 6`` and the like, the outermost first, of the work that is going on.
_parts: tuple[str, ...] = ()

_DELAY_SECONDS = 1.0
_LINE_SECONDS = 10.0


class Bar:
    """Shows one piece of long work: call :meth:`advance` as it goes, :meth:`say` to annotate it."""

    def __init__(self, label: str, total: int | None) -> None:
        self.label = ", ".join([*_parts, label])
        self.total = total
        self.done = 0
        self.note = ""
        self._started = time.monotonic()
        self._last_line = self._started
        self._rich: tuple[Progress, TaskID] | None = None

    def say(self, note: str) -> None:
        """Show ``note`` (a loss, a metric) behind the bar."""
        self.note = note
        self.advance(0)

    def advance(self, steps: int = 1) -> None:
        """Count ``steps`` more as done and redraw when it is time."""
        self.done += steps
        now = time.monotonic()
        if now - self._started < _DELAY_SECONDS or not _is_told():
            return
        if sys.stderr.isatty():
            self._draw()
        elif now - self._last_line >= _LINE_SECONDS:
            self._last_line = now
            note(self._line(now))

    def close(self) -> None:
        """Take the bar off the terminal."""
        if self._rich is not None:
            progress, _ = self._rich
            progress.stop()
            self._rich = None
        if volume() is Volume.VERBOSE and _is_told():
            seconds = time.monotonic() - self._started
            note(f"{self.label}: {self.done} done in {seconds:.1f} s")

    def _line(self, now: float) -> str:
        seconds = now - self._started
        parts = [f"{self.label}: {self.done}"]
        if self.total:
            left = seconds / max(self.done, 1) * max(self.total - self.done, 0)
            parts[0] += f"/{self.total}"
            parts.append(f"{left:.0f} s left")
        if self.note:
            parts.append(self.note)
        return ", ".join(parts)

    def _draw(self) -> None:
        if self._rich is None:
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
                TimeRemainingColumn,
            )

            progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
                console=_console(),
                transient=True,
            )
            progress.start()
            self._rich = (progress, progress.add_task(self.label, total=self.total, note=""))
        progress, task = self._rich
        progress.update(task, completed=self.done, note=self.note)


def _is_told() -> bool:
    """Whether this process tells of progress."""
    return volume() > Volume.QUIET and processes.is_main()


@functools.cache
def _console() -> Console:
    """One for all: a bar inside another one (a fit in a search) stands below it."""
    from rich.console import Console

    return Console(stderr=True)


@contextmanager
def bar(label: str, total: int | None = None) -> Iterator[Bar]:
    """Show a bar meanwhile: ``with bar("training", total=100) as progress: progress.advance()``."""
    progress = Bar(label, total)
    try:
        yield progress
    finally:
        progress.close()


@contextmanager
def part(what: str, number: int, total: int) -> Iterator[None]:
    """Say with every bar inside that this is ``what`` ``number`` of ``total``; of one, nothing."""
    global _parts
    before = _parts
    if total > 1:
        _parts = (*before, f"{what} {number} of {total}")
    try:
        yield
    finally:
        _parts = before


def track(items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """Iterate over ``items`` under a bar."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with bar(label, total) as progress:
        for item in items:
            yield item
            progress.advance()
