"""Listings and help must not wait for libraries they do not use."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "torch",
    "transformers",
    "open_clip",
    "matplotlib",
    "optuna",
)

_PROBE = """
import contextlib, io, sys
sys.argv = ["unimp-bench", *{arguments!r}]
from benchmark.cli import main
with contextlib.redirect_stdout(io.StringIO()):
    try:
        main()
    except SystemExit as exit:
        status = exit.code
print(status, *[name for name in {heavy!r} if name in sys.modules])
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["tune", "--help"],
        ["report", "--help"],
        ["compare", "--help"],
        ["tasks"],
        ["models"],
        ["tables"],
        ["data", "list"],
        ["runs", "list"],
        ["runs", "rm", "--help"],
        ["cache", "--help"],
        ["models", "--help"],
        ["data", "rm", "--help"],
        ["verify", "--help"],
        ["submit", "--help"],
        ["leaderboard", "build", "--help"],
    ],
)
def test_command_imports_nothing_heavy(arguments: list[str], tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROBE.format(arguments=arguments, heavy=HEAVY)],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "UNIMP_BENCH_HOME": str(tmp_path), "HOME": str(tmp_path)},
        check=True,
    )
    assert done.stdout.split() == ["0"], done.stdout + done.stderr
