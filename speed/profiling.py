"""Where work takes its time, function by function: what scripts print by --profile."""

from __future__ import annotations

import cProfile
from collections.abc import Callable
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).resolve().parents[1]


def profiled(work: Callable[[], object], repeat: int, least: float = 0.05) -> list[str]:
    """Return a line for each function of this project that takes ``least`` of ``repeat`` calls.

    "with calls" counts all that a function calls, so that lines overlap; "own" counts what it does
    itself or has done outside of this project (NumPy, built-ins, methods of dataclasses); "called"
    is a call of ``work``. A profiler slows calls down: functions that are called often are shown
    larger than they are.
    """
    work()
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(repeat):
        work()
    profiler.disable()
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
        if _ours(entry.code)
        and entry.code is not getattr(work, "__code__", None)
        and entry.totaltime >= least * total
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
