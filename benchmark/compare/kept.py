"""Keep what comparisons found, so that the same report is not computed twice.

A bootstrap over thousands of users takes a fraction of a second, and a table has a hundred. What
one finds follows from the runs' per-instance tables, from what was asked, and from the code that
compares: a finding is kept under the hash of these. A per-instance table is known by its run's
name, its size and its time, as nothing writes into a finished run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from benchmark.errors import BenchError
from benchmark.host.files import read_json, sha256_json, write_json
from benchmark.models.code import digest
from benchmark.runs.store import PER_INSTANCE, SCORES, StoredRun

_PACKAGE = Path(__file__).parents[1]
#: What findings follow from, beside the metrics; read and not imported, which would take longer.
_CODE = (
    *("stats", "uncertainty", "resampling", "equal_users", "rounding"),
    *("compare/evidence", "compare/learnable", "report/table/paper"),
)


class Kept:
    """Keeps findings in a folder, one file each; without a folder nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def of(
        self,
        what: str,
        runs: Mapping[str, Sequence[StoredRun]],
        asked: Mapping[str, Any],
        find: Callable[[], Any],
    ) -> Any:
        """Return what ``find`` does (JSON), from the folder where it was found before.

        ``runs`` by system and ``asked`` (JSON) are all that it depends on, beside the code.
        A folder that cannot be written costs time, nothing else.
        """
        if self._folder is None:
            return find()
        known = {system: [_identity(run) for run in some] for system, some in runs.items()}
        key = sha256_json({"what": what, "code": code(), "runs": known, "asked": asked})
        file = self._folder / f"{key[:32]}.json"
        try:
            return read_json(file, fix="")["found"]
        except (BenchError, KeyError, TypeError):  # not found before, or no longer to be read
            found = find()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_json(file, {"found": found})
        except (BenchError, OSError):
            pass
        return found


def _identity(run: StoredRun) -> list[Any]:
    found: list[Any] = [run.folder.name]
    for name in (PER_INSTANCE, SCORES):
        try:
            status = (run.folder / name).stat()
        except OSError:
            found.append(None)
        else:
            found += [status.st_size, status.st_mtime_ns]
    return found


@cache
def code() -> str:
    """Return the digest of the code that findings follow from."""
    files = [_PACKAGE / f"{name}.py" for name in _CODE]
    files += sorted((_PACKAGE / "metrics").glob("*.py"))
    return digest({f"{file.parent.name}/{file.name}": file for file in files})
