"""What the committed notebooks show is what they show when they are run now."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
_spec = importlib.util.spec_from_file_location("run_notebook", DOCS / "run_notebook.py")
assert _spec is not None
assert _spec.loader is not None
running = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(running)
NOTEBOOKS = sorted((DOCS / "examples").glob("*.ipynb"))


def shown(notebook: Path) -> list[Any]:
    """Sources and outputs of the code cells, without the hashes of runs: they follow the code."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = [(cell["source"], cell["outputs"]) for cell in cells if cell["cell_type"] == "code"]
    return json.loads(re.sub(r"(seed\d+)-[0-9a-f]{8}\b", r"\1-HASH", json.dumps(code)))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_shows_what_is_stored_in_it(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNIMP_BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # put back afterwards
    copy = tmp_path / notebook.name
    shutil.copy(notebook, copy)
    running.main([str(copy)])
    assert shown(copy) == shown(notebook), "python docs/run_notebook.py NOTEBOOK stores it anew"


def test_fifteen_lines_lead_to_a_compared_own_model() -> None:
    lines: list[str] = []
    for source, outputs in shown(DOCS / "examples" / "own_model.ipynb"):
        lines += [line for line in "".join(source).splitlines() if line.strip()]
        if "ub.compare_runs(" in lines[-1]:
            assert "wins/ties/losses" in "".join(outputs[0]["data"]["text/html"])
            break
    assert "ub.compare_runs(" in lines[-1]
    assert len(lines) <= 15
