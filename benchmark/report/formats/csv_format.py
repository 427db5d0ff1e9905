"""Tables as CSV: one row per cell, every number in full."""

from __future__ import annotations

import csv
from io import StringIO

from benchmark.report.contents import Report

#: The columns, in order.
COLUMNS = (
    "table",
    "system",
    "model",
    "role",
    "task",
    "data",
    "simulated",
    "cohort",
    "perturb",
    "metric",
    "higher_is_better",
    "value",
    "low",
    "high",
    "seeds",
    "significant_against",
    "significantly_better",
    "paper",
    "paper_printed",
    "paper_data",
    "share",
    "share_low",
    "share_high",
)

#: Beginnings of what a spreadsheet takes for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render_csv(report: Report) -> str:
    """Render a header and a row for every system and column of ``report``, filled or not.

    What is unknown is empty; numbers have all their digits; truth values are ``true`` and
    ``false``; several ``seeds`` are separated by spaces. ``value`` was measured here,
    ``paper`` is what the paper prints, on ``paper_data``, ``share`` the share of the learnable.
    """
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in report.rows:
        for column, cell in zip(report.columns, row.cells, strict=True):
            found = {
                "table": report.table,
                "system": row.system,
                "model": row.model,
                "role": row.role,
                "task": column.task,
                "data": cell.data,
                "simulated": cell.data in report.simulated,
                "cohort": cell.cohort,
                "perturb": cell.perturb,
                "metric": column.metric,
                "higher_is_better": column.higher_is_better,
                "value": cell.value,
                "low": cell.low,
                "high": cell.high,
                "seeds": " ".join(map(str, cell.seeds)),
                "significant_against": cell.significant_against,
                "significantly_better": cell.better,
                "paper": cell.paper,
                "paper_printed": cell.paper_printed,
                "paper_data": cell.paper_data,
                "share": cell.share and cell.share.value,
                "share_low": cell.share and cell.share.low,
                "share_high": cell.share and cell.share.high,
            }
            writer.writerow(word(found[name]) for name in COLUMNS)
    return stream.getvalue().removesuffix("\n")


def word(value: object) -> str:
    """Return ``value`` as CSV has it: nothing for ``None``, every digit of a number.

    Text that a spreadsheet would take for a formula is given an apostrophe in front (OWASP, "CSV
    Injection"): names come from submissions and data.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return repr(value) if isinstance(value, float) else str(value)
