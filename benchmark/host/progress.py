"""Progress bars on standard error, with time left; silent for work under a second.

Standard output stays clean for results. Where standard error is no terminal (a log file, CI)
a plain line is printed at most every ten seconds instead of a bar. Told to be quiet, there is
neither; told to be verbose, each piece of work also says when it is done and how long it took.
Work in several parts says which it is at: ``stage 2 of 6``.

A :class:`Watcher` follows the work of others by its bars, without knowing what it is: so the
cost of a run is told before it is paid (:mod:`benchmark.runs.estimating`).
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

from benchmark.host import processes
from benchmark.host.console import Volume, note, volume

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

T = TypeVar("T")

#: ``stage 2 of 6`` and the like, the outermost first, of the work that is going on.
_parts: tuple[str, ...] = ()

#: Who follows the work, where somebody does.
_watcher: Watcher | None = None

_DELAY_SECONDS = 1.0
_LINE_SECONDS = 10.0


class CutShort(BaseException):
    """Signals that a watcher ends a piece of work early: its bar ends as if all were done."""


class Watcher(Protocol):
    """Follows every piece of work that has a bar, also where none is shown."""

    def began(self, bar: Bar) -> None:
        """Note that a piece of work begins."""

    def moved(self, bar: Bar) -> None:
        """Note that some of its steps are done; raise :class:`CutShort` to end it here."""

    def ended(self, bar: Bar) -> None:
        """Note that it is over."""


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Let ``watcher`` alone follow all that is done meanwhile."""
    global _watcher
    before, _watcher = _watcher, watcher
    try:
        yield
    finally:
        _watcher = before


class Bar:
    """Shows one piece of long work: call :meth:`advance` as it goes, :meth:`say` to annotate it."""

    def __init__(self, label: str, total: int | None) -> None:
        self.name = label
        self.label = ", ".join([*_parts, label])
        self.total = total
        self.done = 0
        self.note = ""
        self._started = time.monotonic()
        self._from = (self._started, 0)
        self._last_line = self._started
        self._rich: tuple[Progress, TaskID] | None = None

    def say(self, note: str) -> None:
        """Show ``note`` (a loss, a metric) behind the bar."""
        self.note = note
        self.advance(0)

    def advance(self, steps: int = 1) -> None:
        """Count ``steps`` more as done and redraw when it is time.

        Steps counted at once were done before, by work that goes on: how fast it is, they do not
        tell.
        """
        now = time.monotonic()
        if self.done == 0 and now - self._started < _DELAY_SECONDS:
            self._from = (now, steps)
        self.done += steps
        if _watcher is not None:
            _watcher.moved(self)
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
        since, before = self._from
        parts = [f"{self.label}: {self.done}"]
        if self.total:
            parts[0] += f"/{self.total}"
            if (new := self.done - before) > 0:
                left = (now - since) / new * max(self.total - self.done, 0)
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
                TextColumn("{task.description}", markup=False),  # brackets are no styles
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}", markup=False),
                console=_console(),
                transient=True,
            )
            progress.start()
            _, before = self._from
            task = progress.add_task(self.label, total=self.total, completed=before, note="")
            self._rich = (progress, task)
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
    watcher = _watcher
    if watcher is not None:
        watcher.began(progress)
    try:
        yield progress
    except CutShort:
        if watcher is None:
            raise
    finally:
        progress.close()
        if watcher is not None:
            watcher.ended(progress)


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
