"""docs/api.md describes every public name, and its examples are true."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import benchmark as ub

API = Path(__file__).parents[2] / "docs" / "api.md"
#: Examples end in the fence of their block, which doctest would take for output.
_CHECK = """
import doctest, os, sys
text = open(sys.argv[1], encoding="utf-8").read().replace("```", "")
test = doctest.DocTestParser().get_doctest(text, {"__name__": "__main__"}, "api.md", None, 0)
runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
failed, tried = runner.run(test)
print(tried, failed)
"""


def test_every_name_is_described_once() -> None:
    described = re.findall(r"^### `ub\.(\w+)", API.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(described) == sorted(ub.__all__)


def test_the_examples_are_true(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CHECK, API],
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
        env={**os.environ, "UNIMP_BENCH_HOME": str(tmp_path), "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    *report, last = done.stdout.splitlines() or [""]
    tried, failed = map(int, last.split())
    assert not failed, "\n".join(report)
    assert tried >= len(ub.__all__)
