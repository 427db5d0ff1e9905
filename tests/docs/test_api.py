"""docs/api.md describes every public name, and its examples are true."""

from __future__ import annotations

import doctest
import inspect
import re
from pathlib import Path

import pytest

import benchmark as ub

API = Path(__file__).parents[2] / "docs" / "api.md"


def test_every_name_is_described_once() -> None:
    described = re.findall(r"^### `ub\.(\w+)", API.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(described) == sorted(ub.__all__)


def test_headings_say_how_each_name_is_called() -> None:
    headings = re.findall(
        r"^### `ub\.(\w+)(\(.*\))`$", API.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(name for name, _ in headings) == sorted(ub.__all__)
    for name, said in headings:
        signature = inspect.signature(getattr(ub, name))
        shown = [
            p.replace(annotation=inspect.Parameter.empty)
            for p in signature.parameters.values()
            if p.name != "home"  # of all that use one, said once above
        ]
        bare = inspect.Signature(shown)
        assert str(bare).replace("'", '"') == said, name


def test_the_examples_are_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNIMP_BENCH_HOME", str(tmp_path))
    # Examples end in the fence of their block, which doctest would take for output.
    text = API.read_text(encoding="utf-8").replace("```", "")
    test = doctest.DocTestParser().get_doctest(text, {}, "api.md", None, 0)
    report: list[str] = []
    done = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=report.append)
    assert not done.failed, "".join(report)
    assert done.attempted >= len(ub.__all__)
