"""Fills the paper's tables from submissions, and from nothing else that this machine stores.

The runs that were scored again are written as a home of their own, which a report then reads. Only
data that anyone can build take part: no private run, and no private dataset's name, leaves here.
A report takes the latest run of a model, and anyone may submit under a listed name with a later
date: where some of a model's runs of the same settings are reproduced, the others stay out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl

from benchmark.data.sources import SELF_CONTAINED, SOURCES
from benchmark.errors import listed
from benchmark.host.files import sha256_json, write_json
from benchmark.host.home import Home
from benchmark.report.build import build_report
from benchmark.report.contents import Report
from benchmark.report.filling.shelf import RunShelf
from benchmark.report.formats.html import draw_html
from benchmark.report.formats.render import render
from benchmark.report.formats.sheet import sheet_of
from benchmark.report.table.listing import list_tables
from benchmark.runs.scoring import write_per_instance
from benchmark.runs.store import MANIFEST, PER_INSTANCE, SCORES
from leaderboards.site.entries import EnteredRun, Entry
from leaderboards.site.pages import INDEX, TablePage
from leaderboards.submission.as_run import manifest_of
from leaderboards.submission.schema import SubmittedRun
from leaderboards.verification.verify import REPRODUCED


def table_pages(entries: Sequence[Entry], home: Home) -> list[TablePage]:
    """Render every table as ``unimp-bench report --format html`` does, from ``entries``.

    A note says which submissions filled it; a link leads back. Of ``home`` the datasets are used
    that anyone can build.
    """
    with tempfile.TemporaryDirectory(prefix="unimp-bench-tables-") as folder:
        shelf = Home(Path(folder))
        names = write_shelf(entries, home, shelf)
        runs = RunShelf(shelf)
        return [_page(table, names, runs, shelf) for table in list_tables()]


def _page(
    table: dict[str, Any], submissions: Mapping[str, str], runs: RunShelf, shelf: Home
) -> TablePage:
    report = build_report(table["name"], home=shelf)
    names = _filled_by(report, submissions, runs)
    told = f"Filled from the submissions {listed(names)}." if names else "No submission fills it."
    sheet = sheet_of(report)
    sheet = replace(sheet, notes=(*sheet.notes, told))
    return TablePage(
        number=table["number"],
        name=table["name"],
        title=table["title"],
        html=draw_html(sheet, index=f"../{INDEX}") + "\n",
        csv=render(report, "csv") + "\n",
        json=render(report, "json") + "\n",
    )


def _filled_by(report: Report, submissions: Mapping[str, str], runs: RunShelf) -> list[str]:
    """The submissions with a run in ``report``, by name, in their order.

    ``submissions`` names that of each run by the run's folder.
    """
    picked = {
        run.folder.name for slot in report.slots if slot.seeds for run in runs.pick(slot.spec)
    }
    return list(dict.fromkeys(name for run, name in submissions.items() if run in picked))


def taking_part(entries: Sequence[Entry]) -> list[tuple[Entry, EnteredRun]]:
    """Return the runs that may fill tables, each with its submission, in their order.

    They were scored again, over data that anyone can build, and are reproduced where another run of
    that model and these settings over these instances is.
    """
    found = [
        (entry, entered)
        for entry in entries
        for entered in entry.runs
        if entered.evidence is not None and entered.run.data in SELF_CONTAINED
    ]
    reproduced = {
        _asked(entry, entered.run)
        for entry, entered in found
        if entry.badge_of(entered) == REPRODUCED
    }
    return [
        (entry, entered)
        for entry, entered in found
        if entry.badge_of(entered) == REPRODUCED or _asked(entry, entered.run) not in reproduced
    ]


def _asked(entry: Entry, run: SubmittedRun) -> tuple[object, ...]:
    """What fills one cell: settings that a search chose are those of a tuned model, whatever
    they are; others are another configuration."""
    tuned = run.tuning is not None
    settings = None if tuned else sha256_json(run.settings)
    asked = (entry.submission.label, run.task, run.data, run.cohort, run.perturb)
    return (*asked, tuned, settings)


def write_shelf(entries: Sequence[Entry], home: Home, shelf: Home) -> dict[str, str]:
    """Write the re-scored runs of ``entries`` to ``shelf``, an empty home, beside the datasets of
    ``home`` that anyone can build; return the submission of each, by the run's folder."""
    _share_datasets(home, shelf)
    return _write_runs(entries, shelf)


def _share_datasets(home: Home, shelf: Home) -> None:
    shelf.datasets.mkdir(parents=True)
    for name in SELF_CONTAINED:
        folder = home.datasets / name
        if folder.is_dir():
            (shelf.datasets / name).symlink_to(folder.resolve(), target_is_directory=True)


def _write_runs(entries: Sequence[Entry], shelf: Home) -> dict[str, str]:
    written = {}
    for number, (entry, entered) in enumerate(taking_part(entries)):
        folder = shelf.runs / f"{number:06d}"
        _write_run(entry, entered, folder)
        written[folder.name] = entry.name
    return written


def _write_run(entry: Entry, entered: EnteredRun, folder: Path) -> None:
    run, evidence = entered.run, entered.evidence
    assert evidence is not None
    simulated = SOURCES.get(SELF_CONTAINED[run.data][0]).simulated
    manifest = manifest_of(entry.submission, run, simulated=simulated)
    scores = {name: asdict(score) for name, score in evidence.scores.items()}
    write_json(folder / MANIFEST, manifest)
    write_json(folder / SCORES, {"scores": scores, "failure_rate": run.failure_rate})
    if evidence.statistics:
        # Ids of ours, equal for equal lists of instances: their order is all that is compared.
        ids = [f"{row:08d}" for row in range(len(evidence.users))]
        asked = pl.DataFrame({"instance_id": ids, "user_id": list(evidence.users)})
        write_per_instance(folder / PER_INSTANCE, asked, dict(evidence.statistics))
