"""A reader that breaks a limit or dies is a finding; the process that asked goes on."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
from pathlib import Path

import pytest

from leaderboards.submission import cage_server, limits
from leaderboards.submission.cage import RESULT, end_of
from leaderboards.submission.findings import Refused


@pytest.fixture
def ended(tmp_path: Path, monkeypatch):
    """How a child ends that does ``job`` within the limits, in ``clock`` seconds."""

    def run(job, *, seconds: float = 5.0, clock: float = 30.0) -> str:
        monkeypatch.setitem(cage_server.JOBS, "trial", job)
        request = {"job": "trial", "out": str(tmp_path), "seconds": seconds, "arguments": {}}
        child = os.fork()
        if child == 0:
            cage_server.work(request)
        return str(cage_server.wait_for(child, clock)["ended"])

    return run


def _endless() -> dict:
    while True:
        pass


def _asleep() -> dict:
    threading.Event().wait(60)
    return {}


def _memory() -> dict:
    return {"length": len(bytearray(4 * limits.CAGE_BYTES))}


def _denied() -> dict:
    raise PermissionError(13, "Permission denied")


def _full() -> dict:
    raise OSError(28, "No space left on device")


def _killed() -> dict:
    faulthandler.disable()  # pytest's, which would tell of it
    os.kill(os.getpid(), signal.SIGSEGV)
    return {}


def test_work_within_the_limits_is_done(ended, tmp_path) -> None:
    assert ended(lambda: {"answer": 42}) == "done"
    assert (tmp_path / RESULT).read_text() == '{"value": {"answer": 42}}'


@pytest.mark.parametrize(
    ("job", "seconds", "clock", "end"),
    [
        (_endless, 0.5, 300.0, "time"),
        (_asleep, 5.0, 0.5, "clock"),
        (_memory, 5.0, 30.0, "memory"),
        (_killed, 5.0, 30.0, "SIGSEGV"),
        (_full, 5.0, 30.0, "disk"),
        (_denied, 5.0, 30.0, "exit status 1"),  # of no limit
    ],
)
def test_breaking_a_limit_ends_the_reader_alone(ended, job, seconds, clock, end) -> None:
    assert ended(job, seconds=seconds, clock=clock) == end


def test_what_a_reader_writes_is_bounded(ended, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(limits, "CAGE_OUT_BYTES", 1 << 20)

    def fill() -> dict:
        (tmp_path / "large").write_bytes(bytes(1 << 22))
        return {}

    assert ended(fill) == "disk"
    assert (tmp_path / "large").stat().st_size <= 1 << 20


def test_a_reader_opens_few_files(ended) -> None:
    def open_many() -> dict:
        kept = [os.open(os.devnull, os.O_RDONLY) for _ in range(1_000)]
        return {"files": len(kept)}

    assert ended(open_many) == "disk"


def test_a_reader_starts_no_process(ended) -> None:
    """Linux counts no processes of root: where root asks, the job is nobody's."""

    def start() -> dict:
        if os.geteuid() == 0:
            os.setuid(65534)
        try:
            child = os.posix_spawn("/bin/true", ["/bin/true"], {})
        except BlockingIOError:  # "resource temporarily unavailable"
            raise MemoryError from None  # an end that no other failure of this job has
        return {"child": child}

    assert ended(start) == "memory"


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("memory", "limit-memory"),
        ("time", "limit-time"),
        ("clock", "limit-time"),
        ("SIGSEGV", "reader-crashed"),
    ],
)
def test_every_end_has_a_code(end, code) -> None:
    finding = Refused(*end_of(end, "mine.zip", 10.0)).finding
    assert (finding.code, finding.where) == (code, "mine.zip")
