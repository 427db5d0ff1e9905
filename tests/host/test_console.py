"""What is said beside results."""

from __future__ import annotations

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
