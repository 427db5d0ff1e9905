"""Imports point one way: everything builds on the harness, the harness on nothing of ours."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {
    "benchmark": {"benchmark"},
    "baselines": {"baselines", "benchmark"},
    "unimp_model": {"unimp_model", "benchmark"},
    "leaderboards": {"leaderboards", "benchmark"},
}


def _modules(source: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of every import statement, also those inside functions."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module


def _imported(source: Path) -> Iterator[tuple[int, str]]:
    """(line, top-level package) of every import statement."""
    yield from ((line, module.partition(".")[0]) for line, module in _modules(source))


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_only_what_they_build_on(package):
    forbidden = set(ALLOWED) - ALLOWED[package]
    sources = sorted((ROOT / package).rglob("*.py"))
    assert sources
    wrong = [
        f"{source.relative_to(ROOT)}:{line} imports {name}"
        for source in sources
        for line, name in _imported(source)
        if name in forbidden
    ]
    assert not wrong


@pytest.mark.parametrize("package", ["baselines", "unimp_model"])
def test_announcing_models_imports_nothing_heavy(package):
    sources = [ROOT / package / "entries.py"]
    for source in sources:  # grows by what they import of their own package
        modules = {module for _, module in _modules(source)}
        own = {module for module in modules if module.partition(".")[0] == package}
        sources += [ROOT.joinpath(*module.split(".")).with_suffix(".py") for module in sorted(own)]
        others = {module.partition(".")[0] for module in modules - own}
        assert others - sys.stdlib_module_names <= {"benchmark"}, source


def test_a_comparison_knows_nothing_of_how_it_is_shown():
    wrong = [
        f"{source.relative_to(ROOT)}:{line} imports {module}"
        for source in sorted((ROOT / "benchmark" / "compare").glob("*.py"))
        for line, module in _modules(source)
        if module.startswith(("benchmark.report", "benchmark.commands"))
    ]
    assert not wrong
