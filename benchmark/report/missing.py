"""Lists the runs that would fill a table's empty cells."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.host.home import Home
from benchmark.runs.spec import RunSpec


def specs_of_table(
    table: str, *, data: str | None, seeds: Sequence[int], home: Home
) -> list[RunSpec]:
    """Return the runs that fill a table's missing cells for each seed, cheapest first.

    ``data`` is the dataset of the measured columns; ``None`` takes the table's own.
    """
    from benchmark.report.build import build_report, missing_runs

    return missing_runs(build_report(table, home=home, data=data), tuple(dict.fromkeys(seeds)))
