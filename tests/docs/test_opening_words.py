"""Forms of explanations are told by the first word, the commonest first."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

_FILE = Path(__file__).parents[2] / "docs" / "examples" / "opening_words.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("opening_words", _FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_form_has_its_share_and_its_mean_score(example):
    found = example.forms(
        ["I like it.", "The lid fits.", "I do not.", "I", ""], [1, 0.5, 0, 0.5, 0]
    )
    assert found == [("I", 0.6, 0.5), ("", 0.2, 0.0), ("The", 0.2, 0.5)]


def test_no_sentences_have_no_forms(example):
    assert example.forms([], []) == []
