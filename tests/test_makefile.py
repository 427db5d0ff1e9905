"""What ``make`` leaves behind where a step fails."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[1] / "Makefile"

#: As Python does on a Debian without python3-venv: a folder without pip, and a hint.
_WITHOUT_PIP = """#!/bin/sh
mkdir -p "$3/bin"
: > "$3/bin/python"
echo "apt install python3-venv" >&2
exit 1
"""


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_a_virtual_environment_that_failed_is_made_again(tmp_path: Path) -> None:
    shutil.copy(MAKEFILE, tmp_path)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    python = tmp_path / "python"
    python.write_text(_WITHOUT_PIP)
    python.chmod(0o755)
    for _ in range(2):  # the second time it says the same, not that there is no pip
        done = subprocess.run(
            ["make", f"PYTHON={python}", "VENV=venv", "bench"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode != 0
        assert "apt install python3-venv" in done.stderr
        assert not (tmp_path / "venv" / "bin" / "python").exists()
