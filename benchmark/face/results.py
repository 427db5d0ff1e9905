"""Compare, report, export and tune, as the command line does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.compare import pair
from benchmark.compare.pair import Comparison
from benchmark.data.dataset import Dataset
from benchmark.exports import making
from benchmark.face import asked
from benchmark.face.runs import open_run
from benchmark.face.shown import as_a, counted, home_at
from benchmark.models.from_class import model_named
from benchmark.models.plain import plain_settings
from benchmark.report.build import build_report
from benchmark.report.contents import Report
from benchmark.report.formats.html import draw_fragment
from benchmark.report.formats.render import render
from benchmark.report.formats.sheet import (
    ABSENT,
    METRIC_NUMBER,
    Sheet,
    SheetCell,
    SheetColumn,
    sheet_of,
    signed,
)
from benchmark.report.two_runs import render_comparison, sheets_of
from benchmark.runs.store import StoredRun
from benchmark.runs.tuned import Search

if TYPE_CHECKING:
    import os


class RunComparison(Comparison):
    """Compares two runs on the same instances: ``metrics``, ``slices`` and ``notes``."""

    __slots__ = ()

    def render(self, output_format: str = "text") -> str:
        """Return its tables as text, md, tex, html, csv or json."""
        return render_comparison(self, output_format, styled=False)

    def __repr__(self) -> str:
        rows = (
            f"{row.metric} {signed(row.difference)}"
            + ("" if row.better is None else f" ({row.better.upper()} better)")
            for row in self.metrics
        )
        return f"A {self.a.label} - B {self.b.label}: {', '.join(rows)}"

    def _repr_html_(self) -> str:
        return draw_fragment(*sheets_of(self))


class ReportTable(Report):
    """Shows a table with its numbers: ``columns``, ``rows``, ``missing`` commands and ``notes``."""

    __slots__ = ()

    def render(self, output_format: str = "text") -> str:
        """Return it as text, md, tex, html, csv or json."""
        return render(self, output_format, styled=False)

    def __repr__(self) -> str:
        cells = [cell for row in self.rows for cell in row.cells]
        measured = sum(cell.value is not None for cell in cells)
        rows, all_cells = counted(len(self.rows), "row"), counted(len(cells), "cell")
        return f"{self.title}: {rows}, {measured} of {all_cells} measured"

    def _repr_html_(self) -> str:
        return draw_fragment(sheet_of(self))


class FinishedSearch(Search):
    """Shows a search for a model's best settings: its ``trials``, and the ``best`` of them.

    ``best`` is ``None`` where no trial has a value.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        what = f"{self.label} on {self.identity['task']}, {self.identity['data']}"
        best, trials = self.best, counted(len(self.trials), "trial")
        if best is None:
            return f"{what}: {trials}"
        found = f"{self.identity['metric']} {best.value:{METRIC_NUMBER}} on validation"
        return f"{what}: {found}, the best of {trials}, {dict(best.settings)}"

    def _repr_html_(self) -> str:
        best = self.best
        values = tuple(
            SheetCell(ABSENT if t.value is None else f"{t.value:{METRIC_NUMBER}}", best=t is best)
            for t in self.trials
        )
        metric = SheetColumn(f"{self.identity['metric']} on validation", values)
        chosen = tuple(
            SheetColumn(name, tuple(SheetCell(str(t.settings[name])) for t in self.trials))
            for name in self.identity["space"]
        )
        return draw_fragment(
            Sheet(
                title=f"{self.label} on {self.identity['task']}, {self.identity['data']}",
                row_heading="trial",
                rows=tuple(str(trial.number) for trial in self.trials),
                blocks=((metric,), *((column,) for column in chosen)),
                notes=tuple(
                    f"Trial {t.number} failed: {t.problem}" for t in self.trials if t.problem
                ),
                standing="Bold: the best trial.",
            )
        )


def compare_runs(
    first: StoredRun | str,
    second: StoredRun | str,
    *,
    metric: str | Sequence[str] = (),
    home: str | os.PathLike[str] | None = None,
) -> RunComparison:
    """Compare two runs on the same instances, by user: difference, interval, who wins, for whom.

    A run is what :func:`run` returned, or its folder, id or the beginning of its id. ``metric``
    keeps those named; slices are of them, else of the task's primary metric.
    """
    a, b = (
        run if isinstance(run, StoredRun) else open_run(run, home=home) for run in (first, second)
    )
    names = (metric,) if isinstance(metric, str) else tuple(metric)
    return as_a(RunComparison, pair.compare_runs(a, b, home=home_at(home), metrics=names))


def report_table(
    table: str, *, data: str | None = None, home: str | os.PathLike[str] | None = None
) -> ReportTable:
    """Return a table over the stored runs: measured, significance, the paper's number beside it.

    ``table`` is the paper's number, a name, or a TOML file of your own; ``data`` is the dataset
    of the measured columns, by default the table's own.
    """
    return as_a(ReportTable, build_report(table, home=home_at(home), data=data))


def export(
    what: StoredRun | Dataset | str | Sequence[StoredRun | str],
    output_format: str,
    out: str | os.PathLike[str],
    *,
    private: bool = False,
    terms_allow: bool = False,
    home: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """Write runs (``trec``, ``ranx``) or a dataset (``recbole``, ``huggingface``) to a new folder.

    ``what`` is a run or several of the same instances, or a dataset; or their names. Returns what
    was written, as the command's ``--json`` does.
    """
    each = [what] if isinstance(what, StoredRun | Dataset | str) else what
    names = [_name(one) for one in each]
    return making.export(
        names,
        output_format,
        Path(out),
        home=home_at(home),
        private=private,
        terms_allow=terms_allow,
    )


def _name(one: StoredRun | Dataset | str) -> str:
    if isinstance(one, StoredRun):
        return str(one.folder)
    return one.name if isinstance(one, Dataset) else one


def tune(
    model: str | type,
    task: str,
    trials: int,
    *,
    data: str = "sim-s",
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    space: str | os.PathLike[str] | None = None,
    timeout: float | None = None,
    home: str | os.PathLike[str] | None = None,
) -> FinishedSearch:
    """Search a model's settings on the validation instances, never on the test ones.

    Goes on with a stored search until it has ``trials`` trials in all. ``settings`` are fixed,
    ``space`` is a TOML file of what to search (default: the model's own space), no trial begins
    after ``timeout`` seconds. :func:`run` with ``tuned=True`` uses the best.
    """
    from benchmark.tuning.search import tune as search

    found = search(
        model_named(model),
        asked.name(task, "task"),
        data=asked.name(data, "data"),
        trials=asked.whole(trials, "trials"),
        home=home_at(home),
        seed=asked.whole(seed, "seed"),
        settings=plain_settings(settings or {}),
        space=asked.path(space, "space"),
        timeout=None if timeout is None else asked.number(timeout, "timeout"),
    )
    return as_a(FinishedSearch, found)
