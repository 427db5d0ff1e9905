"""Shards of work on the workers of a Dask cluster: :class:`benchmark.host.dividing.Workers`.

A value travels inside the task that computes it, so Dask computes it again elsewhere when a worker
is lost; only a few are under way at a time.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import closing, suppress
from typing import Any, TypeVar

import distributed
from distributed import Client, Future
from distributed.client import FutureCancelledError

from benchmark.errors import BenchError, in_one_line
from benchmark.host.ahead import begun_ahead
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
        # A task like the others, so that what it holds is there again when a worker is lost; each
        # worker gets it once, from one that has it.
        held = self._submit(_same, shared)
        begun = begun_ahead(
            lambda value: self._submit(function, held, sent(value)),
            values,
            _AHEAD * self._count,
            self._drop,
        )
        try:
            with closing(begun):
                for value, future in begun:
                    yield value, self._result(future)
        finally:
            self._drop(held)

    def _submit(self, function: Callable[..., Any], *values: Any) -> Future:
        with warnings.catch_warnings():  # a value is meant to travel inside its task
            warnings.filterwarnings("ignore", message="Sending large graph")
            return self._client.submit(function, *values, pure=False)

    def _drop(self, future: Future) -> None:
        with suppress(Exception):  # the scheduler may be gone
            self._client.cancel([future], force=True)

    def _result(self, future: Future) -> Any:
        try:
            return self._waited(future)
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


def _same(value: S) -> S:
    return value
