"""The site's tables as CSV and JSON, beside the pages that show them."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from io import StringIO
from typing import Any

from benchmark.report.formats.csv_format import word
from leaderboards.site.comparing import Compared
from leaderboards.site.overview import Overview
from leaderboards.site.standing import Standing

#: What a board's rows say, before the metrics beside the ordering one.
_COLUMNS = (
    "rank", "rank_worst", "tie_group", "model", "privileged", "metric", "value", "low", "high",
    "share", "fit_seconds", "predict_seconds", "peak_memory_mib", "energy_wh",
    "parameters", "failure_rate",
    "seeds", "badge", "created", "submission",
)  # fmt: skip


def board_records(standing: Standing, compared: Compared) -> list[dict[str, Any]]:
    """Return a record for each row of a board, numbers in full."""
    records = []
    for row, share in zip(standing.rows, compared.shares, strict=True):
        values = (
            None if row.rank is None else row.rank.best,
            None if row.rank is None else row.rank.worst,
            row.group,
            row.entry.submission.label,
            row.privileged,
            standing.metric,
            row.primary.value,
            row.primary.low,
            row.primary.high,
            share,
            row.fit_seconds,
            row.predict_seconds,
            row.peak_memory_mib,
            row.energy_wh,
            None if row.parameters is None else row.parameters[1],
            row.failure_rate,
            list(row.seeds),
            row.badge,
            row.created,
            row.entry.submission.digest,
        )
        named = dict(zip(_COLUMNS, values, strict=True))
        records.append({**named, **{name: row.values.get(name) for name in standing.metrics}})
    return records


def overview_records(overviews: Sequence[Overview]) -> list[dict[str, Any]]:
    """Return a record for each filled cell of the home page's tables."""
    return [
        {
            "data": overview.data,
            "model": line.entry.submission.label,
            "privileged": line.privileged,
            "task": board.task,
            "board": board.name,
            "metric": metric,
            "value": cell.row.primary.value,
            "share": cell.share,
            "first_tie_group": cell.first,
            "badge": cell.row.badge,
        }
        for overview in overviews
        for line in overview.lines
        for board, metric, cell in zip(overview.boards, overview.metrics, line.cells, strict=True)
        if cell is not None
    ]


def as_csv(records: Sequence[dict[str, Any]]) -> str:
    """Render ``records``, all of the same keys, as CSV; nothing of none."""
    stream = StringIO()
    if records:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(word(name) for name in records[0])
        for record in records:
            writer.writerow(word(_flat(value)) for value in record.values())
    return stream.getvalue()


def as_json(records: Sequence[dict[str, Any]]) -> str:
    """Render ``records`` as a JSON list."""
    return json.dumps(records, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _flat(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, list) else value
