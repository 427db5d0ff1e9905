"""How many processor threads a piece of work uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def processor_threads(count: int | None) -> Iterator[None]:
    """Use ``count`` threads inside; ``None`` leaves torch's own choice.

    The matrices of a tiny model are so small that a second thread gains little on an idle
    machine and loses much on a shared one, where every operation waits for the slower core.
    A fixed count also keeps sums, hence fitted bytes, the same whatever the number of cores.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(before if count is None else count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
