"""docs/scripts.md: the variables it names are those that are read, its JSON is what is printed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "scripts.md").read_text(encoding="utf-8")
PACKAGES = ("benchmark", "baselines", "unimp_model", "leaderboards")
SEARCH = ("--task", "search", "--data", "sim-xs")


def _keys_of(command: str) -> list[set[str]]:
    """The keys of each object that the page says ``command`` prints, in order."""
    (row,) = re.findall(rf"^\| `{command}` \| (.*) \|$", PAGE, re.MULTILINE)
    return [set(re.findall(r'"(\w+)"', shape)) for shape in re.findall(r"\{[^}]*\}", row)]


def test_it_names_every_variable_that_is_read() -> None:
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    texts = [file.read_text(encoding="utf-8") for file in files]
    read = {name for text in texts for name in re.findall(r"\bUNIMP_BENCH_[A-Z_]+", text)}
    assert set(re.findall(r"^\| `(UNIMP_BENCH_\w+)`", PAGE, re.MULTILINE)) == read


@pytest.mark.parametrize("command", ["tasks", "models", "tables", "data list", "runs list"])
def test_a_listing_prints_these_keys(cli, home, sim_xs, command) -> None:
    cli("run", "--model", "random", *SEARCH, "--limit", "5", home=home)
    status, out, _ = cli(*command.split(), "--json", home=home)
    assert status == 0
    (promised,) = _keys_of(command)
    assert set(json.loads(out)[0]) == promised


def test_run_compare_report_and_verify_print_these_keys(cli, home, sim_xs) -> None:
    models = ["--model", "random", "--model", "popularity"]
    runs = json.loads(cli("run", *models, *SEARCH, "--json", home=home)[1])
    whole, score = _keys_of("run")
    assert all(set(run) - {"energy"} == whole for run in runs)
    assert all(set(run["scores"]["HR@5"]) == score for run in runs)
    (promised,) = _keys_of("compare")
    names = [run["run"] for run in runs]
    assert set(json.loads(cli("compare", *names, "--json", home=home)[1])) == promised
    asked = ["--table", "search", "--data", "sim-xs", "--json"]
    table = json.loads(cli("report", *asked, home=home)[1])
    document, row, cell = _keys_of("report")
    assert set(table) == document
    assert set(table["rows"][0]) == row
    assert set(table["rows"][0]["cells"][0]) - {"share"} == cell
    (promised,) = _keys_of("data verify")
    assert set(json.loads(cli("data", "verify", "sim-xs", "--json", home=home)[1])) == promised
