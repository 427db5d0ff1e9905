"""Compute what comes next on other cores while what came before is being used."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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
    waiting: deque[tuple[A, Future[B]]] = deque()
    failure: Exception | None = None
    source = iter(values)
    with ThreadPoolExecutor(threads) as pool:
        try:
            while True:
                while failure is None and len(waiting) <= threads:
                    try:
                        value = next(source)
                    except StopIteration:
                        break
                    except Exception as error:
                        failure = error
                    else:
                        waiting.append((value, pool.submit(function, value)))
                if not waiting:
                    break
                value, future = waiting.popleft()
                yield value, future.result()
                del value, future
        finally:
            for _, future in waiting:
                future.cancel()
    if failure is not None:
        raise failure
