"""What a source file imports is read from its syntax."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.models.imports import Finder, Module, Root, references


@pytest.fixture
def find(tmp_path: Path):
    """``find(source, importer)``: names of the modules that ``source`` leads to."""
    for file in ("pkg/__init__.py", "pkg/a.py", "pkg/sub/__init__.py", "pkg/sub/b.py", "flat.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    (tmp_path / "spaces").mkdir()
    (tmp_path / "spaces" / "inner.py").touch()
    finder = Finder([Root(tmp_path)])

    def found(source: str, importer: str = "flat") -> set[str]:
        file = finder.file(importer)
        assert file is not None
        names = set()
        for reference in references(source.encode()):
            named, above = finder.reached(Module(importer, file), reference)
            names |= {module.name for module in [*named, *above]}
        return names

    return found


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import pkg.sub.b", {"pkg", "pkg.sub", "pkg.sub.b"}),
        ("from pkg import a", {"pkg", "pkg.a"}),
        ("from pkg import something", {"pkg"}),
        ("from pkg.sub.b import *", {"pkg", "pkg.sub", "pkg.sub.b"}),
        ("from spaces import inner", {"spaces.inner"}),
        ("def f():\n    import flat", {"flat"}),
        ("import importlib\nimportlib.import_module('pkg.a')", {"pkg", "pkg.a"}),
        ("X = 'pkg.a:THING'", {"pkg", "pkg.a"}),
        ("X = 'see pkg.a:THING'", set()),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pkg.a", set()),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    import flat", {"flat"}),
        ("try:\n    import flat\nexcept ImportError:\n    import pkg", {"flat", "pkg"}),
        ("import numpy, json", set()),
        ("def broken(:", set()),
    ],
)
def test_imports_are_found(find, source: str, names: set[str]) -> None:
    assert find(source) == names


@pytest.mark.parametrize(
    ("importer", "source", "names"),
    [
        ("pkg.sub.b", "from . import b", {"pkg", "pkg.sub", "pkg.sub.b"}),
        ("pkg.sub.b", "from .. import a", {"pkg", "pkg.a"}),
        ("pkg.sub", "from .b import x", {"pkg", "pkg.sub", "pkg.sub.b"}),
        ("flat", "from . import flat", {"flat"}),
        ("flat", "from .. import flat", set()),
    ],
)
def test_relative_imports_are_resolved(find, importer: str, source: str, names: set[str]) -> None:
    assert find(source, importer) == names
