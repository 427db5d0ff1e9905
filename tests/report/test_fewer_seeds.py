from __future__ import annotations

from dataclasses import replace

from benchmark.report.contents import ReportCell, ReportColumn, ReportRow
from benchmark.report.footnotes import fewer_seeds
from benchmark.report.formats.sheet import METRIC_NUMBER

COLUMNS = tuple(
    ReportColumn("explanation", "sim-s", "seen", metric, True, METRIC_NUMBER)
    for metric in ("ROUGE-L", "BERTScore-tiny")
)


def row(system: str, *seeds: tuple[int, ...]) -> ReportRow:
    cells = (ReportCell("sim-s", "seen", None, value=0.5, seeds=some) for some in seeds)
    return ReportRow(system, system, "system", tuple(cells))


def test_a_value_of_fewer_seeds_than_its_row_says_of_which() -> None:
    rows = (row("P5", (0, 1, 2), (2,)), row("MRG", (0, 1), (0, 1)), row("bare", (0, 1), ()))
    (note,) = fewer_seeds(COLUMNS, rows)
    assert note == ("Of seed 2 alone, as the others' runs did not measure it: P5 (BERTScore-tiny).")
    other = replace(COLUMNS[0], task="search")
    (note,) = fewer_seeds((*COLUMNS, other), (row("P5", (0, 1, 2), (0, 2), (0,)),))
    assert note.startswith("Of seeds 0, 2 alone")
    assert "P5 (explanation BERTScore-tiny)" in note
