"""Same seed, same bits: devices, seeds, random states and deterministic kernels."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from benchmark.host.threads import processor_threads


def compute_device() -> torch.device:
    """Return a GPU where one can be used, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def reproducible(
    seed: int | None = None, threads: int | None = None, *, strict: bool = False
) -> Iterator[None]:
    """Compute with deterministic kernels inside; torch's settings are put back afterwards.

    With ``seed`` random numbers are those of the seed, and the generators of all devices go on
    afterwards as if nothing had been drawn; without it they are left alone. ``threads`` are
    processor threads. Some operations on a GPU have no deterministic kernel: they warn, or raise
    :class:`RuntimeError` with ``strict``.
    """
    mode = torch.get_deterministic_debug_mode()
    workspace = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    on_gpu = torch.cuda.is_available()
    gpus = range(torch.cuda.device_count()) if on_gpu else range(0)
    with torch.random.fork_rng(gpus, enabled=seed is not None), processor_threads(threads):
        if seed is not None:
            torch.manual_seed(seed)
        if on_gpu:  # cuBLAS is deterministic with a workspace of fixed size
            os.environ["CUBLAS_WORKSPACE_CONFIG"] = workspace or ":4096:8"
        # The same as use_deterministic_algorithms, which imports a compiler for seconds.
        torch.set_deterministic_debug_mode("warn" if on_gpu and not strict else "error")
        # It also overwrites all new memory, in case something reads what nobody wrote there.
        deterministic: Any = torch.utils.deterministic  # its one attribute is not in torch's types
        fill = deterministic.fill_uninitialized_memory
        deterministic.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.set_deterministic_debug_mode(mode)
            deterministic.fill_uninitialized_memory = fill
            if workspace is None:
                os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


def gpu_states() -> Sequence[Tensor]:
    """Return the state of every GPU's generator, in the order of the devices."""
    return torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []


def set_gpu_state(device: int, state: Tensor) -> None:
    """Set the state of a GPU's generator; one for a GPU that is not here is dropped."""
    if torch.cuda.is_available() and device < torch.cuda.device_count():
        torch.cuda.set_rng_state(state, device)


def random_states(gpus: Callable[[], Sequence[Tensor]] = gpu_states) -> dict[str, Tensor]:
    """Return the states of torch's generators: ``cpu``, and ``cuda 0``, ``cuda 1``, ..."""
    states = {"cpu": torch.get_rng_state()}
    return states | {f"cuda {number}": state for number, state in enumerate(gpus())}


def restore_random_states(
    states: Mapping[str, Tensor], set_gpu: Callable[[int, Tensor], None] = set_gpu_state
) -> None:
    """Put back what :func:`random_states` returned."""
    for name, state in states.items():
        if name == "cpu":
            torch.set_rng_state(state.cpu())
        else:
            set_gpu(int(name.removeprefix("cuda ")), state.cpu())
