"""Photos drawn in several processes: the same as in one, and a process that ends is noticed."""

from __future__ import annotations

import shutil
import sys

import pytest

from benchmark.data.simulator import drawing
from benchmark.errors import BenchError

LOOKS = [(n % 8, n // 8 % 8, n % 5) for n in range(50)]


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes draw even few photos."""
    monkeypatch.setattr(drawing, "WORTH_IT", len(LOOKS))
    monkeypatch.setattr(drawing.os, "cpu_count", lambda: 2)


def test_several_processes_draw_the_photos_of_one(many: None) -> None:
    alone = [drawing.draw_item(3, index, look) for index, look in enumerate(LOOKS)]
    assert list(drawing.drawn(3, LOOKS)) == alone


def test_a_process_that_ends_early_is_an_error(many: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(BenchError, match=r"ended early \(exit status 1\)"):
        list(drawing.drawn(3, LOOKS))
