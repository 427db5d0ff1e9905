"""ranx: ``Qrels``, and a ``Run`` for each run, as the JSON files that ranx reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from benchmark.exports.rankings import Asked, Told, answers
from benchmark.exports.text import new_text
from benchmark.runs.store import StoredRun


def write(folder: Path, runs: Sequence[StoredRun], asked: Asked) -> dict[str, Told]:
    """Write ``qrels.json`` and ``runs/RUN.json``; by run, what its file does not show."""
    _write(folder / "qrels.json", [asked.positives().with_columns(score=pl.lit(1))])
    told = {run.folder.name: Told() for run in runs}
    (folder / "runs").mkdir()
    for run in runs:
        name = run.folder.name
        _write(folder / "runs" / f"{name}.json", answers(run, asked, told[name]))
    return told


def _write(path: Path, tables: Iterable[pl.DataFrame]) -> None:
    """Write ``{instance: {item: score}}`` of tables of whole instances, a line an instance.

    Ids as they are written hold nothing that JSON escapes (:mod:`benchmark.exports.ids`).
    """
    pair = pl.concat_str(pl.lit('"'), "item", pl.lit('": '), pl.col("score").cast(pl.String))
    entry = pl.concat_str(pl.lit('"'), "instance", pl.lit('": {'), "pairs", pl.lit("}"))
    with new_text(path) as stream:
        before = "{\n"
        for rows in tables:
            each = rows.group_by("instance", maintain_order=True).agg(pairs=pair.str.join(", "))
            stream.write(before + ",\n".join(each.select(entry).to_series()))
            before = ",\n"
        stream.write("\n}\n")
