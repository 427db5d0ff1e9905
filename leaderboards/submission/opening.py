"""Opens a submission through the cage: its manifest, then its predictions.

Nothing here reads the submission's own bytes; tables come from the copy the cage wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from leaderboards.submission import cage, schema, tables
from leaderboards.submission.cage import CAGE
from leaderboards.submission.container import is_folder
from leaderboards.submission.findings import Finding
from leaderboards.submission.limits import Budget
from leaderboards.submission.pack import write_submission
from leaderboards.submission.reading import TABLE
from leaderboards.submission.schema import Submission, SubmittedRun


@dataclass(frozen=True, slots=True)
class Opened:
    """Describes what a submission holds, as far as its manifest tells.

    ``submission`` is ``None`` where there is no valid manifest; ``findings`` say why.
    """

    path: Path
    files: frozenset[str]
    submission: Submission | None
    manifest_sha256: str | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Predictions:
    """Holds the rows of one run, or the ``finding`` for which they could not be had."""

    finding: Finding | None = None
    table: pa.Table | None = None
    rows_sha256: str | None = None
    plain: bool = False
    """Whether the file holds its rows and nothing else, as our writer writes them."""


def open_submission(path: Path) -> Opened:
    """Read the manifest of the submission at ``path``, a folder or a zip archive.

    Raises :class:`UsageError` when there is neither, and
    :class:`~leaderboards.submission.findings.Refused` where reading breaks a limit.
    """
    is_folder(path)  # told here, where it is no finding: there is no submission
    with cage.folder() as out:
        read = CAGE.run("manifest", path.name, out, path=str(path.absolute()))
    findings = [Finding(**finding) for finding in read["findings"]]
    submission = None
    if read["parsed"]:
        submission, found = schema.validate(read["manifest"])
        findings += found
    return Opened(path, frozenset(read["files"]), submission, read["sha256"], tuple(findings))


@contextmanager
def read_predictions(
    opened: Opened, wanted: Sequence[tuple[SubmittedRun, Budget]]
) -> Iterator[list[Predictions]]:
    """Decode the predictions of some runs, each within its budget, in their order.

    Tables are mapped from the cage's copy and valid within the ``with`` block. Raises
    :class:`~leaderboards.submission.findings.Refused` where reading breaks a limit.
    """
    if not wanted:
        yield []
        return
    with cage.folder() as out:
        runs = [
            {"file": run.predictions, "task": run.task, "budget": asdict(budget)}
            for run, budget in wanted
        ]
        read = CAGE.run(
            "tables",
            opened.path.name,
            out,
            rows=_timed_rows([budget for _, budget in wanted]),
            path=str(opened.path.absolute()),
            sha256=opened.manifest_sha256,
            runs=runs,
            writes=str(out),
        )
        yield [
            _predictions(result, out / TABLE.format(number), run.task)
            for number, (result, (run, _)) in enumerate(zip(read["runs"], wanted, strict=True))
        ]


@dataclass(frozen=True, slots=True)
class Plain:
    """Holds what a submission says as ``submit`` writes it: name -> content of each file.

    ``dropped`` names files that were left behind; where there are ``findings``, something could
    not be kept and there are no files.
    """

    files: dict[str, bytes]
    dropped: list[str]
    findings: list[Finding]


def read_plain(path: Path) -> Plain:
    """Write what the submission at ``path`` says anew, in the cage, and return it.

    Raises as :func:`open_submission` does.
    """
    is_folder(path)  # told here, where it is no finding: there is no submission
    with cage.folder() as written, cage.folder() as told:
        read = CAGE.run(
            "rewrite",
            path.name,
            told,
            rows=_TIMED_ROWS,
            path=str(path.absolute()),
            writes=str(written),
        )
        findings = [Finding(**finding) for finding in read["findings"]]
        files = {}
        if not findings:
            files = {
                file.relative_to(written).as_posix(): file.read_bytes()
                for file in sorted(written.rglob("*"))
                if file.is_file()
            }
    return Plain(files, read["dropped"], findings)


def rewrite(path: Path, out: Path) -> tuple[list[str], list[Finding]]:
    """Write what the submission at ``path`` says to ``out``, a folder or a ``.zip``, plainly.

    Returns the names of files left behind, and the findings for which something could not be
    kept; nothing is written when there are any. Raises as :func:`open_submission` and
    :func:`~leaderboards.submission.pack.write_submission` do.
    """
    plain = read_plain(path)
    if not plain.findings:
        write_submission(plain.files, out)
    return plain.dropped, plain.findings


#: Rows that add to a job's time where no dataset says how many there are: of a run, and of all.
_TIMED_ROWS, _TIMED_IN_ALL = 20_000, 100_000


def _timed_rows(budgets: Sequence[Budget]) -> int:
    known = [min(budget.rows, _TIMED_ROWS) for budget in budgets if budget.known]
    return sum(known) + min((len(budgets) - len(known)) * _TIMED_ROWS, _TIMED_IN_ALL)


def _predictions(result: dict[str, object], path: Path, task: str) -> Predictions:
    finding = result.get("finding")
    if isinstance(finding, dict):
        return Predictions(Finding(**finding))
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all().cast(tables.schema_for(task))
    table.validate(full=True)
    return Predictions(
        table=table, rows_sha256=str(result["rows_sha256"]), plain=bool(result["plain"])
    )
