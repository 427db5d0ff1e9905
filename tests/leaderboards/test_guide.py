"""docs/submit.md explains every warning: docs/maintain.md sends whoever meets one there."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _warned() -> set[str]:
    """The codes of findings that are declared as warnings where they are made."""
    found = set()
    for file in (ROOT / "leaderboards").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "Finding":
                given = [*node.args[3:], *(k.value for k in node.keywords if k.arg == "warning")]
                code = node.args[0] if node.args else None
                if any(not (isinstance(g, ast.Constant) and not g.value) for g in given):
                    found |= {code.value} if isinstance(code, ast.Constant) else set()
    return found


def test_every_warning_is_explained() -> None:
    warned = _warned()
    assert {"failed-predictions", "code-differs"} <= warned
    guide = (ROOT / "docs" / "submit.md").read_text(encoding="utf-8")
    assert {code for code in warned if f"`{code}`" not in guide} == set()
