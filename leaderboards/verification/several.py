"""Verifies several submissions in a row: one that cannot be read does not stop the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.errors import BenchError
from benchmark.host.home import Home
from leaderboards.boards import load_boards
from leaderboards.verification import local_data
from leaderboards.verification.suspicion import Catalogue
from leaderboards.verification.verify import Verification, verify


@dataclass(frozen=True, slots=True)
class Checked:
    """Holds the outcome of one of several submissions: a verification, or why there is none."""

    path: Path
    found: Verification | BenchError

    @property
    def exit_status(self) -> int:
        """Return what the command would end with if this were the only submission."""
        if isinstance(self.found, BenchError):
            return self.found.exit_status
        return 0 if self.found.accepted else 1

    def as_json(self) -> dict[str, Any]:
        """Return this one's entry of what ``unimp-bench verify --json`` prints of several."""
        if isinstance(self.found, BenchError):
            told: dict[str, Any] = {"accepted": False, "badge": None, "error": str(self.found)}
        else:
            told = {**self.found.as_json(), "error": None}
        return {"submission": str(self.path), **told}


def verify_each(paths: Sequence[Path], *, home: Home, strict: bool = False) -> list[Checked]:
    """Verify every submission of ``paths``, in order; a path that is given twice once.

    Datasets are opened, listed models asked and boards read once for all.
    """
    known: local_data.Found = {}
    catalogue, boards = Catalogue(home), load_boards()
    checked = []
    for path in dict.fromkeys(paths):
        found: Verification | BenchError
        try:
            found = verify(
                path, home=home, strict=strict, known=known, catalogue=catalogue, boards=boards
            )
        except BenchError as error:
            found = error
        checked.append(Checked(path, found))
    return checked
