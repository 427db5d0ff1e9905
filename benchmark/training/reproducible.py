"""Same seed, same bits: devices, seeds and deterministic kernels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from benchmark.host.threads import processor_threads


def compute_device() -> torch.device:
    """A GPU where one can be used, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def reproducible(seed: int, threads: int | None) -> Iterator[None]:
    """Random numbers of ``seed`` and deterministic kernels inside; all is put back afterwards."""
    mode = torch.get_deterministic_debug_mode()
    workspace = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    gpus = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(gpus), processor_threads(threads):
        torch.manual_seed(seed)
        if gpus:  # cuBLAS is deterministic with a workspace of fixed size
            os.environ["CUBLAS_WORKSPACE_CONFIG"] = workspace or ":4096:8"
        # The same as use_deterministic_algorithms, which imports a compiler for seconds. Some
        # operations on a GPU have no deterministic kernel: these warn instead of failing.
        torch.set_deterministic_debug_mode("warn" if gpus else "error")
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


@contextmanager
def deterministic() -> Iterator[None]:
    """Only deterministic kernels inside; torch's setting is put back afterwards."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # asked for by cuBLAS, if used
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
