"""Forks a limited child for each job: the server behind :mod:`leaderboards.submission.cage`.

One line of JSON asks, one line answers. The server has all imports done and never reads a byte
of a submission itself.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmark.errors import BenchError
from benchmark.tasks import TASKS
from leaderboards.submission import limits, tables
from leaderboards.submission.cage import RESULT
from leaderboards.submission.findings import Refused
from leaderboards.submission.reading import JOBS

#: How a child says that it ran out of something; everything else is a signal or a crash.
_EXITS = {0: "done", 81: "memory", 82: "disk"}
_CODES = {name: code for code, name in _EXITS.items()}
#: What writing fails with where there is no more room, or no further file.
_FULL = (errno.EFBIG, errno.ENOSPC, errno.EDQUOT, errno.EMFILE)
_POLL_SECONDS = 0.002


def serve() -> None:
    """Answer requests on standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the asker's to handle
    warm_up()
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            work(request)
        print(json.dumps(wait_for(child, request["clock"])), flush=True)


def warm_up() -> None:
    """Have libraries load what they load when they are first used: once, not in every child."""
    for task in TASKS:
        table = tables.schema_for(task).empty_table()
        content = tables.encode(table)
        tables.decode(content, task, ".", limits.Budget())
        tables.is_plain(content, table)
        tables.rows_sha256(table)


def work(request: dict[str, Any]) -> None:
    """Do the job within the limits, and end this process."""
    code = 1
    try:
        limit(request["seconds"])
        result = _do(request)
        (Path(request["out"]) / RESULT).write_text(json.dumps(result), "utf-8")
        code = _CODES["done"]
    except MemoryError:
        code = _CODES["memory"]
    except OSError as error:
        if "malloc" in str(error) or error.errno == errno.ENOMEM:
            code = _CODES["memory"]
        elif error.errno in _FULL or error.errno is None:  # Arrow's errors carry no number
            code = _CODES["disk"]
    finally:
        os._exit(code)


def _do(request: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"value": JOBS[request["job"]](**request["arguments"])}
    except Refused as refused:
        finding = asdict(refused.finding)
        return {"refused": {key: finding[key] for key in ("code", "where", "message")}}
    except BenchError as error:
        return {"refused": {"code": "unreadable", "where": ".", "message": error.message}}


def limit(seconds: float) -> None:
    """Bind this process to the cage's limits, and to so much processor time."""
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    whole = int(seconds) + 1
    for kind, most in (
        (resource.RLIMIT_AS, held + limits.CAGE_BYTES),
        (resource.RLIMIT_CPU, whole),
        (resource.RLIMIT_FSIZE, limits.CAGE_OUT_BYTES),
        (resource.RLIMIT_NOFILE, limits.CAGE_FILES),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing then fails with an error


def wait_for(child: int, clock: float) -> dict[str, Any]:
    """Return how ``child`` ended and what it took; kill it when ``clock`` seconds have passed."""
    until, killed = time.monotonic() + clock, False
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > until and not killed:
            os.kill(child, signal.SIGKILL)
            killed = True
        time.sleep(_POLL_SECONDS)
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "ended": _ended(status, killed),
        "seconds": usage.ru_utime + usage.ru_stime,
        "mebibytes": max(0, usage.ru_maxrss - idle) / 1024,
    }


def _ended(status: int, killed: bool) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if killed:
            return "clock"
        if number == signal.SIGXCPU:
            return "time"
        # RLIMIT_CPU ends with SIGKILL where soft and hard limit are one.
        return "time" if number == signal.SIGKILL else signal.Signals(number).name
    code = os.WEXITSTATUS(status)
    return _EXITS.get(code, f"exit status {code}")
