"""Shards of work on the workers of a Dask cluster: :class:`benchmark.host.dividing.Workers`.

A value travels inside the task that computes it, so Dask computes it again elsewhere when a worker
is lost; only a few are under way at a time.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any, TypeVar

import distributed
from distributed import Client, Future
from distributed.client import FutureCancelledError

from benchmark.errors import BenchError, in_one_line
from benchmark.host.console import note
from benchmark.runs.workers import workers_of

A = TypeVar("A")
B = TypeVar("B")
S = TypeVar("S")

#: Seconds between two looks at whether workers are left.
_LOOK = 0.5
#: Values under way for each that is computed: one is on its way while another is.
_AHEAD = 2


class Shards:
    """Computes functions on the workers of ``client``."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._count: int = max(1, sum(each["nthreads"] for each in workers_of(client).values()))

    @property
    def count(self) -> int:
        """Return how many values are computed at a time: the threads of all workers."""
        return self._count

    def mapped(
        self,
        function: Callable[[S, Any], B],
        values: Iterable[A],
        shared: S,
        sent: Callable[[A], Any],
    ) -> Iterator[tuple[A, B]]:
        """Yield each of ``values`` with ``function(shared, sent(value))``, in order.

        Raises :class:`BenchError` where workers die of it one after another or the cluster is
        lost.
        """
        computing = _Computing(self._client, function, shared)
        waiting: deque[A] = deque()
        failure: Exception | None = None
        source = iter(values)
        try:
            while True:
                while failure is None and len(waiting) < _AHEAD * self._count:
                    try:
                        value = next(source)
                    except StopIteration:
                        break
                    except Exception as error:
                        failure = error
                    else:
                        waiting.append(value)
                        computing.begin(sent(value))
                if not waiting:
                    break
                result = computing.first()
                yield waiting.popleft(), result
        finally:
            computing.end()
        if failure is not None:
            raise failure


class _Computing:
    """Holds what is under way, first asked first."""

    def __init__(self, client: Client, function: Callable[[Any, Any], Any], shared: Any) -> None:
        self._client, self._function = client, function
        self._futures: deque[Future] = deque()
        # A task like the others, so that what it holds is there again when a worker is lost; each
        # worker gets it once, from one that has it.
        self._shared = self._submit(_same, shared)

    def begin(self, what: Any) -> None:
        """Have a worker compute the function of ``what``."""
        self._futures.append(self._submit(self._function, self._shared, what))

    def _submit(self, function: Callable[..., Any], *values: Any) -> Future:
        with warnings.catch_warnings():  # a value is meant to travel inside its task
            warnings.filterwarnings("ignore", message="Sending large graph")
            return self._client.submit(function, *values, pure=False)

    def first(self) -> Any:
        """Return the result of what was begun first and is still under way."""
        try:
            result = self._waited(self._futures[0])
        except distributed.KilledWorker as error:
            raise BenchError(
                f"Each of {error.allowed_failures + 1} workers in turn died of a shard.",
                fix="Give workers more memory, or start fewer a machine.",
            ) from error
        except (CancelledError, FutureCancelledError) as error:
            raise BenchError(
                f"The cluster lost a shard: {in_one_line(error)}.",
                fix="See that its scheduler runs, then run the same command again.",
            ) from error
        self._futures.popleft()
        return result

    def _waited(self, future: Future) -> Any:
        alone = False
        while True:
            try:
                return future.result(timeout=_LOOK)
            except TimeoutError:
                nobody = not workers_of(self._client)
                if nobody and not alone:
                    note("No worker is left; waiting for one. Ctrl-C ends this.")
                alone = nobody

    def end(self) -> None:
        """Cancel what is under way."""
        with suppress(Exception):  # the scheduler may be gone
            self._client.cancel([*self._futures, self._shared], force=True)


def _same(value: S) -> S:
    return value
