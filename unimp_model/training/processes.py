"""Training in one process, or in several that Accelerate connects.

Every process makes the same plan of the same batches from the same seed and takes its share of
each batch's rows. Losses are weighted by what the *whole* batch holds
(:mod:`unimp_model.training.losses`), so that the sum over processes is the loss one process would
have computed, and its gradient too.
What must happen once (validation, files) the main process does, and the others receive.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.errors import BenchError
from benchmark.host import processes
from benchmark.training.checkpoint import whole
from unimp_model.sequence.template import Row

T = TypeVar("T")
M = TypeVar("M", bound=nn.Module)


class OneProcess:
    """Trains in one process: nothing is shared, plain torch."""

    number, count = 0, 1
    shards = False
    """Whether weights are cut up in training, so that a network cannot train in place."""

    @property
    def device(self) -> torch.device:
        """Return the device this process computes on."""
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    @property
    def is_main(self) -> bool:
        """Return whether this process is the one that validates and writes files."""
        return self.number == 0

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """Hold the other processes back until the main one leaves the block."""
        yield

    def from_main(self, ask: Callable[[], T]) -> T:
        """Return what ``ask`` returns in the main process; it is called there only."""
        return ask()

    def total(self, values: Iterable[float]) -> list[float]:
        """Sum each value over all processes."""
        return list(values)

    def share(self, rows: Sequence[Row]) -> list[Row]:
        """Return this process' part of a batch."""
        return list(rows)

    def draw_from(self, *seeds: int | str) -> None:
        """Seed random numbers of this process' own; alone, those at hand go on."""

    def trainee(self, network: M) -> M:
        """Return what to train in place of ``network``."""
        return network

    def prepare(self, module: nn.Module, optimiser: torch.optim.Optimizer) -> nn.Module:
        """Return ``module`` as training calls it; ``optimiser`` is fitted to it in place."""
        return module

    def backward(self, loss: Tensor) -> None:
        """Compute gradients of the sum over processes of ``loss``."""
        loss.backward()  # type: ignore[no-untyped-call]

    def clip(self, module: nn.Module, most: float) -> None:
        """Clip the whole gradient to a norm of at most ``most``."""
        nn.utils.clip_grad_norm_([p for p in module.parameters() if p.requires_grad], most)

    def collect(self, trainee: nn.Module, network: nn.Module) -> None:
        """Give ``network`` the weights its ``trainee`` has now."""

    def gathered(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return ``tensors``, each in one piece."""
        return tensors


class ManyProcesses(OneProcess):
    """Trains data-parallel (DDP), or also with weights cut up among processes (FSDP).

    Which of the two is what ``accelerate launch`` was told. All processes must call the same
    methods in the same order. Raises :class:`BenchError` for any other way of sharing, and where
    not all processes connected.
    """

    def __init__(self) -> None:
        from accelerate import Accelerator
        from accelerate.utils import (
            DistributedDataParallelKwargs,
            DistributedType,
            GradientAccumulationPlugin,
        )

        state = processes.state()
        if state.num_processes != processes.count():
            raise BenchError(
                f"{processes.count()} processes were started, but {state.num_processes} connected.",
                fix="Start them with accelerate launch or torchrun.",
            )
        self._accelerator = Accelerator(
            mixed_precision="no",  # UniMP's own setting decides
            gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),
            # A batch without photos leaves the weights that read photos without gradient.
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        )
        self.number, self.count = state.process_index, state.num_processes
        self.shards = self._accelerator.is_fsdp2
        kind = self._accelerator.distributed_type
        if not self.shards and kind not in (DistributedType.MULTI_GPU, DistributedType.MULTI_CPU):
            raise BenchError(
                f"UniMP does not train by {kind.value} (of version 1, if that is FSDP).",
                fix="Launch with configs/ddp.yaml or configs/fsdp.yaml.",
            )

    @property
    def device(self) -> torch.device:
        """Return the device that Accelerate gave this process."""
        device: torch.device = self._accelerator.device
        return device

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """Hold the other processes back until the main one leaves the block."""
        with self._accelerator.main_process_first():
            yield

    def from_main(self, ask: Callable[[], T]) -> T:
        """Call ``ask`` in the main process and broadcast what it returns."""
        answer: T = processes.broadcast(ask() if self.is_main else None)
        return answer

    def total(self, values: Iterable[float]) -> list[float]:
        """Sum each value over all processes (all-reduce, in float64)."""
        mine = torch.tensor(list(values), dtype=torch.float64, device=self.device)
        sums: list[float] = self._accelerator.reduce(mine, reduction="sum").tolist()
        return sums

    def share(self, rows: Sequence[Row]) -> list[Row]:
        """Return this process' part of a batch: :func:`share_of` its number."""
        return share_of(rows, self.number, self.count)

    def draw_from(self, *seeds: int | str) -> None:
        """Seed torch with ``seeds`` and this process' number: dropout differs among processes."""
        digest = hashlib.sha256(repr((*seeds, self.number)).encode()).digest()
        torch.manual_seed(int.from_bytes(digest[:7], "big"))

    def trainee(self, network: M) -> M:
        """Copy ``network`` where FSDP will cut its weights up; else return it itself."""
        if not self.shards:
            return network
        return copy.deepcopy(network).to(self.device)

    def prepare(self, module: nn.Module, optimiser: torch.optim.Optimizer) -> nn.Module:
        """Wrap ``module`` in DDP or FSDP and fit ``optimiser`` to its weights."""
        self._accelerator.free_memory()  # what was prepared for the stage before
        prepared: nn.Module
        prepared, _ = self._accelerator.prepare(module, optimiser)
        return prepared

    def backward(self, loss: Tensor) -> None:
        """Compute gradients of the sum of ``loss`` over processes."""
        self._accelerator.backward(loss * self.count)  # gradients are averaged, not summed

    def clip(self, module: nn.Module, most: float) -> None:
        """Clip the gradient norm over all processes' weights to ``most``."""
        self._accelerator.clip_grad_norm_(module.parameters(), most)

    @torch.no_grad()
    def collect(self, trainee: nn.Module, network: nn.Module) -> None:
        """Copy the trained weights of ``trainee``, each in one piece, into ``network``."""
        if trainee is network:
            return
        own = dict(network.named_parameters())
        for name, parameter in trainee.named_parameters():
            if parameter.requires_grad:
                own[name].copy_(whole(parameter))

    def gathered(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return ``tensors``, those cut up by FSDP gathered from all processes."""
        return {name: whole(tensor) for name, tensor in tensors.items()}


def connect() -> OneProcess:
    """Connect to the processes this one was started with."""
    return OneProcess() if processes.count() == 1 else ManyProcesses()


def share_of(rows: Sequence[Row], number: int, count: int) -> list[Row]:
    """Take every ``count``-th row from ``number`` on: each process gets all lengths.

    A process with nothing to read, or nothing to see where others see, gets a row of which
    nothing is asked as well: every process' gradient then covers the same weights.
    """
    mine = list(rows[number::count])
    shown = next((row for row in rows if row.images), None)
    if shown is not None and not any(row.images for row in mine):
        mine.append(unasked(shown))
    return mine or [unasked(rows[0])]


def unasked(row: Row) -> Row:
    """Return ``row`` without its reads, and without what belongs to one of them."""
    nothing = np.empty(0, np.int32)
    return replace(
        row, reads=nothing, targets=nothing, kinds=nothing, choices=nothing,
        barred=row.barred[:0], pointed=row.pointed[:0],
    )  # fmt: skip
