"""Runs the reading of strangers' bytes in a process with hard limits.

A server process (:mod:`leaderboards.submission.cage_server`), started once, forks a child for
each job. The child may use so much memory, processor time, clock time and disk, may open few
files and start no process; whatever it dies of is a finding, never a crash here. What it
hands back is JSON of bounded size and files in a folder of ours.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.errors import BenchError
from leaderboards.submission import limits
from leaderboards.submission.findings import Refused, place

#: Arrow's usual allocator reserves a gigabyte at its start, which a limit of what is reserved in
#: all would then leave to a reader beside its own gigabyte.
_PLAIN_MEMORY = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
#: Where a job leaves what it found, and how large that may be.
RESULT = "result.json"
_RESULT_BYTES = 8 * limits.MIB


@dataclass(frozen=True, slots=True)
class Usage:
    """Measures the last job: processor seconds, and peak memory in MiB beyond an idle reader."""

    seconds: float
    mebibytes: float


class Cage:
    """Runs jobs in a server process, started when first needed.

    Safe to use from several threads, whose jobs wait for each other; ``last`` is what the latest
    one took.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: subprocess.Popen[str] | None = None
        self.last = Usage(0.0, 0.0)

    def run(self, job: str, where: str, out: Path, *, rows: int = 0, **arguments: Any) -> Any:
        """Do a job of :data:`leaderboards.submission.reading.JOBS`; return its result.

        ``out`` is a new folder for what it writes, ``rows`` how many predictions the submission
        may hold: they set its time. Raises :class:`Refused` when the job breaks a limit or dies.
        """
        seconds = limits.CAGE_SECONDS + limits.CAGE_SECONDS_A_ROW * rows
        request = {
            "job": job,
            "out": str(out),
            "seconds": seconds,
            "clock": seconds * limits.CAGE_CLOCK,
            "arguments": arguments,
        }
        with self._lock:
            reply = self._ask(request)
        self.last = Usage(reply["seconds"], reply["mebibytes"])
        if reply["ended"] != "done":
            raise Refused(*end_of(reply["ended"], where, seconds))
        result = _result(out / RESULT, where)
        if "refused" in result:
            raise Refused(**result["refused"])
        return result["value"]

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        server = self._running()
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            server.stdin.write(json.dumps(request) + "\n")
            server.stdin.flush()
            answer = server.stdout.readline()
        except OSError:
            answer = ""
        if not answer:
            self.close()
            raise BenchError(
                "The process that reads submissions ended unexpectedly.",
                fix="Try again; if it happens again, the machine may be short of memory.",
            )
        reply: dict[str, Any] = json.loads(answer)
        return reply

    def _running(self) -> subprocess.Popen[str]:
        if self._server is None or self._server.poll() is not None:
            program = (
                "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
                "from leaderboards.submission.cage_server import serve; serve()"
            )
            self._server = subprocess.Popen(
                [sys.executable, "-c", program, json.dumps(sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, **_PLAIN_MEMORY},
            )
            atexit.register(self.close)
        return self._server

    def close(self) -> None:
        """End the server, if there is one."""
        server, self._server = self._server, None
        if server is not None:
            with suppress(OSError):
                if server.stdin is not None:
                    server.stdin.close()
            server.terminate()
            server.wait()


#: One server serves a process.
CAGE = Cage()


@contextmanager
def folder() -> Iterator[Path]:
    """Give a job a folder of its own, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="unimp-bench-cage-") as name:
        yield Path(name)


def end_of(ended: str, where: str, seconds: float) -> tuple[str, str, str]:
    """Return the finding (code, place, message) of a reader that ended as ``ended``."""
    place_of = place(where)
    if ended == "memory":
        most = limits.CAGE_BYTES // limits.MIB
        return "limit-memory", place_of, f"Reading it takes more than {most} MiB of memory."
    if ended == "time":
        return "limit-time", place_of, f"Reading it takes more than {seconds:g} s of processor."
    if ended == "clock":
        return (
            "limit-time",
            place_of,
            f"Reading it takes more than {seconds * limits.CAGE_CLOCK:g} s.",
        )
    if ended == "disk":
        most = limits.CAGE_OUT_BYTES // limits.MIB
        return "limit-disk", place_of, f"What it unpacks to has more than {most} MiB."
    return "reader-crashed", place_of, f"Reading it ended a process ({ended})."


def _result(path: Path, where: str) -> dict[str, Any]:
    if path.stat().st_size > _RESULT_BYTES:
        raise Refused("reader-crashed", place(where), "Reading it gave too much to tell.")
    result: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return result
