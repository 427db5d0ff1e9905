"""Imports point one way: between packages, and between the rooms of each folder inside them."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("drawing", ROOT / "docs" / "draw_architecture.py")
assert _spec is not None
assert _spec.loader is not None
drawing = importlib.util.module_from_spec(_spec)
sys.modules["drawing"] = drawing  # where dataclasses look for it
_spec.loader.exec_module(drawing)

ALLOWED = {
    "benchmark": {"benchmark"},
    "baselines": {"baselines", "benchmark"},
    "unimp_model": {"unimp_model", "benchmark"},
    "leaderboards": {"leaderboards", "benchmark"},
}

#: The rooms of every folder that has folders in it, low to high: each imports only those before it.
ORDER = {
    "benchmark": """
        errors settings rounding visible words predictions registry host instances model vision
        tasks data topk ranking models training own_clip metrics uncertainty resampling equal_users
        stats runs tuning compare report exports doctor face commands cli __main__
    """,
    "benchmark.commands": """
        completing options output printing removal run_file describing workers data cache compare
        doctor export models report estimating run runs tables tasks tune
    """,
    "benchmark.data": """
        catalogue item_texts item_values schema frames raw queries simulator instances photos
        sources listing view perturbations dataset preparing unchanged verify opening
    """,
    "benchmark.report": """
        contents table formats filling seed_doubts footnotes dataset_table beyond_columns
        cost_columns build side_by_side two_runs figures missing
    """,
    "benchmark.runs": """
        spec manifest store filters tuned ranked fitting predictions asking scoring scoring_stored
        account costs runner resources work performing workers sharding listing removing cache
        dataset_removal estimating
    """,
    "benchmark.report.figures": """
        drawing page tabled journals generation tuning cost dots ranks robustness learning making
    """,
    "baselines": """
        learning recbole collaborative multimodal generative choice neighbours search reviews
        simulated trivial entries
    """,
    "unimp_model": """
        match_parts config sequence images card network parts storage tasks training assembly
        adapter entries
    """,
    "leaderboards": "submission boards verification site importing commands",
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
    leads: dict[str, set[str]] = {}
    for importer, imported in drawing.imports(package):
        leads.setdefault(importer, set()).add(imported)
    reached: set[str] = set()
    waiting = [f"{package}.entries"]
    while waiting:
        module = waiting.pop()
        if module not in reached and module.startswith(f"{package}."):
            reached.add(module)
            waiting += leads.get(module, ())
    for module in reached:
        source = ROOT.joinpath(*module.split(".")).with_suffix(".py")
        others = {name for _, name in _imported(source)} - sys.stdlib_module_names
        assert others <= {"benchmark", package}, source


def test_a_comparison_knows_nothing_of_how_it_is_shown():
    wrong = [
        f"{source.relative_to(ROOT)}:{line} imports {module}"
        for source in sorted((ROOT / "benchmark" / "compare").glob("*.py"))
        for line, module in _modules(source)
        if module.startswith(("benchmark.report", "benchmark.commands"))
    ]
    assert not wrong


def _folders(package: str) -> list[Path]:
    return sorted(file.parent for file in (ROOT / package).rglob("__init__.py"))


def _rooms(folder: Path) -> set[str]:
    files = {file.stem for file in folder.glob("*.py")} - {"__init__"}
    return files | {file.parent.name for file in folder.glob("*/__init__.py")}


def _has_folders(folder: Path) -> bool:
    return any(folder.glob("*/__init__.py"))


@pytest.mark.parametrize("package", ALLOWED)
def test_no_folder_has_a_circle_of_imports(package: str) -> None:
    found = drawing.arrows(drawing.imports(package))
    assert found
    circles = []
    for folder, arrows in found.items():
        below: dict[str, set[str]] = {}
        for room, other in arrows:
            if "__init__" not in (room, other):  # a package's own file is the folder itself
                below.setdefault(room, set()).add(other)
        try:
            TopologicalSorter(below).prepare()
        except CycleError as error:
            circle = error.args[1]
            among = [
                each for (a, b), why in arrows.items() if {a, b} <= set(circle) for each in why
            ]
            circles.append((folder, circle, among))
    assert not circles


@pytest.mark.parametrize("folder", ORDER)
def test_no_import_points_up(folder: str) -> None:
    place = {room: at for at, room in enumerate(ORDER[folder].split())}
    found = drawing.arrows(drawing.imports(folder.partition(".")[0]))[folder]
    between = {pair: why for pair, why in found.items() if "__init__" not in pair}
    assert between
    assert not [why for (room, other), why in between.items() if place[room] < place[other]]


@pytest.mark.parametrize("package", ALLOWED)
def test_every_room_of_a_folder_with_folders_has_its_place(package: str) -> None:
    for folder in filter(_has_folders, _folders(package)):
        name = ".".join(folder.relative_to(ROOT).parts)
        assert sorted(ORDER[name].split()) == sorted(_rooms(folder)), f"put it into ORDER: {name}"


def test_arrows_are_found_at_every_level_and_inside_functions(tmp_path: Path) -> None:
    for name, source in {
        "benchmark/__init__.py": "",
        "benchmark/low/__init__.py": "",
        "benchmark/low/a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
        "    from benchmark.high import never\n",
        "benchmark/low/b.py": "from . import a\nTARGET = 'benchmark.high:never'\n",
        "benchmark/high.py": "def f():\n    from benchmark.low.b import TARGET\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    assert drawing.arrows(drawing.imports("benchmark", tmp_path)) == {
        "benchmark": {("high", "low"): ["benchmark.high -> benchmark.low.b"]},
        "benchmark.low": {("b", "a"): ["benchmark.low.b -> benchmark.low.a"]},
    }
