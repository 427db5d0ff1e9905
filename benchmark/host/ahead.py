"""Compute what comes next on other cores while what came before is being used."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

#: Threads beyond these find little to do beside the one that uses what they compute.
_MOST = 4


def mapped_ahead(function: Callable[[A], B], values: Iterable[A]) -> Iterator[tuple[A, B]]:
    """Yield each of ``values`` with ``function`` of it, in order.

    ``function`` runs in threads, as many as there are cores and at most 4, and one value more is
    taken than there are threads. What ``values`` raises is raised behind all values before it.
    """
    threads = min(os.cpu_count() or 1, _MOST)
    with ThreadPoolExecutor(threads) as pool:
        begun = begun_ahead(
            lambda value: pool.submit(function, value), values, threads + 1, Future.cancel
        )
        with closing(begun):
            for value, future in begun:
                yield value, future.result()
                del value, future


def begun_ahead(
    begin: Callable[[A], B], values: Iterable[A], most: int, drop: Callable[[B], object]
) -> Generator[tuple[A, B]]:
    """Yield each of ``values`` with what ``begin`` returned for it, in order.

    Up to ``most`` are begun before the first of them is yielded; what is left when the caller goes
    is dropped. What ``values`` raises is raised behind all values before it.
    """
    waiting: deque[tuple[A, B]] = deque()
    failure: Exception | None = None
    source = iter(values)
    try:
        while True:
            while failure is None and len(waiting) < most:
                try:
                    value = next(source)
                except StopIteration:
                    break
                except Exception as error:
                    failure = error
                else:
                    waiting.append((value, begin(value)))
                    del value
            if not waiting:
                break
            yield waiting.popleft()
    finally:
        for _, begun in waiting:
            drop(begun)
    if failure is not None:
        raise failure
