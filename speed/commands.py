"""What a command took, for the scripts beside this one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Seconds of the clock and of the processor, and the most bytes that one process held."""

    wall: float
    processor: float
    held: int


def cost(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Cost:
    """Run a command in a process of its own; ends the script where it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}.")
    held = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Cost(wall, used.ru_utime + used.ru_stime, held)


def print_prepared(source: str, raw: Path, what: str, rows: int) -> None:
    """Prepare the files of ``raw``, which are ``what``, and print what their ``rows`` took."""
    held = sum(path.stat().st_size for path in raw.iterdir())
    with tempfile.TemporaryDirectory(dir=raw.parent) as home:
        command = [sys.executable, "-m", "benchmark", "data", "prepare", source, "--raw", str(raw)]
        took = cost([*command, "--home", home])
        written = (Path(home) / "datasets" / source).rglob("*")
        made = sum(path.stat().st_size for path in written if path.is_file())
    print(f"{what}, {held / 1e6:,.0f} MB raw, {made / 1e6:,.0f} MB made")
    print(f"wall {took.wall:,.1f} s, processor {took.processor:,.1f} s", end=", ")
    print(f"{took.processor / rows * 1e6:.1f} us each", end=", ")
    print(f"peak {took.held / 1e6:,.0f} MB")
