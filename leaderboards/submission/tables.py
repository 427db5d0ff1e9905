"""Encodes and decodes submitted predictions: plain Parquet with the columns a score needs.

Left out of a run's own file is ``problem``: free text that no score needs.
"""

from __future__ import annotations

import io
from functools import cache

import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.runs.predictions import ANSWERS
from benchmark.tasks import TASKS
from leaderboards.submission import limits, parquet_guard
from leaderboards.submission.findings import Refused
from leaderboards.submission.thrift import Malformed


def schema_for(task: str) -> pa.Schema:
    """Return the columns of a task's file: ``instance_id, user_id``, the answer's, ``status``."""
    columns = {
        "instance_id": pa.string(),
        "user_id": pa.string(),
        **ANSWERS[TASKS.get(task).prediction],
        "status": pa.string(),
    }
    return pa.schema(list(columns.items()))


def encode(table: pa.Table) -> bytes:
    """Write plain pages without dictionary, statistics or metadata; equal tables, equal bytes."""
    buffer = io.BytesIO()
    pq.write_table(
        table.combine_chunks(),
        buffer,
        compression="zstd",
        compression_level=9,
        use_dictionary=False,
        write_statistics=False,
        store_schema=False,
        data_page_version="1.0",
        row_group_size=1 << 18,
    )
    return buffer.getvalue()


def decode(content: bytes, task: str, where: str, *, most_rows: int = limits.ROWS) -> pa.Table:
    """Read the table of a predictions file of ``task``.

    Raises :class:`Refused` for whatever :func:`encode` would not have written, before Arrow
    reads any of it.
    """
    try:
        outline = parquet_guard.outline(content, where, most_rows=most_rows)
    except Malformed as error:
        raise Refused("parquet-damaged", where, f"The footer is broken: {error}.") from None
    if outline.schema != _expected(task):
        columns = ", ".join(schema_for(task).names)
        message = f"Not the columns of {task}: {columns}, of their types, in this order."
        raise Refused("parquet-schema", where, message)
    try:
        with pq.ParquetFile(pa.BufferReader(content)) as file:
            table = file.read(use_threads=False).cast(schema_for(task))
        table.validate(full=True)  # text is UTF-8, offsets stay within
    except (pa.ArrowException, OSError, ValueError) as error:
        kind = type(error).__name__
        raise Refused("parquet-damaged", where, f"The pages are broken ({kind}).") from error
    if table.num_rows != outline.rows:
        raise Refused(
            "parquet-rows", where, f"{outline.rows} rows announced, {table.num_rows} held."
        )
    return table


@cache
def _expected(task: str) -> tuple[tuple[str, ...], ...]:
    return parquet_guard.outline(encode(schema_for(task).empty_table()), task).schema
