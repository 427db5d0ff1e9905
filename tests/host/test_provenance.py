"""The command that a run says it was made by can be typed again."""

from __future__ import annotations

from pathlib import Path

import pytest

import benchmark
from benchmark.host.provenance import command_line

PACKAGE = Path(benchmark.__file__).parent


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("/somewhere/bin/unimp-bench", "unimp-bench run --task search"),
        (str(PACKAGE / "__main__.py"), "unimp-bench run --task search"),  # python -m benchmark
        (str(PACKAGE / "cli.py"), "unimp-bench run --task search"),  # behind accelerate-launch
        ("/lib/ipykernel_launcher.py", "a notebook"),
        ("mine/cli.py", "cli.py run --task search"),  # a script of the user's own
    ],
)
def test_however_it_is_started_it_is_called_by_its_name(program, told, monkeypatch) -> None:
    monkeypatch.setattr("sys.argv", [program, "run", "--task", "search"])
    assert command_line() == told
