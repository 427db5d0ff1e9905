"""Run a notebook's cells and store what they show: ``python docs/run_notebook.py NOTEBOOK...``.

Needs no kernel. As in one, each cell is run in the notebook's namespace, its text stays at hand
for whoever asks for the source of a class, and the value of its last expression is shown. What
goes to standard error (progress, folders of this machine) is not stored.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import linecache
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

#: The name that a cell's last value is kept under, as in a notebook.
_SHOWN = "_"


def run_cells(cells: list[dict[str, Any]]) -> None:
    """Run the code cells in order and replace their outputs. An exception comes through."""
    notebook = sys.modules["__main__"] = ModuleType("__main__")
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    for number, cell in enumerate(code, start=1):
        source = "".join(cell["source"])
        name = f"<cell {number}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        cell["execution_count"] = number
        cell["outputs"] = _run(source, name, notebook.__dict__, number)


def _run(source: str, name: str, space: dict[str, Any], number: int) -> list[dict[str, Any]]:
    tree = ast.parse(source, name)
    space[_SHOWN] = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = tree.body[-1]
        shown = ast.Assign([ast.Name(_SHOWN, ast.Store())], last.value)
        tree.body[-1] = ast.fix_missing_locations(ast.copy_location(shown, last))
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(tree, name, "exec"), space)
    value = space[_SHOWN]
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        text = printed.getvalue().splitlines(keepends=True)
        outputs.append({"name": "stdout", "output_type": "stream", "text": text})
    if value is not None:
        forms = {"text/plain": repr(value)}
        if hasattr(value, "_repr_html_"):
            forms["text/html"] = value._repr_html_()
        outputs.append(
            {
                "data": {kind: text.splitlines(keepends=True) for kind, text in forms.items()},
                "execution_count": number,
                "metadata": {},
                "output_type": "execute_result",
            }
        )
    return outputs


def main(paths: list[str]) -> None:
    """Run each notebook in place."""
    for path in map(Path, paths):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        run_cells(notebook["cells"])
        text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
        path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
