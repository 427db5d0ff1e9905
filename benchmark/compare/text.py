"""A comparison for a terminal."""

from __future__ import annotations

import itertools
import shutil
import sys
import textwrap
from collections.abc import Sequence
from io import StringIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from benchmark.compare.comparison import Comparison, MetricRow
from benchmark.runs.store import StoredRun, is_tuned

_LEGEND = (
    "A - B with its 95% interval, p two-sided: paired by instance, bootstrap over users; p is "
    "Holm-corrected over the rows of its table, and a better one is named where it is below 0.05.",
    "wins/ties/losses of A, instance by instance. d_z: mean over standard deviation of the "
    "users' differences A - B.",
)
_NUMBER = ".4f"
_ABSENT = "-"


def draw_comparison(
    comparison: Comparison, *, width: int | None = None, styled: bool | None = None
) -> str:
    """Tables of the metrics and, metric by metric, of the slices, with a legend.

    Notes wrap at ``width`` (the terminal's when ``None``); tables take the room they need, so
    that no number is cut. ``styled`` allows bold (only on a terminal when ``None``).
    """
    if width is None:
        width = shutil.get_terminal_size((120, 24)).columns
    if styled is None:
        styled = sys.stdout.isatty()
    rows = [((row.metric,), row) for row in comparison.metrics]
    parts: list[RenderableType] = [_table(("metric",), rows)]
    for name, of_metric in itertools.groupby(comparison.slices, lambda row: row.metric):
        parts += [Text(), Text(f"{name} by slice", style="bold")]
        sliced = [((row.by, row.value, str(row.instances)), row) for row in of_metric]
        parts.append(_table(("slice", "value", "instances"), sliced))
    manifest = comparison.a.manifest
    simulated = " (simulated)" if manifest["simulated"] else ""
    first = comparison.metrics[0]
    lines = [
        f"{manifest['task']} on {manifest['data']}{simulated}, cohort {manifest['cohort']}: "
        f"{first.instances} instances of {first.users} users",
        f"A  {_described(comparison.a)}",
        f"B  {_described(comparison.b)}",
        *_drawn(parts, styled),
        "",
    ]
    for note in (*_LEGEND, *comparison.notes):
        lines += textwrap.wrap(note, width, subsequent_indent="  ")
    return "\n".join(lines)


def _drawn(parts: Sequence[RenderableType], styled: bool) -> list[str]:
    buffer = StringIO()
    console = Console(
        file=buffer,
        width=1_000,  # tables take what they need of it
        force_terminal=styled,
        color_system="standard" if styled else None,
        highlight=False,
        emoji=False,
        markup=False,
    )
    for part in parts:
        console.print(part)
    return [line.rstrip() for line in buffer.getvalue().splitlines()]


def _table(headings: Sequence[str], rows: Sequence[tuple[Sequence[str], MetricRow]]) -> Table:
    """``rows`` are (words that name it, its numbers); ``headings`` head the words."""
    table = Table()
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    for heading in ("A", "B", "A - B", "p", "better", "wins/ties/losses", "d_z"):
        table.add_column(heading, justify="right", no_wrap=True)
    for words, row in rows:
        style = "" if row.better is None else "bold"
        table.add_row(*words, *(Text(text, style=style) for text in _numbers(row)))
    return table


def _numbers(row: MetricRow) -> tuple[str, ...]:
    difference = f"{row.difference:+{_NUMBER}}"
    if row.low is not None and row.high is not None:
        difference += f" [{row.low:+{_NUMBER}}, {row.high:+{_NUMBER}}]"
    return (
        f"{row.a:{_NUMBER}}",
        f"{row.b:{_NUMBER}}",
        difference,
        _ABSENT if row.p_adjusted is None else f"{row.p_adjusted:.5f}",
        _ABSENT if row.better is None else row.better.upper(),
        f"{row.wins}/{row.ties}/{row.losses}",
        _ABSENT if row.effect_size is None else f"{row.effect_size:+.2f}",
    )


def _described(run: StoredRun) -> str:
    """What the run is, and which."""
    manifest = run.manifest
    words = [run.label]
    if manifest["perturb"] is not None:
        words.append(f"with {str(manifest['perturb']).upper()}")
    words += [f"{key}={value}" for key, value in manifest["settings"].items()]
    if is_tuned(run):
        words.append(f"(tuned, the best of {manifest['tuning']['trials']} trials)")
    return f"{' '.join(words)}, seed {manifest['seed']}  ({run.folder.name})"
