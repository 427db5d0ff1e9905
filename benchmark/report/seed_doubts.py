"""Which marked differences other seeds could turn.

Tests are paired by user and take the seeds as they are (:mod:`benchmark.compare.evidence`): with
thousands of users a lucky fit is significantly better than an unlucky one of the same model. How
far the seeds of a row are apart says which marks to doubt.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import stdev

from benchmark.models.from_file import split_name
from benchmark.report.contents import ReportCell, ReportColumn, ReportRow, told_apart

#: Standard errors of the seeds within which a difference is doubted.
_STANDARD_ERRORS = 2.0


def doubted(columns: Sequence[ReportColumn], rows: Sequence[ReportRow]) -> Iterator[str]:
    """Yield the note on marks that other seeds could turn, if there are any.

    A mark counts where row or opponent has several seeds: the difference is doubted within two
    standard errors of the seeds' values. Rows of one model, its variants and perturbations, are
    compared seed by seed, as a seed decides much that they share. Otherwise each row varies by
    itself, a row of one seed as the other does.
    """
    by_system = {row.system: row for row in rows}
    found: dict[str, list[str]] = {}
    for at, name in enumerate(told_apart(columns)):
        for row in rows:
            cell = row.cells[at]
            if cell.significant_against is None:
                continue
            opponent = by_system[cell.significant_against]
            other = opponent.cells[at]
            error = _standard_error(cell, other, one_model=_name(row) == _name(opponent))
            if error is not None and _difference(cell, other) < _STANDARD_ERRORS * error:
                found.setdefault(row.system, []).append(name)
    if found:
        said = "; ".join(f"{system} ({', '.join(names)})" for system, names in found.items())
        yield (
            "Marks that other seeds may turn, their differences being within two standard errors "
            "of the seeds' values (seed by seed within a model; a row of one seed is taken to vary "
            f"as the row it is compared with does): {said}."
        )


def _difference(cell: ReportCell, other: ReportCell) -> float:
    assert cell.value is not None
    assert other.value is not None, "a row is compared with a measured one"
    return abs(cell.value - other.value)


def _name(row: ReportRow) -> str:
    """The model of a row, without its variant; two classes of one file are two models."""
    model = row.model or row.system
    return model if split_name(model) is not None else model.partition(":")[0]


def _standard_error(cell: ReportCell, other: ReportCell, *, one_model: bool) -> float | None:
    """The standard error of two rows' difference by their seeds; ``None`` where both have one."""
    shared = sorted(set(cell.by_seed) & set(other.by_seed))
    if one_model and len(shared) > 1:
        differences = [cell.by_seed[seed] - other.by_seed[seed] for seed in shared]
        return stdev(differences) / math.sqrt(len(shared))
    known = [c.deviation for c in (cell, other) if c.deviation is not None]
    if not known:
        return None
    variance = 0.0
    for each in (cell, other):
        deviation = known[0] if each.deviation is None else each.deviation
        variance += deviation**2 / len(each.by_seed)
    return math.sqrt(variance)
