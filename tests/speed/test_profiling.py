"""What --profile prints adds up: time is named by the project's function that spends it."""

from __future__ import annotations

import importlib
import subprocess
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "speed"


@pytest.fixture
def profiled(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("profiling").profiled


def _sort(values: np.ndarray) -> np.ndarray:
    return np.sort(values)


def test_what_a_function_has_done_outside_the_project_is_its_own(profiled) -> None:
    values = np.random.default_rng(0).random(200_000)
    head, *rows = profiled(lambda: _sort(values), repeat=3)
    assert head.split() == ["with", "calls", "own", "called"]
    (row,) = [row for row in rows if row.endswith(" _sort")]
    whole, own, called, where, _ = row.split()
    assert int(whole.rstrip("%")) >= 90
    assert int(own.rstrip("%")) >= 90
    assert called == "1"
    assert where.startswith("tests/speed/test_profiling.py:")


def test_no_share_is_above_all_where_functions_share_a_line_of_a_file(profiled) -> None:
    pairs: dict[str, object] = {}
    for _ in range(3):  # as the methods that dataclasses make
        exec(compile("def made(n):\n    return sum(range(n))\n", "<string>", "exec"), pairs)
        pairs[f"made-{len(pairs)}"] = pairs["made"]
    functions = [made for name, made in pairs.items() if name.startswith("made-")]

    def work() -> None:
        _call(functions)

    _, *rows = profiled(work, repeat=3)
    assert rows
    assert all(int(row.split()[0].rstrip("%")) <= 100 for row in rows)


def test_work_that_keeps_what_it_found_is_profiled_as_it_is_the_first_time(profiled) -> None:
    calls: list[int] = []
    profiled(lambda: calls.append(1), repeat=1, warm=False)
    assert calls == [1]
    profiled(lambda: calls.append(1), repeat=1)
    assert calls == [1, 1, 1]


def test_a_command_is_profiled_with_its_imports_and_one_that_fails_is_no_profile(
    monkeypatch, capfd
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    module = importlib.import_module("profiling")
    module.print_profiled(["tasks"])
    head, *rows = capfd.readouterr().out.splitlines()
    assert head.split() == ["with", "calls", "own", "called"]
    assert any("benchmark/cli.py:" in row and row.endswith(" main") for row in rows)
    assert any(row.endswith("<module>") for row in rows)
    with pytest.raises(subprocess.CalledProcessError):
        module.print_profiled(["report", "--table", "no-such-table"])
    assert not capfd.readouterr().out


def _call(functions) -> None:
    for made in functions:
        made(50_000)
