"""Long work says which part of how many it is at, how much is done, and how much is left."""

from __future__ import annotations

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
