"""``reproduced.toml``: which submissions a maintainer has run again and found the same.

``unimp-bench verify PATH --reproduce MODEL`` runs a submitter's code, so the site does not do it
while it is built. The maintainer notes the outcome beside the submissions, by the digest that
covers all of a submission: an edited one loses the badge.

    [[reproduced]]
    digest = "the digest in submission.json"
    by = "who ran it"
    on = 2026-01-31
"""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmark.errors import BenchError, in_one_line
from leaderboards.submission.schema import Line, Sha256

FILE = "reproduced.toml"


class Rerun(BaseModel):
    """Notes that a maintainer reproduced a submission: its ``digest``, by whom, on which day."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    digest: Sha256
    by: Line
    on: date


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    reproduced: list[Rerun] = []


def read_reproduced(folder: Path) -> dict[str, Rerun]:
    """Read digest -> the rerun noted in ``folder``; empty where the file is absent.

    Raises :class:`BenchError` naming the field that is wrong, and for anything but a file.
    """
    path = folder / FILE
    fix = "Correct the file; leaderboards/site/reproduced.py says what it holds."
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise BenchError(f"{str(path)!r} is no ordinary file.", fix=fix)
    if not path.exists():
        return {}
    try:
        noted = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise BenchError(f"{str(path)!r}: {field}: {first['msg']}.", fix=fix) from error
    except (OSError, ValueError, RecursionError) as error:  # no text, no TOML, without end
        raise BenchError(f"Cannot read {str(path)!r}: {in_one_line(error)}.", fix=fix) from error
    return {rerun.digest: rerun for rerun in noted.reproduced}
