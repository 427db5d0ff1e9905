"""Every script under speed/ still finds what it measures."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "speed"
PACKAGES = ("benchmark", "baselines", "unimp_model", "leaderboards")
#: What scripts share; not run by themselves.
HELPERS = frozenset({"commands.py", "conditioned_llama.py", "profiling.py"})
SCRIPTS = sorted(FOLDER.glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_importing_a_script_measures_nothing_and_its_help_says_how_to_run_it(
    script, monkeypatch, capsys
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))  # as `python speed/x.py` finds its neighbours
    name = f"speed_{script.stem}"
    spec = importlib.util.spec_from_file_location(name, script)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)  # where dataclasses look annotations up
    spec.loader.exec_module(module)
    assert capsys.readouterr().out == ""
    if script.name in HELPERS:
        assert not hasattr(module, "main")
        return
    assert f"python speed/{script.name}" in module.__doc__, "its docstring says how to run it"
    monkeypatch.setattr(sys, "argv", [script.name, "--help"])
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert not ended.value.code
    assert capsys.readouterr().out.startswith("usage: ")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_finds_what_its_functions_import(script) -> None:
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        if node.module.partition(".")[0] in PACKAGES:
            missing = [alias.name for alias in node.names if not _has(node.module, alias.name)]
            assert missing == [], f"{node.module} has no {missing}"


@pytest.mark.parametrize("model", ["mf", "hgn", "s3rec"])
def test_training_by_the_adapter_and_by_direct_calls_are_both_timed(
    model, sim_xs, monkeypatch, capsys
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    script = importlib.import_module("recbole_training")
    monkeypatch.setattr(script, "ensure_dataset", lambda name, home: sim_xs)
    monkeypatch.setattr(
        sys, "argv", ["recbole_training.py", "--model", model, "--epochs", "1", "--steps", "2"]
    )
    threads = torch.get_num_threads()
    try:
        script.main()
    finally:
        torch.set_num_threads(threads)
    _head, *rows = capsys.readouterr().out.splitlines()
    assert {row.split()[0] for row in rows} == {model}


def _has(module: str, name: str) -> bool:
    """Whether ``from module import name`` works, whatever was imported before."""
    if hasattr(importlib.import_module(module), name):
        return True
    try:
        return importlib.util.find_spec(f"{module}.{name}") is not None
    except ModuleNotFoundError:  # the module is no package
        return False
