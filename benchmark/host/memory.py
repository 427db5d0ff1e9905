"""Measure how much memory this process may still use."""

from __future__ import annotations

from pathlib import Path

import psutil
import torch

from benchmark.errors import BenchError

_GIB = 2**30

#: Where Linux keeps what a container may use (version 2 of its control groups).
CGROUP = Path("/sys/fs/cgroup")


def check_weights(name: str, size: int, *, available: int | None = None) -> None:
    """Raise :class:`BenchError` when ``size`` bytes of weights do not fit into main memory."""
    there = available_memory(torch.device("cpu")) if available is None else available
    if size > there:
        raise BenchError(
            f"The weights of language model {name!r} take {gib(size)}; {gib(there)} are free.",
            fix="Set precision=bf16 for half of that, or choose a smaller language model.",
        )


def available_memory(device: torch.device, *, cgroup: Path = CGROUP) -> int:
    """Return the bytes that can be had on ``device`` now; in a container, within its limit."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    free = int(psutil.virtual_memory().available)
    limit = cgroup / "memory.max"
    if limit.is_file() and (most := limit.read_text().strip()).isdigit():
        used = int((cgroup / "memory.current").read_text())
        counts = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        used -= int(counts.get("inactive_file", 0))  # cached files are given up on demand
        free = min(free, int(most) - used)
    return max(0, free)


def gib(size: float) -> str:
    """Format ``size`` bytes for people, in GiB or MiB."""
    return f"{size / _GIB:.1f} GiB" if size >= 0.1 * _GIB else f"{size / 2**20:.0f} MiB"
