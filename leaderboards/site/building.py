"""Builds the site from a folder of submissions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmark.data.listing import list_datasets
from benchmark.data.opening import ensure_dataset
from benchmark.errors import BenchError, UsageError
from benchmark.host.files import read_json, sha256_file, sha256_json, write_json
from benchmark.host.home import Home
from leaderboards.boards import Board, load_boards
from leaderboards.site.drawing import TEMPLATES, About
from leaderboards.site.entries import Collection, collect, require_folder
from leaderboards.site.pages import Site
from leaderboards.site.showcase import Showcase
from leaderboards.site.standing import rank_entries
from leaderboards.site.table_runs import table_pages
from leaderboards.site.writing import check_replaceable, sha256_at, sha256_of, write_site
from leaderboards.verification.surroundings import surroundings


def build_site(
    submissions: Path,
    out: Path,
    *,
    home: Home,
    boards: Sequence[Board] | None = None,
    with_tables: bool = True,
    repository: str | None = None,
    prepare: bool = True,
) -> Collection:
    """Verify what lies in ``submissions`` and write the site of what was accepted to ``out``.

    Gives back both, the accepted and the refused. Datasets that boards name are prepared first
    where anyone can build them, if ``prepare``; ``absent`` of the outcome says which could not be.
    The same submissions and datasets give the same bytes on one day. ``repository`` is the address
    of the code that pages link to. Raises :class:`UsageError` for folders that do not fit and
    :class:`~benchmark.errors.BenchError` when the site cannot be written.
    """
    inside, outside = out.resolve(), submissions.resolve()
    if inside == outside or inside in outside.parents or outside in inside.parents:
        raise UsageError(
            f"--out {str(out)!r} and --submissions {str(submissions)!r} lie in each other.",
            fix="Choose another --out.",
        )
    require_folder(submissions)
    check_replaceable(out)  # before the work
    today = _today()
    boards = load_boards() if boards is None else boards
    absent = prepare_datasets(home, boards) if prepare else {}
    found = collect(submissions, home, boards)
    found.absent.update(absent)
    about = About(built=today, repository=repository)
    state = _state(found, home, boards, about, with_tables=with_tables)
    drawn = home.verified / f"{state}.json"  # the hash of the site that follows from all this
    with suppress(BenchError):
        if read_json(drawn, fix="") == sha256_at(out):
            return found
    standings = [rank_entries(board, found.entries) for board in boards]
    tables = table_pages(found.entries, home) if with_tables else []
    site = Site(standings, found.entries, tables, about=about, showcase=Showcase(home))
    files = site.files()
    write_site(files, out)
    with suppress(BenchError):
        write_json(drawn, sha256_of(files))
    return found


def _state(
    found: Collection, home: Home, boards: Sequence[Board], about: About, *, with_tables: bool
) -> str:
    """The hash of all that the site follows from.

    Datasets count for the tables, and for the photos that pages show.
    """
    templates = {path.name: sha256_file(path) for path in sorted(TEMPLATES.iterdir())}
    return sha256_json(
        {
            **surroundings(),
            "evidence": found.evidence_sha256,
            "boards": [board.model_dump() for board in boards],
            "datasets": [[row["name"], row["sha256"]] for row in list_datasets(home)],
            "about": asdict(about),
            "tables": with_tables,
            "templates": templates,
        }
    )


def prepare_datasets(home: Home, boards: Sequence[Board] | None = None) -> dict[str, str]:
    """Prepare the datasets of ``boards`` (by default ours) that anyone can build and are not here.

    Returns for each that is still absent the reason, in one line.
    """
    absent = {}
    boards = load_boards() if boards is None else boards
    for name in dict.fromkeys(board.data for board in boards):
        try:
            ensure_dataset(name, home)
        except BenchError as error:
            absent[name] = error.message.replace("\n", " ")
    return absent


def _today() -> str:
    """The day of the build, or that of $SOURCE_DATE_EPOCH, as reproducible builds set it."""
    said = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        moment = datetime.fromtimestamp(int(said), UTC) if said else datetime.now(UTC)
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"$SOURCE_DATE_EPOCH is {said!r}, no time.", fix="Give seconds since 1970, or unset it."
        ) from None
    return moment.date().isoformat()
