"""Where work takes its time, function by function: what scripts print by --profile."""

from __future__ import annotations

import contextlib
import cProfile
import io
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).resolve().parents[1]

_CHILD = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from profiling import print_own_command
print_own_command(sys.argv[1:])
"""


def profiled(
    work: Callable[[], object], repeat: int, least: float = 0.05, *, warm: bool = True
) -> list[str]:
    """Return a line for each function of this project that takes ``least`` of ``repeat`` calls.

    "with calls" counts all that a function calls, so that lines overlap; "own" counts what it does
    itself or has done outside of this project (NumPy, built-ins, methods of dataclasses); "called"
    is a call of ``work``. A profiler slows calls down: functions that are called often are shown
    larger than they are. ``warm`` calls ``work`` once before; without it, what is kept between
    calls is not there yet.
    """
    if warm:
        work()
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(repeat):
        work()
    profiler.disable()
    return _lines(profiler, repeat, least, leaving=getattr(work, "__code__", None))


def print_profiled(words: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Print where a command of ``unimp-bench`` takes its time, in a process of its own.

    The rows are those of :func:`profiled`, of a tenth of the time and more; what is imported counts
    as the own time of the module (``<module>``) that imports it, the command itself as that of who
    has it called by click, and of what started processes do only the waiting shows. Raises
    :class:`subprocess.CalledProcessError` where the command fails.
    """
    folder = str(Path(__file__).parent)
    command = [sys.executable, "-c", _CHILD, folder, *words]
    subprocess.run(command, env=environment, stderr=subprocess.DEVNULL, check=True)


def print_own_command(words: Sequence[str]) -> None:
    """Run a command of ``unimp-bench`` in this process, quietly, and print its profile."""
    sys.argv = ["unimp-bench", *words]
    profiler = cProfile.Profile()
    with contextlib.redirect_stdout(io.StringIO()):
        profiler.enable()
        try:
            from benchmark.cli import main

            main()
        except SystemExit as ended:
            if ended.code:
                raise
        finally:
            profiler.disable()
    print("\n".join(_lines(profiler, repeat=1, least=0.1)))


def _lines(
    profiler: cProfile.Profile, repeat: int, least: float, leaving: CodeType | None = None
) -> list[str]:
    # Not pstats: of functions at one line of one file, as <string>:2, it keeps the last alone.
    entries = profiler.getstats()
    total = sum(entry.inlinetime for entry in entries)
    rows = [
        (
            entry.totaltime / total,
            (
                entry.inlinetime
                + sum(call.totaltime for call in entry.calls or () if not _ours(call.code))
            )
            / total,
            f"{entry.callcount / repeat:8,.0f}  {_where(entry.code)}",
        )
        for entry in entries
        if _ours(entry.code) and entry.code is not leaving and entry.totaltime >= least * total
    ]
    rows.sort(reverse=True)
    return [f"{'with calls':>10}{'own':>6}{'called':>8}"] + [
        f"{whole:>10.0%}{own:>6.0%}{rest}" for whole, own, rest in rows
    ]


def _ours(code: CodeType | str) -> bool:
    if isinstance(code, str):  # a built-in function
        return False
    path = Path(code.co_filename)
    return path.is_relative_to(ROOT) and "site-packages" not in path.parts


def _where(code: CodeType | str) -> str:
    assert isinstance(code, CodeType)
    return f"{Path(code.co_filename).relative_to(ROOT)}:{code.co_firstlineno} {code.co_name}"
