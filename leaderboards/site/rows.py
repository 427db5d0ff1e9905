"""Lays out the rows of a board's page: share, cost, what the model reads, and the best values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmark.metrics.families import family_of
from benchmark.models.registered import ModelEntry
from leaderboards.site.comparing import Compared
from leaderboards.site.standing import Row, Standing

#: What stands for the ordering metric among a row's best columns, and for its share.
_ORDERING, _SHARE = "", "share"


@dataclass(frozen=True, slots=True)
class RowView:
    """Shows a row on its board's page; ``best`` are the columns it has the best value of.

    ``group`` and ``reads`` (modalities) are the listed model's: "other" and none of models that
    are not listed.
    """

    row: Row
    share: float | None
    group: str
    reads: tuple[str, ...]
    best: frozenset[str]


def row_views(
    standing: Standing, compared: Compared, models: Mapping[str, ModelEntry]
) -> list[RowView]:
    """Lay out every row of ``standing``; ``models`` says by name what is known of listed models."""
    best = _best_values(standing, compared)
    views = []
    for row, share in zip(standing.rows, compared.shares, strict=True):
        said = row.entry.submission
        entry = models.get(said.model)
        views.append(
            RowView(
                row=row,
                share=share,
                group="other" if entry is None else entry.group,
                reads=() if entry is None else entry.modalities(said.variant),
                best=frozenset(
                    name
                    for name, value in _values(row, share).items()
                    if row.rank is not None and value == best.get(name)
                ),
            )
        )
    return views


def _values(row: Row, share: float | None) -> dict[str, float]:
    """The numbers of a row that a column can have the best of, by column."""
    values = {_ORDERING: row.primary.value, **row.values}
    return values if share is None else {**values, _SHARE: share}


def _best_values(standing: Standing, compared: Compared) -> dict[str, float]:
    """The best value of each column among ranked rows."""
    columns: dict[str, list[float]] = {}
    for row, share in zip(standing.rows, compared.shares, strict=True):
        if row.rank is not None:
            for name, value in _values(row, share).items():
                columns.setdefault(name, []).append(value)
    higher = {_ORDERING: standing.higher_is_better, _SHARE: True}
    return {
        name: max(values) if _higher(name, higher) else min(values)
        for name, values in columns.items()
    }


def _higher(column: str, known: Mapping[str, bool]) -> bool:
    return known[column] if column in known else family_of(column).higher_is_better
