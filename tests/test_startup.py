"""Listings and help must not wait for libraries they do not use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.host.files import write_json
from benchmark.host.home import find_home
from benchmark.report.build import build_report

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

COMMANDS = [
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
]
#: What shows stored numbers, once it has worked out what it keeps.
SHOWING = [["report", "--table", "2d", "--format", "csv"], ["report", "--table", "ablation"]]

#: Prints, for each command, its exit status and which of the heavy modules it is the first to load.
_PROBE = """
import contextlib, io, json, sys
from benchmark.cli import main
commands, heavy = map(json.loads, sys.argv[1:])
found = []
for words in commands:
    before = set(sys.modules)
    sys.argv = ["unimp-bench", *words]
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            main()
        except SystemExit as exit:
            loaded = sys.modules.keys() - before
            found.append([exit.code, *(name for name in heavy if name in loaded)])
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> list[list[object]]:
    """Exit status and heavy imports of each command, in one fresh interpreter."""
    home = str(tmp_path_factory.mktemp("home"))
    prepared = {"name": "sim-s", "source": "sim", "sha256": "0", "simulated": True, "tasks": {}}
    write_json(Path(home) / "datasets" / "sim-s" / "dataset.json", prepared)
    for _, _, table, *_ in SHOWING:
        build_report(table, home=find_home(Path(home)))
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, json.dumps([*COMMANDS, *SHOWING]), json.dumps(HEAVY)],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "UNIMP_BENCH_HOME": home, "HOME": home},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("number", range(len(COMMANDS)), ids=map(" ".join, COMMANDS))
def test_command_imports_nothing_heavy(number: int, imported: list[list[object]]) -> None:
    assert imported[number] == [0]


@pytest.mark.parametrize("number", range(len(SHOWING)), ids=map(" ".join, SHOWING))
def test_a_table_that_was_shown_before_imports_nothing_heavy(
    number: int, imported: list[list[object]]
) -> None:
    assert imported[len(COMMANDS) + number] == [0]
