from __future__ import annotations

from benchmark.report.listing import list_tables
from benchmark.report.paper import paper_numbers
from benchmark.report.specification import ResultTable, load_table


def test_every_number_of_the_paper_is_held() -> None:
    assert len(paper_numbers()) == 331


def test_digits_are_kept_as_printed() -> None:
    number = paper_numbers()["2d", "search", "amazon-6", "BM25", "HR@5"]
    assert (number.printed, number.value) == ("0.0513", 0.0513)
    sparsity = paper_numbers()["5", "dataset statistics", "amazon-baby", "Baby", "sparsity"]
    assert (sparsity.printed, sparsity.value) == ("99.89%", 0.9989)


def test_the_tables_show_every_number_of_the_paper_exactly_once() -> None:
    shown = []
    for listed in list_tables():
        table = load_table(listed["name"])
        if isinstance(table, ResultTable):
            shown += [
                (table.number, group.task, group.paper_data, row.system, metric.paper)
                for group in table.columns
                for row in table.rows
                for metric in group.metrics
            ]
        else:
            shown += [
                (table.number, "dataset statistics", row.data, row.system, metric)
                for row in table.rows
                for metric in table.metrics
            ]
    of_the_paper = [place for place in shown if place in paper_numbers()]
    assert sorted(of_the_paper) == sorted(paper_numbers())
