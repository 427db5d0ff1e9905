"""Divide work over threads of this process, or over the workers of a cluster where one is at hand.

What is divided is a function of values that hang on nothing else, so it is the same wherever and
how often it is computed: a worker that is lost costs time and changes no byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

from benchmark.host.ahead import mapped_ahead

A = TypeVar("A")
B = TypeVar("B")
S = TypeVar("S")


class Workers(Protocol):
    """Computes functions in other processes."""

    @property
    def count(self) -> int:
        """Return how many values are computed at a time."""

    def mapped(
        self,
        function: Callable[[S, Any], B],
        values: Iterable[A],
        shared: S,
        sent: Callable[[A], Any],
    ) -> Iterator[tuple[A, B]]:
        """Yield each of ``values`` with ``function(shared, sent(value))``, in order."""


_workers: ContextVar[Workers | None] = ContextVar("workers", default=None)


@contextmanager
def divided_over(workers: Workers) -> Iterator[None]:
    """Have :func:`divided` compute on ``workers`` meanwhile."""
    before = _workers.set(workers)
    try:
        yield
    finally:
        _workers.reset(before)


def ways() -> int | None:
    """Return how many values the workers of a cluster compute at a time, ``None`` without one."""
    workers = _workers.get()
    return None if workers is None else workers.count


def divided(
    function: Callable[[S, Any], B],
    values: Iterable[A],
    *,
    shared: S,
    sent: Callable[[A], Any] = lambda value: value,
) -> Iterator[tuple[A, B]]:
    """Yield each of ``values`` with ``function(shared, sent(value))``, in order.

    A few are computed ahead. ``function`` must be importable: workers import it. ``shared`` goes
    to a worker once, and what ``sent`` makes of a value once a value. What ``values`` raises is
    raised behind all values before it.
    """
    workers = _workers.get()
    if workers is not None:
        return workers.mapped(function, values, shared, sent)
    return mapped_ahead(lambda value: function(shared, sent(value)), values)
