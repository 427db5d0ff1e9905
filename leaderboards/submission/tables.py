"""Encodes and decodes submitted predictions: plain Parquet with the columns a score needs.

Left out of a run's own file is ``problem``: free text that no score needs. What a file says is
its rows; :func:`rows_sha256` is over them, not over the file's bytes, which differ between
versions of the library that wrote it. :func:`decode` reads files of strangers and is called
inside the cage only (:mod:`leaderboards.submission.cage`).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmark.runs.predictions import ANSWERS
from benchmark.tasks import TASKS
from benchmark.vision import png
from leaderboards.submission.findings import Refused, shown
from leaderboards.submission.limits import (
    ID_CHARACTERS,
    IMAGE_SIDE,
    THRIFT_BYTES,
    THRIFT_VALUES,
    Budget,
)

#: The library that :func:`encode` writes with; others read some files in their own way.
_WRITER = "parquet-cpp-arrow version "
#: How much larger than ours a file by another version of it may be.
_ROOM, _BESIDES = 1.1, 1024
#: Bytes of the length that is written before a text.
_LENGTH = 8
#: Rows decoded, and values hashed, at a time.
_BATCH = 4_096
_PICTURE = "png"
#: Stands for a picture whose pixels cannot be decoded.
UNREADABLE = png.SIGNATURE


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


def decode(content: bytes, task: str, where: str, budget: Budget) -> pa.Table:
    """Read the table of a predictions file of ``task``, within ``budget``.

    Raises :class:`Refused` for a file that is broken, large, or of another writer or schema.
    """
    return _decode(content, task, where, budget, strictly=True)


def decode_any(content: bytes, task: str, where: str, budget: Budget) -> pa.Table:
    """Read the same from a file of any writer, with any metadata beside its rows."""
    return _decode(content, task, where, budget, strictly=False)


def _decode(content: bytes, task: str, where: str, budget: Budget, *, strictly: bool) -> pa.Table:
    try:
        with pq.ParquetFile(
            pa.BufferReader(content),
            pre_buffer=False,
            thrift_string_size_limit=THRIFT_BYTES,
            thrift_container_size_limit=THRIFT_VALUES,
        ) as file:
            if strictly:
                _check_writer(file, where)
            _check_footer(file, task, where, budget)
            table = _read(file, task, where, budget)
    except MemoryError:
        raise  # the cage's to tell
    except (pa.ArrowException, OSError, ValueError) as error:
        kind = type(error).__name__
        raise Refused("parquet-damaged", where, f"The file is broken ({kind}).") from error
    if table.num_rows != file.metadata.num_rows:
        announced = file.metadata.num_rows
        raise Refused("parquet-rows", where, f"{announced} rows announced, {table.num_rows} held.")
    return table


def _check_writer(file: pq.ParquetFile, where: str) -> None:
    about = file.metadata
    if about.metadata:
        names = ", ".join(shown(key.decode("latin-1")) for key in list(about.metadata)[:3])
        raise Refused("parquet-metadata", where, f"The file carries metadata ({names}).")
    if not str(about.created_by).startswith(_WRITER):
        message = f"Written by {shown(str(about.created_by))}; pack it with unimp-bench submit."
        raise Refused("parquet-encoding", where, message)


def _check_footer(file: pq.ParquetFile, task: str, where: str, budget: Budget) -> None:
    about = file.metadata
    groups = [about.row_group(number) for number in range(about.num_row_groups)]
    if not 0 <= about.num_rows <= budget.rows:
        raise Refused(
            "parquet-rows", where, f"{about.num_rows} rows, at most {budget.rows} allowed."
        )
    if any(group.num_rows < 0 for group in groups) or len(groups) > max(1, about.num_rows):
        raise Refused("parquet-rows", where, "Its row groups hold no such numbers of rows.")
    if file.schema_arrow.remove_metadata() != _stored(task):
        columns = ", ".join(schema_for(task).names)
        message = f"Not the columns of {task}: {columns}, of their types, in this order."
        raise Refused("parquet-schema", where, message)


@cache
def _stored(task: str) -> pa.Schema:
    """The columns as a Parquet file names their types."""
    with pq.ParquetFile(pa.BufferReader(encode(schema_for(task).empty_table()))) as file:
        return file.schema_arrow.remove_metadata()


def _read(file: pq.ParquetFile, task: str, where: str, budget: Budget) -> pa.Table:
    batches, bytes_left = [], budget.decoded_bytes
    for batch in file.iter_batches(batch_size=_BATCH, use_threads=False):
        bytes_left -= batch.nbytes
        if bytes_left < 0:
            message = f"Its rows unpack to more than {budget.decoded_bytes} bytes."
            raise Refused("parquet-bomb", where, message)
        _check_lengths(batch, where, budget)
        batches.append(batch)
    table = pa.Table.from_batches(batches, schema=file.schema_arrow).cast(schema_for(task))
    table.validate(full=True)  # text is UTF-8, offsets stay within
    return table


def _check_lengths(batch: pa.RecordBatch, where: str, budget: Budget) -> None:
    """Refuse rows that no answer of this task can need, before they become objects."""
    most = {"text": 4 * budget.characters, _PICTURE: budget.picture_bytes}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_list(column.type):
            longest = pc.max(pc.list_value_length(column)).as_py() or 0
            if longest > budget.items:
                message = f"A prediction has {longest} items, at most {budget.items} allowed."
                raise Refused("answer-length", where, message)
            column = column.flatten()
        if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
            longest = pc.max(pc.binary_length(column)).as_py() or 0
            allowed = most.get(name, 4 * ID_CHARACTERS)
            if longest > allowed:
                code = "id-length" if name not in most else "answer-length"
                message = f"{name} holds a value of {longest} bytes, at most {allowed} allowed."
                raise Refused(code, where, message)


def redrawn(table: pa.Table, side: int | None) -> pa.Table:
    """Return ``table`` with every picture encoded anew from its pixels, as our writer does.

    ``side`` is the width and height asked, ``None`` where the dataset is not here. What a file
    carries beside its pixels is gone; a picture that cannot be decoded becomes :data:`UNREADABLE`.
    """
    if _PICTURE not in table.schema.names:
        return table
    clean: list[bytes | None] = []
    for value in table[_PICTURE]:
        content = value.as_py()
        if content is not None:
            size = announced_side(content) if side is None else side
            # What its header gives away is not decoded by anybody, and tells what is wrong.
            if png.header_problem(content, size) is None:
                content = _redrawn(content, size)
        clean.append(content)
    column = table.schema.get_field_index(_PICTURE)
    return table.set_column(column, _PICTURE, pa.array(clean, pa.binary()))


def _redrawn(content: bytes, size: int) -> bytes:
    try:
        return png.encode(png.decode(content, size))
    except ValueError:
        return UNREADABLE


def announced_side(content: bytes) -> int:
    """Return the width that a PNG announces, at most what is harmless to decode."""
    return min(int.from_bytes(content[16:20], "big"), IMAGE_SIDE)


def in_order(table: pa.Table, ids: Sequence[str]) -> pa.Table:
    """Return the rows of ``table`` in the order of ``ids``, the ids of its instances."""
    rows = {instance_id: row for row, instance_id in enumerate(table["instance_id"].to_pylist())}
    return table.take([rows[instance_id] for instance_id in ids])


def is_plain(content: bytes, table: pa.Table) -> bool:
    """Return whether a file holds its rows alone, as :func:`encode` writes them.

    Of a file by another version of the library only the size can be compared.
    """
    ours = encode(table)
    with pq.ParquetFile(pa.BufferReader(content)) as file:
        same_version = file.metadata.created_by.startswith(f"{_WRITER}{pa.__version__}")
    return content == ours if same_version else len(content) < _ROOM * len(ours) + _BESIDES


def rows_sha256(table: pa.Table) -> str:
    """Return the hash of what the rows say: equal rows, equal hash, whoever wrote the file.

    Columns in order, each as its name, which rows are null, the lengths of lists and texts as
    64-bit little-endian integers, then the values: UTF-8 text, IEEE numbers, pictures as pixels.
    """
    digest = hashlib.sha256(f"{table.num_rows}".encode())
    for name, column in zip(table.schema.names, table.columns, strict=True):
        digest.update(f";{name}:{column.type};".encode())
        _digest(digest, column.combine_chunks(), picture=name == _PICTURE)
    return digest.hexdigest()


def _digest(digest: hashlib._Hash, column: pa.Array, *, picture: bool = False) -> None:
    digest.update(np.packbits(column.is_null().to_numpy(zero_copy_only=False)).tobytes())
    if pa.types.is_list(column.type):
        lengths = pc.fill_null(pc.list_value_length(column), 0)
        digest.update(lengths.to_numpy(zero_copy_only=False).astype("<i8").tobytes())
        _digest(digest, column.flatten())
    elif pa.types.is_floating(column.type):
        values = pc.fill_null(column, 0.0).to_numpy(zero_copy_only=False)
        digest.update(values.astype("<f8").tobytes())
    elif picture:
        for value in column.to_pylist():
            content = b"" if value is None else _pixels(value)
            digest.update(len(content).to_bytes(8, "little") + content)
    else:
        for start in range(0, len(column), _BATCH):
            values = column.slice(start, _BATCH).cast(pa.binary())
            digest.update(_with_lengths(pc.fill_null(values, b"")))


def _with_lengths(values: pa.Array) -> bytes:
    """Each of ``values`` behind its length: as one string of bytes, without a loop over them."""
    lengths = pc.binary_length(values).to_numpy(zero_copy_only=False).astype("<i8")
    contents = np.frombuffer(b"".join(values.to_pylist()), np.uint8)
    starts = np.cumsum(lengths) - lengths + _LENGTH * np.arange(len(lengths))
    both = np.empty(len(contents) + _LENGTH * len(lengths), np.uint8)
    is_length = np.zeros(len(both), bool)
    is_length[(starts[:, None] + np.arange(_LENGTH)).ravel()] = True
    both[is_length], both[~is_length] = lengths.view(np.uint8), contents
    return both.tobytes()


def _pixels(content: bytes) -> bytes:
    try:
        return png.decode(content, announced_side(content)).tobytes()
    except ValueError:
        return content


def fingerprint(table: pa.Table, task: str) -> str:
    """Return a hash of the answers that no order-preserving change of their scores alters.

    Rankings by their items, ratings by their order (all equal: by their value), selections as
    sets, pictures by their pixels. ``table`` is in the instances' order.
    """
    kept = schema_for(task).field(2)  # as Parquet is read, a list's values have another name
    column = kept.name
    if column == "value":
        values = table[column].to_numpy()
        _, order = np.unique(values, return_inverse=True)
        says = order.astype("<i8").tobytes() if order.any() else values.tobytes()
        return hashlib.sha256(says).hexdigest()
    if column == "chosen":
        sets = [sorted(chosen or ()) for chosen in table[column].to_pylist()]
        table = pa.table({column: pa.array(sets, table.schema.field(column).type)})
    return rows_sha256(table.select([column]).cast(pa.schema([kept])))
