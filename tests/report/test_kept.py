"""A report's tests and intervals are computed once, and again when anything behind them changes."""

from __future__ import annotations

from typing import Any

import pytest

from benchmark.compare import evidence, gathered, kept
from benchmark.compare.kept import Kept
from benchmark.report import footnotes
from benchmark.report.build import build_report
from benchmark.report.table import paper
from benchmark.runs.cache import clear, measure
from benchmark.runs.store import PER_INSTANCE

CHANCES = {"popularity": 0.2, "bm25": 0.3, "unimp": 0.5, "informed": 0.8}
#: Enough to be tested, few enough for that to take no time.
USERS = 24


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The metrics that were tested, one entry a test of a column."""
    found: list[str] = []

    def verdicts(metric: Any, *rest: Any) -> Any:
        found.append(metric.name)
        return original(metric, *rest)

    original = evidence.verdicts
    monkeypatch.setattr(evidence, "verdicts", verdicts)
    return found


def _leave(shelf: Any, **changes: Any) -> list[Any]:
    return [
        shelf.ranked(model, chance=chance, seed=seed, users=USERS, **changes)
        for model, chance in CHANCES.items()
        for seed in (0, 1)
    ]


def test_the_second_report_is_the_first_and_reads_no_per_instance_table(
    shelf: Any, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _leave(shelf)
    first = build_report("2d", home=shelf.home)
    assert asked
    tested = len(asked)

    def refuse(runs: Any) -> None:
        raise AssertionError("a per-instance table was read, or a metric computed")

    monkeypatch.setattr(evidence, "gather", refuse)
    monkeypatch.setattr(gathered, "metric_named", refuse)
    assert build_report("2d", home=shelf.home) == first
    assert len(asked) == tested


def test_a_printed_row_that_changes_is_checked_anew(
    shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impossible() -> list[str]:
        notes = build_report("search", home=shelf.home).notes
        return [note for note in notes if "no predictions at all" in note]

    assert impossible()[0].endswith(": BM25, HEM, RTM.")
    row = paper.printed_row("2d", "search", "amazon-6", "BM25")
    assert row
    corrected = {metric: paper.PaperNumber(0.5, "0.5") for metric in row}
    original = paper.printed_row

    def printed(*place: str) -> Any:
        return corrected if place[-1] == "BM25" else original(*place)

    paper.violations.cache_clear()
    for module in (paper, footnotes):
        monkeypatch.setattr(module, "printed_row", printed)
    assert impossible()[0].endswith(": HEM, RTM.")
    paper.violations.cache_clear()


def test_another_run_is_compared_anew(shelf: Any, asked: list[str]) -> None:
    _leave(shelf)
    first = build_report("2d", home=shelf.home)
    tested = len(asked)
    shelf.ranked("unimp", chance=0.9, seed=2, users=USERS)
    second = build_report("2d", home=shelf.home)
    assert len(asked) == 2 * tested
    assert second != first


def test_a_table_that_was_written_again_is_compared_anew(shelf: Any, asked: list[str]) -> None:
    runs = _leave(shelf)
    build_report("2d", home=shelf.home)
    tested = len(asked)
    table = runs[0].folder / PER_INSTANCE
    table.write_bytes(table.read_bytes() + b"")
    build_report("2d", home=shelf.home)
    assert len(asked) > tested


def test_other_code_finds_anew(
    shelf: Any, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _leave(shelf)
    build_report("2d", home=shelf.home)
    tested = len(asked)
    monkeypatch.setattr(kept, "code", lambda: "other")
    build_report("2d", home=shelf.home)
    assert len(asked) == 2 * tested


def test_what_cannot_be_read_is_found_again(shelf: Any, asked: list[str]) -> None:
    _leave(shelf)
    first = build_report("2d", home=shelf.home)
    tested = len(asked)
    for number, content in enumerate(("", "{", "[]", '{"lost": 1}'), start=2):
        for file in shelf.home.comparisons.iterdir():
            file.write_text(content)
        assert build_report("2d", home=shelf.home) == first
        assert len(asked) == number * tested


def test_a_folder_that_cannot_be_made_costs_nothing_but_time(tmp_path: Any) -> None:
    (tmp_path / "file").write_text("in the way")
    assert Kept(tmp_path / "file" / "folder").of("what", {}, {}, lambda: [1]) == [1]


def test_the_cache_counts_and_clears_them(shelf: Any) -> None:
    _leave(shelf)
    build_report("2d", home=shelf.home)
    count = len(list(shelf.home.comparisons.iterdir()))
    row = next(row for row in measure(shelf.home)["kinds"] if row["kind"] == "comparisons")
    assert row["count"] == count > 0
    assert len(clear(shelf.home, ["comparisons"])["removed"]) == count
    assert not list(shelf.home.comparisons.iterdir())
