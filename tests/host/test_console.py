"""What is said beside results."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from benchmark.host.console import complain, note, without_notes


def test_notes_are_dropped_meanwhile_and_errors_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    with without_notes():
        with without_notes():
            note("within both")
        note("within one")
        complain("an error")
    note("afterwards")
    assert capsys.readouterr().err == "an error\nafterwards\n"


def test_notes_are_told_again_where_the_work_failed(capsys: pytest.CaptureFixture[str]) -> None:
    def failing() -> None:
        with without_notes():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    note("afterwards")
    assert capsys.readouterr().err == "afterwards\n"


_PRINTS_PAST_PYTHON = """
import ctypes, sys
from benchmark.host.console import output_to_stderr

with output_to_stderr():
    sys.__stdout__.write("by the stream that was there\\n")
    ctypes.CDLL(None).printf(b"by C\\n")
print("the result")
"""


def test_what_waits_in_buffers_meanwhile_is_not_among_the_results() -> None:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-c", _PRINTS_PAST_PYTHON],
        capture_output=True, text=True, check=True, env=env,
    )  # fmt: skip
    assert done.stdout == "the result\n"
    assert set(done.stderr.splitlines()) == {"by the stream that was there", "by C"}
