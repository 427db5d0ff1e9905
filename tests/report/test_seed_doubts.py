from __future__ import annotations

from benchmark.report.contents import ReportCell, ReportColumn, ReportRow
from benchmark.report.formats.sheet import METRIC_NUMBER
from benchmark.report.seed_doubts import doubted

COLUMNS = (ReportColumn("recommendation", "sim-s", "seen", "HR@5", True, METRIC_NUMBER),)


def row(system: str, *values: float, against: str | None = None, model: str = "") -> ReportRow:
    cell = ReportCell(
        "sim-s",
        "seen",
        None,
        value=sum(values) / len(values),
        seeds=tuple(range(len(values))),
        by_seed=dict(enumerate(values)),
        significant_against=against,
        better=None if against is None else True,
    )
    return ReportRow(system, model or system, "system", (cell,))


#: Standard deviation .01, so the mean of three has a standard error of .0058.
UNIMP = row("UniMP", 0.17, 0.18, 0.19, model="unimp")


def test_a_mark_that_the_opponents_seeds_could_make_is_doubted() -> None:
    # Two standard errors of one lucky seed against three: 2 x .01 x sqrt(1 + 1/3) = .0231.
    rows = (UNIMP, row("near", 0.20, against="UniMP"), row("far", 0.21, against="UniMP"))
    (note,) = doubted(COLUMNS, rows)
    assert note.endswith("does): near (HR@5).")


def test_more_seeds_of_both_settle_the_same_difference() -> None:
    rows = (UNIMP, row("near", 0.199, 0.2, 0.201, against="UniMP"))
    assert not list(doubted(COLUMNS, rows))


def test_rows_of_one_seed_or_without_a_mark_say_nothing_of_seeds() -> None:
    lone = row("lone", 0.18)
    assert not list(doubted(COLUMNS, (lone, row("near", 0.2, against="lone"))))
    assert not list(doubted(COLUMNS, (UNIMP, row("near", 0.19))))


def test_variants_of_one_model_are_compared_seed_by_seed() -> None:
    steady = row("w/o", 0.164, 0.175, 0.184, against="UniMP", model="unimp:no-vision")
    assert not list(doubted(COLUMNS, (UNIMP, steady)))
    unsteady = row("NV", 0.190, 0.170, 0.165, against="UniMP", model="unimp")
    assert list(doubted(COLUMNS, (UNIMP, unsteady)))


def test_two_classes_of_one_file_are_not_one_model() -> None:
    # Seed by seed they differ by the same amount; each by itself they vary more than that.
    mine = row("mine", 0.17, 0.18, 0.19, model="ours.py:Mine")
    other = row("other", 0.171, 0.181, 0.191, against="mine", model="ours.py:Other")
    assert list(doubted(COLUMNS, (mine, other)))
