"""Long work says which part of how many it is at, how much is done, and how much is left."""

from __future__ import annotations

import io
import sys

from benchmark.host import progress
from benchmark.host.progress import bar, part


def test_work_in_parts_says_which_it_is_at(monkeypatch, capsys) -> None:
    monkeypatch.setattr(progress, "_DELAY_SECONDS", 0.0)
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.0)
    with part("run", 1, 3), part("stage", 2, 6), bar("training", 10) as shown:
        shown.advance()
    with part("stage", 1, 1), bar("training", 10) as shown:
        shown.advance()
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("run 1 of 3, stage 2 of 6, training: 1/10, ")
    assert first.endswith(" s left")
    assert second.startswith("training: 1/10, ")


def test_work_that_goes_on_is_timed_by_the_steps_of_now(monkeypatch, capsys) -> None:
    clock = iter([0.0, 0.5, 20.5, 30.5])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with bar("training", 100) as shown:
        shown.advance(90)  # done before, read from a checkpoint
        shown.advance(2)
        shown.advance(1)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "training: 92/100, 80 s left"
    assert second == "training: 93/100, 70 s left"


def test_brackets_in_names_and_notes_are_shown_as_they_are(monkeypatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "_DELAY_SECONDS", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    progress._console.cache_clear()  # of the standard error that is now
    with bar("table [/mine]", 2) as shown:
        shown.say("loss [bold]0.5")
        shown.advance()
    progress._console.cache_clear()
    assert "table [/mine]" in terminal.getvalue()
    assert "loss [bold]0.5" in terminal.getvalue()
