"""Finished runs: one by one with their per-instance results, and side by side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, overload

from benchmark.errors import BenchError, UsageError
from benchmark.face.shown import as_a, counted, home_at
from benchmark.report.formats.html import draw_fragment
from benchmark.report.formats.sheet import METRIC_NUMBER
from benchmark.report.side_by_side import render_runs, sheet_of_runs
from benchmark.runs.store import StoredRun, find_run, read_per_instance, read_predictions

if TYPE_CHECKING:
    import os

    import pandas as pd
    import polars as pl

Frame = Literal["polars", "pandas"]


class Run(StoredRun):
    """Shows a finished run: ``folder``, ``manifest``, ``scores``, ``failure_rate``, its frames."""

    __slots__ = ()

    @overload
    def per_instance(self, frame: Literal["polars"] = "polars") -> pl.DataFrame: ...
    @overload
    def per_instance(self, frame: Literal["pandas"]) -> pd.DataFrame: ...
    def per_instance(self, frame: Frame = "polars") -> pl.DataFrame | pd.DataFrame:
        """Return a row an instance: its id, its user, and what each metric is computed from.

        A column holds the metric's value for the instance, or a list where the metric is computed
        from several sums. Raises :class:`~benchmark.errors.BenchError` for a damaged table.
        """
        import polars as pl

        table = read_per_instance(self.folder)
        columns = {
            name: values[:, 0] if values.shape[1] == 1 else values
            for name, values in table.statistics.items()
        }
        ids = {"instance_id": table.ids, "user_id": table.users}
        return _as_frame(pl.DataFrame({**ids, **columns}), frame)

    @overload
    def predictions(self, frame: Literal["polars"] = "polars") -> pl.DataFrame: ...
    @overload
    def predictions(self, frame: Literal["pandas"]) -> pd.DataFrame: ...
    def predictions(self, frame: Frame = "polars") -> pl.DataFrame | pd.DataFrame:
        """Return a row an instance: its id, its user, the answer, ``status`` and ``problem``.

        Raises :class:`~benchmark.errors.BenchError` for a damaged table.
        """
        return _as_frame(read_predictions(self.folder), frame)

    def render(self, output_format: str = "text") -> str:
        """Return its scores as text, md, tex, html or json."""
        return Runs([self]).render(output_format)

    def __repr__(self) -> str:
        manifest = self.manifest
        name = self.primary
        simulated = " (simulated)" if manifest["simulated"] else ""
        words = [f"{self.label} on {manifest['task']}", f"{manifest['data']}{simulated}"]
        words += [] if manifest["cohort"] == "seen" else [f"cohort {manifest['cohort']}"]
        words += [] if manifest["perturb"] is None else [f"with {manifest['perturb']}"]
        words += [f"seed {manifest['seed']}"]
        words += [] if manifest["limit"] is None else [f"first {manifest['limit']} instances"]
        return ", ".join(words) + ("" if name is None else f": {name} {_value(self.scores[name])}")

    def _repr_html_(self) -> str:
        return Runs([self])._repr_html_()


class Runs(tuple[Run, ...]):
    """Lists runs in the order given: what differs significantly is marked against the first."""

    __slots__ = ()

    def __new__(cls, runs: Iterable[StoredRun]) -> Runs:
        return super().__new__(cls, (as_a(Run, run) for run in runs))

    def render(self, output_format: str = "text") -> str:
        """Return a table a task as text, md, tex, html or json: best first, every metric a column.

        Raises :class:`~benchmark.errors.UsageError` for runs of a task that answer different
        instances.
        """
        by_task = self._by_task()
        if len(by_task) > 1 and output_format in ("html", "json"):
            raise UsageError(
                f"These runs are of {len(by_task)} tasks, and {output_format} holds one table.",
                fix="Render the runs of each task apart.",
            )
        return "\n\n".join(render_runs(runs, output_format, styled=False) for runs in by_task)

    def _by_task(self) -> list[list[Run]]:
        tasks = dict.fromkeys(run.manifest["task"] for run in self)
        return [[run for run in self if run.manifest["task"] == task] for task in tasks]

    def __repr__(self) -> str:
        labels = ", ".join(dict.fromkeys(run.label for run in self))
        tasks = ", ".join(dict.fromkeys(str(run.manifest["task"]) for run in self))
        return f"{counted(len(self), 'run')} of {labels} on {tasks}" if self else "no runs"

    def _repr_html_(self) -> str:
        return draw_fragment(*(sheet_of_runs(runs) for runs in self._by_task()))


def open_run(name: str, *, home: str | os.PathLike[str] | None = None) -> Run:
    """Open a stored run by its folder, its id or the beginning of its id.

    Raises :class:`~benchmark.errors.UsageError` with the nearest ids for an unknown one.
    """
    return as_a(Run, find_run(str(name), home_at(home)))


def _value(score: Any) -> str:
    shown = f"{score['value']:{METRIC_NUMBER}}"
    if score["low"] is None:
        return shown
    return f"{shown} [{score['low']:{METRIC_NUMBER}}, {score['high']:{METRIC_NUMBER}}]"


def _as_frame(table: pl.DataFrame, frame: Frame) -> Any:
    if frame == "polars":
        return table
    if frame != "pandas":
        raise UsageError(f"Unknown frame {frame!r}.", fix="Give polars or pandas.")
    try:
        return table.to_pandas()
    except ImportError as error:
        raise BenchError("pandas is not installed.", fix="pip install 'pandas<3'.") from error
