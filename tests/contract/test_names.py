"""The harness knows no model by name and no dataset by the beginning of its name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import benchmark
from benchmark.data.sources import SELF_CONTAINED
from benchmark.models.registered import entries

ROOT = Path(benchmark.__file__).parent
MODELS = frozenset(entries())
#: Sources say which datasets there are.
_OF_DATASETS = (ROOT / "data" / "sources", ROOT / "data" / "simulator")


def literals(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def names_a_model(text: str) -> bool:
    return text.partition(":")[0] in MODELS


def begins_a_dataset(text: str) -> bool:
    return len(text) > 1 and text[-1] in "-_" and any(n.startswith(text) for n in SELF_CONTAINED)


@pytest.mark.parametrize(
    ("source", "is_model", "is_dataset"),
    [
        ('x = group == "oracle"', True, False),
        ('x = {"unimp:no-vision": 1}', True, False),
        ('x = name.startswith("sim-")', False, True),
        ('x = "sim-s"', False, False),
        ('x = "unimp-bench"', False, False),
    ],
)
def test_the_search_finds_what_it_is_for(source, is_model, is_dataset) -> None:
    texts = [text for _, text in literals(source)]
    assert any(map(names_a_model, texts)) == is_model
    assert any(map(begins_a_dataset, texts)) == is_dataset


def test_the_harness_names_no_model() -> None:
    named = [
        f"{path.relative_to(ROOT)}:{line}: {text!r}"
        for path in sorted(ROOT.rglob("*.py"))
        for line, text in literals(path.read_text(encoding="utf-8"))
        if names_a_model(text)
    ]
    assert named == []


def test_the_harness_tells_no_dataset_by_the_beginning_of_its_name() -> None:
    told = [
        f"{path.relative_to(ROOT)}:{line}: {text!r}"
        for path in sorted(ROOT.rglob("*.py"))
        if not any(path.is_relative_to(folder) for folder in _OF_DATASETS)
        for line, text in literals(path.read_text(encoding="utf-8"))
        if begins_a_dataset(text)
    ]
    assert told == []
