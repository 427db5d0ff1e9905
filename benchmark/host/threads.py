"""How many processor threads a piece of work uses, and sums that do not hang on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


@contextmanager
def processor_threads(count: int | None, *, at_most: bool = False) -> Iterator[None]:
    """Use ``count`` threads inside; ``None`` leaves torch's own choice.

    With ``at_most`` no more than torch would take by itself, which ``OMP_NUM_THREADS`` sets: a
    process among several is usually given one. Most sums of torch on a processor are the same to
    the last digit with any number of threads; :func:`summed_in_one_thread` is for the others.
    """
    before = torch.get_num_threads()
    wanted = before if count is None else count
    torch.set_num_threads(min(wanted, before) if at_most else wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def summed_in_one_thread(result: Tensor) -> Tensor:
    """Return ``result``; the operation that made it goes backward in one thread.

    For a weight whose gradient is a sum over a whole batch into few numbers: a gate, or the scale
    of a layer norm. Threads sum a part each, so how many there are would show in the last digits.
    Nothing is changed on a GPU, or where no gradient is wanted.
    """
    node: Any = result.grad_fn
    if node is None or result.device.type != "cpu":
        return result
    before: list[int] = []

    def enter(_: tuple[Tensor, ...]) -> None:
        before.append(torch.get_num_threads())
        torch.set_num_threads(1)

    def leave(*_: tuple[Tensor, ...]) -> None:
        torch.set_num_threads(before.pop())

    node.register_prehook(enter)
    node.register_hook(leave)
    return result
