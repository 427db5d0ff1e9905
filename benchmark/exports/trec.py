"""TREC: qrels, topics, and a run file for each run (the formats of trec_eval)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from benchmark.exports.ids import written_id
from benchmark.exports.rankings import Asked, Told, answers
from benchmark.exports.text import new_text, write_lines
from benchmark.runs.store import StoredRun


def write(folder: Path, runs: Sequence[StoredRun], asked: Asked) -> dict[str, Told]:
    """Write ``qrels.trec``, ``topics.tsv``, ``runs/RUN.trec``; by run, what these do not show."""
    with new_text(folder / "qrels.trec") as stream:
        iteration, relevance = pl.lit(0).alias("iteration"), pl.lit(1).alias("relevance")
        lines = asked.positives().select("instance", iteration, "item", relevance)
        write_lines(stream, lines, separator=" ")
    with new_text(folder / "topics.tsv") as stream:
        write_lines(stream, asked.topics(), separator="\t")
    told = {run.folder.name: Told() for run in runs}
    (folder / "runs").mkdir()
    for run in runs:
        name = run.folder.name
        unused, tag = pl.lit("Q0").alias("unused"), pl.lit(written_id(name)).alias("tag")
        with new_text(folder / "runs" / f"{name}.trec") as stream:
            for rows in answers(run, asked, told[name]):
                lines = rows.select("instance", unused, "item", "rank", "score", tag)
                write_lines(stream, lines, separator=" ")
    return told
