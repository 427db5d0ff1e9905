"""Reads a submission's bytes: what runs inside the cage, and nothing else does.

Two jobs, since what the second may hold follows from the first: ``read_manifest`` finds the files
and parses ``submission.json``; ``read_tables`` decodes the predictions, each within the budget
that its dataset sets, and leaves a copy of our own writing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from leaderboards.submission import limits, schema, tables
from leaderboards.submission.container import (
    Container,
    holders,
    open_container,
    open_leniently,
)
from leaderboards.submission.findings import Finding, Refused, place
from leaderboards.submission.schema import MANIFEST, PREDICTIONS_FOLDER
from leaderboards.submission.strict_json import parse

#: The written copy of one run's rows: an Arrow file, by the run's number.
TABLE = "{}.arrow"


def read_manifest(path: str) -> dict[str, Any]:
    """Return ``files`` (names), ``findings``, and the manifest's value and SHA-256."""
    result: dict[str, Any] = {"files": [], "parsed": False, "manifest": None, "sha256": None}
    findings: list[Finding] = []
    try:
        with open_container(Path(path)) as container:
            findings += container.findings
            result["files"] = sorted(container.sizes)
            if MANIFEST in container.sizes:
                raw = _manifest(container)
                result["sha256"] = hashlib.sha256(raw).hexdigest()
                result["manifest"] = _parsed(raw)
                result["parsed"] = True
            elif {finding.where for finding in findings}.isdisjoint(holders(MANIFEST)):
                message = f"There is no {MANIFEST} to be read."
                findings.append(Finding("file-missing", MANIFEST, message))
    except Refused as refused:
        findings.append(refused.finding)
    return {**result, "findings": [asdict(finding) for finding in findings]}


def read_tables(path: str, sha256: str, runs: list[dict[str, Any]], writes: str) -> dict[str, Any]:
    """Write the rows of each of ``runs`` (file, task, budget) to the folder ``writes``.

    Returns for each run its ``finding`` or the ``rows_sha256`` of what was written, and whether
    the file is ``plain``: nothing but its rows, as our writer writes them. All runs together write
    no more than the cage may, and those whose dataset is not here have no more rows than one may.
    Raises :class:`Refused` where the manifest has not the ``sha256`` that it had.
    """
    results: list[dict[str, Any]] = []
    bytes_left, rows_left = limits.CAGE_OUT_BYTES, limits.ROWS
    with open_container(Path(path)) as container:
        if hashlib.sha256(_manifest(container)).hexdigest() != sha256:
            raise Refused("file-changed", MANIFEST, "It changed while it was read.")
        for number, run in enumerate(runs):
            budget = limits.Budget(**run["budget"])
            budget = replace(
                budget,
                rows=budget.rows if budget.known else min(budget.rows, rows_left),
                decoded_bytes=min(budget.decoded_bytes, bytes_left),
            )
            out = Path(writes) / TABLE.format(number)
            try:
                result = _read_table(container, run, budget, out)
            except Refused as refused:
                results.append({"finding": asdict(refused.finding)})
                continue
            results.append(result)
            rows_left -= 0 if budget.known else result["rows"]
            bytes_left = max(0, bytes_left - out.stat().st_size)
    return {"runs": results}


def _read_table(
    container: Container, run: Mapping[str, Any], budget: limits.Budget, out: Path
) -> dict[str, Any]:
    content = container.read(run["file"])
    read = tables.decode(content, run["task"], place(run["file"]), budget)
    plain = tables.is_plain(content, read)
    table = tables.redrawn(read, budget.side)
    with pa.OSFile(str(out), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return {
        "rows": table.num_rows,
        "rows_sha256": tables.rows_sha256(table),
        "plain": plain,
    }


def rewrite(path: str, writes: str) -> dict[str, Any]:
    """Write the submission anew to the folder ``writes``, as ``submit`` would have.

    Whatever else the container and its files carried is left behind. Returns ``dropped`` (names
    of files) and the ``findings`` for which nothing, or not everything, could be kept. Raises
    :class:`Refused` where no manifest can be read, or it is no JSON that a submission may have.
    """
    findings: list[Finding] = []
    with open_leniently(Path(path)) as container:
        value = _parsed(_manifest(container))
        submission, findings = schema.validate(value)
        tasks = {} if submission is None else {r.predictions: r.task for r in submission.runs}
        if submission is not None:
            (Path(writes) / MANIFEST).write_bytes(schema.manifest_bytes(value))
            (Path(writes) / PREDICTIONS_FOLDER).mkdir()
        for name, task in tasks.items():
            try:
                table = tables.decode_any(container.read(name), task, place(name), limits.Budget())
                (Path(writes) / name).write_bytes(tables.encode(tables.redrawn(table, None)))
            except Refused as refused:
                findings.append(refused.finding)
        others = {*container.dropped, *container.refused, *container.sizes}
        dropped = sorted(others - {MANIFEST, *tasks})
    return {"dropped": dropped, "findings": [asdict(finding) for finding in findings]}


def _parsed(raw: bytes) -> Any:
    return parse(raw, MANIFEST, most_bytes=limits.MANIFEST_BYTES, most_depth=limits.MANIFEST_DEPTH)


def _manifest(container: Container) -> bytes:
    return container.read(MANIFEST)


#: What a cage may be asked to do.
JOBS: dict[str, Callable[..., dict[str, Any]]] = {
    "manifest": read_manifest,
    "tables": read_tables,
    "rewrite": rewrite,
}
