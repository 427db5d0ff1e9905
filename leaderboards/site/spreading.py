"""Spreads work over processes, one item at a time; whatever an item does, the others are done."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmark.host.orphans import end_with

#: Below so many items starting processes takes longer than the work.
FEWEST = 8

#: Handles one item: the path of a submission to bytes.
Work = Callable[[Path], bytes]

_work: Work | None = None


def spread(
    make: Callable[[], Work], paths: Sequence[Path], processes: int | None = None
) -> Iterator[tuple[Path, bytes | None]]:
    """Yield each of ``paths`` with what the work ``make()`` returns makes of it, in their order.

    ``None`` where the process that worked on it died. ``make`` is called once a process and can
    be sent to one. ``processes`` are as many as the machine has cores unless given.
    """
    processes = min(processes or os.cpu_count() or 1, len(paths))
    if processes < 2 or len(paths) < FEWEST:
        work = make()
        yield from ((path, work(path)) for path in paths)
        return
    done: dict[Path, bytes | None] = {}
    _some(make, paths, processes, done)
    for path in paths:
        if path not in done:  # a process died, and took others' work along: one at a time
            _some(make, [path], 1, done)
        yield path, done.pop(path, None)


def _some(
    make: Callable[[], Work], paths: Sequence[Path], processes: int, done: dict[Path, Any]
) -> None:
    """Work on ``paths`` in as many ``processes``; those that ended well are in ``done``."""
    with (
        ProcessPoolExecutor(
            processes, get_context("spawn"), initializer=_start, initargs=(make, os.getpid())
        ) as pool,
        suppress(BrokenProcessPool),
    ):
        futures = {path: pool.submit(_do, path) for path in paths}
        for path, future in futures.items():
            done[path] = future.result()


def _start(make: Callable[[], Work], parent: int) -> None:
    """One thread a process: there are as many processes as cores."""
    global _work
    end_with(parent)
    os.environ["OMP_NUM_THREADS"] = "1"
    _work = make()
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(1)


def _do(path: Path) -> bytes:
    assert _work is not None
    return _work(path)
