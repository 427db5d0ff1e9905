"""Settings are checked; a fit's identity follows the code it depends on."""

from __future__ import annotations

import importlib
import sys

import pytest

from benchmark.errors import UsageError
from benchmark.runs.config import code_digest, configure, parse_settings


def test_settings_are_read_as_json_where_they_are_json() -> None:
    assert parse_settings(["a=3", "b=0.5", "c=[1, 2]", "d=word", "e=x=y", "f=true"]) == {
        "a": 3,
        "b": 0.5,
        "c": [1, 2],
        "d": "word",
        "e": "x=y",
        "f": True,
    }


@pytest.mark.parametrize("pairs", [["epochs"], ["=3"], ["a=1", "a=2"]])
def test_a_broken_setting_is_refused(pairs: list[str]) -> None:
    with pytest.raises(UsageError, match="--set"):
        parse_settings(pairs)


def test_a_value_out_of_range_is_refused_with_its_name() -> None:
    with pytest.raises(UsageError, match=r"refuses k1 = -1"):
        configure("bm25", {"k1": -1})


def test_the_digest_follows_a_models_own_code_and_its_packages_root(tmp_path, monkeypatch) -> None:
    root = tmp_path / "shop"
    for folder in (root, root / "one", root / "two"):
        folder.mkdir()
        (folder / "__init__.py").touch()
    (root / "shared.py").write_text("A = 1\n")
    (root / "one" / "model.py").write_text("class Model:\n    tasks = frozenset({'search'})\n")
    (root / "two" / "other.py").write_text("B = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    model = importlib.import_module("shop.one.model").Model
    try:
        before = code_digest(model)
        (root / "two" / "other.py").write_text("B = 2\n")
        assert code_digest(model) == before
        (root / "shared.py").write_text("A = 2\n")
        changed = code_digest(model)
        assert changed != before
        (root / "one" / "helper.py").write_text("C = 1\n")
        assert code_digest(model) != changed
    finally:
        for name in [n for n in sys.modules if n == "shop" or n.startswith("shop.")]:
            del sys.modules[name]
