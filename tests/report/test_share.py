"""The share of the learnable beside every number, and in a table of its own behind ``run``."""

from __future__ import annotations

import csv
import json
import re
from io import StringIO
from typing import Any

import pytest

from benchmark.report.build import build_report
from benchmark.report.formats.render import render
from benchmark.report.formats.sheet import TableStyle
from benchmark.report.side_by_side import render_learned

CHANCES = {"random": 0.05, "popularity": 0.2, "unimp": 0.5, "informed": 0.8, "oracle": 0.95}


def _leave(shelf: Any, **changes: Any) -> list[Any]:
    return [shelf.ranked(model, chance=chance, **changes) for model, chance in CHANCES.items()]


def _cells(report: Any, metric: str) -> dict[str, dict[str, Any]]:
    return {
        row["system"]: cell
        for row in report.to_json()["rows"]
        for cell in row["cells"]
        if cell["metric"] == metric
    }


@pytest.fixture(scope="module")
def report(new_shelf: Any) -> Any:
    shelf = new_shelf()
    _leave(shelf)
    return build_report("2d", home=shelf.home)


def test_every_cell_has_its_share_where_informed_and_a_blind_rule_were_run(report: Any) -> None:
    cells = _cells(report, "HR@5")
    share = cells["UniMP"]["share"]
    values = {name: cells[name]["value"] for name in ("UniMP", "Popularity", "Informed")}
    gap = values["Informed"] - values["Popularity"]
    assert share["value"] == pytest.approx((values["UniMP"] - values["Popularity"]) / gap)
    assert share["low"] < share["value"] < share["high"]
    assert cells["Popularity"]["share"]["value"] == 0
    assert cells["Informed"]["share"]["value"] == 1
    assert cells["Oracle"]["share"]["value"] > 1
    assert cells["HEM"]["share"] is None
    (note,) = [note for note in report.notes if note.startswith("share:")]
    assert "(Informed - best blind rule)" in note
    assert "Popularity (" in note


@pytest.mark.parametrize("missing", [["informed"], ["random", "popularity"]])
def test_without_one_of_its_ends_no_cell_and_no_note_speaks_of_shares(
    shelf: Any, missing: list[str]
) -> None:
    for model, chance in CHANCES.items():
        if model not in missing:
            shelf.ranked(model, chance=chance)
    report = build_report("2d", home=shelf.home)
    assert "share" not in _cells(report, "HR@5")["UniMP"]
    assert not any(note.startswith(("share:", "No share")) for note in report.notes)
    assert "| share |" not in render(report, "md")


def test_a_gap_that_may_be_none_is_said_instead_of_divided_by(shelf: Any) -> None:
    for model in ("popularity", "informed", "unimp"):
        shelf.ranked(model, chance=0.3)
    report = build_report("2d", home=shelf.home)
    assert _cells(report, "HR@5")["UniMP"]["share"] is None
    assert any("HR@5" in n and "is not above the best blind rule" in n for n in report.notes)


def test_a_ceiling_with_perturbed_inputs_is_no_ceiling(shelf: Any, tmp_path: Any) -> None:
    runs = [shelf.ranked(model, chance=CHANCES[model]) for model in ("popularity", "unimp")]
    runs.append(shelf.ranked("informed", chance=0.6, perturb="nt"))
    assert render_learned(runs) is None
    rows = "".join(f'[[rows]]\nsystem = "{m}"\nmodel = "{m}"\n' for m in ("popularity", "unimp"))
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\ntitle = "Mine"\n[[columns]]\ntask = "search"\nmetrics = ["HR@5"]\n'
        f'{rows}[[rows]]\nsystem = "I"\nmodel = "informed"\nperturb = "nt"\nrole = "ceiling"\n'
    )
    found = build_report(str(path), home=shelf.home)
    assert found.rows[2].cells[0].value is not None
    assert found.columns[0].learned is None


@pytest.mark.parametrize("output_format", ["text", "md", "tex", "html"])
def test_people_read_a_share_beside_its_value_in_percent(report: Any, output_format: str) -> None:
    drawn = render(report, output_format, style=TableStyle(intervals=True))
    percent = r"\\%" if output_format == "tex" else "%"
    assert "share" in drawn
    assert re.search(rf"100{percent}", drawn)
    assert re.search(rf"\[\d+{percent}, \d+{percent}\]", drawn)  # UniMP's, with its interval


def test_csv_has_every_digit_of_a_share(report: Any) -> None:
    rows = list(csv.DictReader(StringIO(render(report, "csv"))))
    (mine,) = [r for r in rows if r["system"] == "UniMP" and r["metric"] == "HR@5"]
    share = _cells(report, "HR@5")["UniMP"]["share"]
    assert float(mine["share"]) == share["value"]
    assert float(mine["share_low"]) == share["low"]
    (unrun,) = [r for r in rows if r["system"] == "HEM" and r["metric"] == "HR@5"]
    assert unrun["share"] == ""


def test_run_ends_with_a_row_a_model_and_a_column_a_task(shelf: Any) -> None:
    runs = [*_leave(shelf), *_leave(shelf, task="recommendation")]
    runs += [shelf.ranked("unimp", chance=0.5, seed=1)]
    table = render_learned(runs, styled=False)
    assert table is not None
    assert "Share of the learnable" in table
    assert "search NDCG@5" in table
    assert "recommendation NDCG@5" in table
    assert table.count("│ unimp ") == 1  # both seeds
    systems = [line.split("│")[1].strip() for line in table.splitlines() if line.startswith("│")]
    assert systems == ["oracle", "informed", "unimp", "popularity", "random"]


def test_run_says_nothing_of_shares_where_no_task_has_both_ends(shelf: Any) -> None:
    assert render_learned([shelf.ranked("unimp", chance=0.5)]) is None
    two = [shelf.ranked("informed", chance=0.8), shelf.ranked("bm25", chance=0.3)]
    assert render_learned(two) is None


def test_a_blind_model_with_changed_settings_is_no_blind_rule(shelf: Any) -> None:
    told = shelf.ranked("popularity", chance=0.5, settings={"own": "whole"})
    runs = [told, shelf.ranked("random", chance=0.05), shelf.ranked("informed", chance=0.8)]
    table = render_learned(runs, styled=False)
    assert table is not None
    assert "the user is random (" in " ".join(table.split())  # however wide the terminal is


def test_json_of_a_cell_stays_what_it_was_without_shares(shelf: Any) -> None:
    shelf.ranked("unimp", chance=0.5)
    report = build_report("2d", home=shelf.home)
    assert "share" not in json.dumps(report.to_json()["rows"])
