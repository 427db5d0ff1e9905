"""Finds the stored runs behind a table, row by row and column group by column group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmark.data.listing import dataset_info
from benchmark.data.sources import SELF_CONTAINED
from benchmark.errors import unknown_name
from benchmark.host.home import Home
from benchmark.models.registered import ModelEntry, entries
from benchmark.report.contents import Slot
from benchmark.report.filling.availability import (
    Reason,
    dataset_lacks,
    no_reviews,
    not_tuned,
    nothing_perturbed,
    rank,
    why_not,
)
from benchmark.report.filling.shelf import (
    RunShelf,
    class_in_file,
    is_simulated,
    require_known_dataset,
)
from benchmark.report.table.listing import shipped_models
from benchmark.report.table.problems import in_file, place_of
from benchmark.report.table.specification import ColumnGroup, ResultTable, Row
from benchmark.runs.spec import RunSpec
from benchmark.runs.store import StoredRun


@dataclass(frozen=True, slots=True)
class Answer:
    """Matches one row over one group of columns with its spec, and the stored runs that fill it.

    ``reason`` is why an unanswered one cannot be run here, or ``None``.
    """

    row: Row
    group: ColumnGroup
    spec: RunSpec
    runs: tuple[StoredRun, ...]
    reason: Reason | None
    rank: int

    @property
    def seeds(self) -> tuple[int, ...]:
        """Return the seeds of the stored runs, in ascending order."""
        return tuple(int(run.manifest["seed"]) for run in self.runs)

    def slot(self) -> Slot:
        """Return what :func:`~benchmark.report.contents.missing_runs` needs of it."""
        return Slot(self.spec, self.seeds, self.reason is None, self.rank)


@dataclass(frozen=True, slots=True)
class Answers:
    """Collects the stored runs behind all cells of a table.

    ``groups`` have their dataset filled in; ``rows`` are those to show; ``by_place`` maps
    (system, position of the group) to the answer; ``simulated`` says of each dataset whether
    it is generated; ``left_out`` counts stored runs over earlier bytes of a dataset;
    ``unprepared`` are datasets that must be prepared before anything can be run on them.
    """

    groups: tuple[ColumnGroup, ...]
    rows: tuple[Row, ...]
    by_place: Mapping[tuple[str, int], Answer]
    simulated: Mapping[str, bool]
    left_out: Mapping[str, int]
    unprepared: tuple[str, ...]
    entries: Mapping[str, ModelEntry]

    def of_group(self, at: int) -> dict[str, Answer]:
        """Return the answers over the group of columns at place ``at``, by system."""
        return {row.system: self.by_place[row.system, at] for row in self.rows}


def collect(table: ResultTable, *, home: Home, data: str | None) -> Answers:
    """Find the stored runs of every cell of ``table``.

    ``data`` is as in :func:`.build.build_report`.
    """
    groups = _groups(table, data)
    known = entries()
    shelf = RunShelf(home)
    if data is not None and data not in shelf.datasets:
        require_known_dataset(home, data)
    for group in groups:
        home.fetch("datasets", str(group.data))
    infos = {str(group.data): dataset_info(home, str(group.data)) for group in groups}
    simulated = {name: is_simulated(home, name) for name in infos}
    by_place: dict[tuple[str, int], Answer] = {}
    left_out: dict[str, int] = {}
    rows = []
    for row in _rows(table, groups):
        here: dict[tuple[str, int], Answer] = {}
        for number, group in enumerate(groups):
            name = str(group.data)
            cohort = row.cohort or group.cohort
            spec = RunSpec(
                row.model, group.task, name, cohort, row.perturb, settings=row.set, tuned=row.tuned
            )
            elsewhere = row.data not in (None, name)
            reason: Reason | None = nothing_perturbed(spec.perturb, name, home)
            if elsewhere:
                reason = "a row of one dataset has no number on another", row.system
            runs = () if reason else shelf.pick(spec)
            if not reason and not runs:
                reason = why_not(row.model, group.task, known)
                reason = reason or dataset_lacks(name, infos[name], group.task, spec.cohort)
                reason = reason or no_reviews(row.model, name, home, known)
                reason = reason or not_tuned(spec, infos[name], home)
                if row.role == "ceiling" and not simulated[name]:
                    reason = "{} knows the truth of simulated data alone", row.system
            here[row.system, number] = Answer(
                row, group, spec, runs, reason, rank(row.model, known)
            )
            if not elsewhere and shelf.left_out(spec):
                left_out[name] = left_out.get(name, 0) + shelf.left_out(spec)
        # An oracle has a row only where some dataset's truth is known.
        if row.role != "ceiling" or any(simulated.values()) or any(a.runs for a in here.values()):
            rows.append(row)
            by_place |= here
    unprepared = tuple(
        name for name, info in infos.items() if info is None and name not in SELF_CONTAINED
    )
    return Answers(groups, tuple(rows), by_place, simulated, left_out, unprepared, known)


def _rows(table: ResultTable, groups: tuple[ColumnGroup, ...]) -> tuple[Row, ...]:
    """The rows of the groups' datasets; on data that the table does not name, all of them."""
    names = {group.data for group in groups}
    if names.isdisjoint(group.data or table.data for group in table.columns):
        anywhere: dict[str, object] = {"data": None, "published": {}}
        return tuple(
            row if row.data is None else row.model_copy(update=anywhere) for row in table.rows
        )
    return tuple(row for row in table.rows if row.data is None or row.data in names)


def _groups(table: ResultTable, data: str | None) -> tuple[ColumnGroup, ...]:
    if data is None or all(group.data is None for group in table.columns):
        return tuple(
            group.model_copy(update={"data": group.data or data or table.data})
            for group in table.columns
        )
    kept = [group for group in table.columns if group.data in (None, data)]
    if kept:
        return tuple(group.model_copy(update={"data": data}) for group in kept)
    asked: dict[tuple[str, str], ColumnGroup] = {}
    for group in table.columns:
        asked.setdefault(
            (group.task, group.cohort),
            group.model_copy(update={"data": data, "paper_data": None}),
        )
    return tuple(asked.values())


def require_known_models(table: ResultTable, path: Path, entries: Mapping[str, ModelEntry]) -> None:
    """Raise :class:`~benchmark.errors.UsageError` for the first row with an unknown model.

    And for the second of two files with classes of one name, whose runs nobody could tell apart.
    Known are the announced models, what the shipped tables name (a copy of one stays valid
    where some of its models are absent), and any class in a Python file, which only a run loads.
    """
    files: dict[str, str] = {}
    known = {*entries, *(label.partition(":")[0] for label in shipped_models())}
    for at, row in enumerate(table.rows):
        name, _, variant = row.model.partition(":")
        place = place_of([row.model_dump() for row in table.rows], "rows", at)
        attribute = class_in_file(row.model)
        if attribute is not None:
            if files.setdefault(attribute, name) != name:
                message = f"{files[attribute]} and {name} both call their class {attribute!r}"
                raise in_file(path, place, message, "Rename one: a run is stored under that name.")
            continue
        if row.model in shipped_models():
            continue
        if name not in known:
            unknown = unknown_name("model", name, known)
            raise in_file(path, place, f"unknown model {name!r}", unknown.fix)
        variants = entries[name].variants if name in entries else ()
        if variant and variant not in variants:
            unknown = unknown_name("variant", variant, variants)
            raise in_file(path, place, f"model {name!r} has no variant {variant!r}", unknown.fix)
