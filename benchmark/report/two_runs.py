"""Tables of two runs on the same instances: what ``unimp-bench compare`` prints."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence
from dataclasses import asdict, replace
from io import StringIO

from benchmark.compare.pair import Comparison, MetricRow, SliceRow
from benchmark.report.formats.csv_format import word
from benchmark.report.formats.render import check_format, draw_all, render_json
from benchmark.report.formats.sheet import (
    ABSENT,
    METRIC_NUMBER,
    Sheet,
    SheetCell,
    SheetColumn,
    signed,
)
from benchmark.runs.manifest import excerpt
from benchmark.runs.store import StoredRun, is_tuned

_LEGEND = (
    "A - B with its 95% interval, p two-sided: paired by instance, bootstrap over users; p is "
    "Holm-corrected over the rows of its table, and a better one is named where it is below 0.05.",
    "wins/ties/losses of A, instance by instance. d_z: mean over standard deviation of the "
    "users' differences A - B.",
)
_STANDING = "Bold: the value of the better run, where the difference is significant."
#: A p value below this prints as this: none is 0.
_SMALLEST = 0.00001
#: The columns of CSV, in order: a row is of the whole comparison where ``by`` is empty.
COLUMNS = (
    *("run_a", "run_b", "task", "data", "simulated", "cohort", "metric", "by", "value"),
    *("higher_is_better", "instances", "users", "a", "b", "difference", "low", "high"),
    *("p_value", "p_adjusted", "better", "wins", "ties", "losses", "effect_size"),
)


def render_comparison(
    comparison: Comparison, output_format: str = "text", *, styled: bool | None = None
) -> str:
    """Render ``comparison`` in one of :data:`~benchmark.report.formats.render.FORMATS`.

    A table of the metrics, then one of the slices of each metric that has any, then what lies
    beyond accuracy. ``text`` is fitted to the terminal, ``csv`` has a row for every metric, slice
    and measure with all digits, ``json`` is the
    document of ``--json``. ``styled`` is as in :func:`benchmark.report.formats.render.render`.

    Raises :class:`~benchmark.errors.UsageError` for an unknown format.
    """
    check_format(output_format)
    if output_format == "json":
        return render_json(comparison.to_json())
    if output_format == "csv":
        return _csv(comparison)
    return draw_all(sheets_of(comparison), output_format, styled=styled)


def sheets_of(comparison: Comparison) -> list[Sheet]:
    """Lay out the tables: metrics, slices, beyond accuracy; the notes stand below the last."""
    sliced = [
        (f"{name} by slice", list(rows))
        for name, rows in itertools.groupby(comparison.slices, lambda row: row.metric)
    ]
    about = (f"A: {_described(comparison.a)}.", f"B: {_described(comparison.b)}.")
    sheets = [
        Sheet(
            title=_title(comparison),
            row_heading="metric",
            rows=tuple(row.metric for row in comparison.metrics),
            blocks=_blocks(comparison.metrics),
            notes=about,
            standing=_STANDING,
        )
    ]
    for title, rows in sliced:
        counts = SheetColumn("instances", tuple(SheetCell(str(row.instances)) for row in rows))
        sheets.append(
            Sheet(
                title=title,
                row_heading="slice",
                rows=tuple(f"{row.by}: {row.value}" for row in rows),
                blocks=((counts,), *_blocks(rows)),
                standing=_STANDING,
            )
        )
    if comparison.beyond:
        sheets.append(_beyond_accuracy(comparison))
    last = sheets[-1]
    sheets[-1] = replace(last, notes=(*last.notes, *_LEGEND, *comparison.notes))
    return sheets


def _beyond_accuracy(comparison: Comparison) -> Sheet:
    """Values and differences alone: sets of lists have no instances to pair."""
    rows = comparison.beyond
    columns = [
        _column(heading, [None if v is None else f"{v:{METRIC_NUMBER}}" for v in values])
        for heading, values in (
            ("A", [row.a for row in rows]),
            ("B", [row.b for row in rows]),
            ("A - B", [row.difference for row in rows]),
        )
    ]
    return Sheet(
        title="Beyond accuracy",
        row_heading="measure",
        rows=tuple(row.metric for row in rows),
        blocks=(tuple(columns),),
    )


def _title(comparison: Comparison) -> str:
    manifest = comparison.a.manifest
    simulated = " (simulated)" if manifest["simulated"] else ""
    first = comparison.metrics[0]
    return (
        f"{manifest['task']} on {manifest['data']}{simulated}, cohort {manifest['cohort']}: "
        f"{first.instances} instances of {first.users} users"
    )


def _blocks(rows: Sequence[MetricRow]) -> tuple[tuple[SheetColumn, ...], ...]:
    """The values of both stand together, so do the difference and what is said of it."""
    both = tuple(
        SheetColumn(letter, tuple(_value(row, letter) for row in rows)) for letter in ("A", "B")
    )
    said = (
        SheetColumn("A - B", tuple(_difference(row) for row in rows)),
        _column("p", [_p_value(r.p_adjusted) for r in rows]),
        _column("better", [None if r.better is None else r.better.upper() for r in rows]),
    )
    counts = _column("wins/ties/losses", [f"{r.wins}/{r.ties}/{r.losses}" for r in rows])
    effects = [None if r.effect_size is None else signed(r.effect_size, "z.2f") for r in rows]
    return both, said, (counts,), (_column("d_z", effects),)


def _p_value(value: float | None) -> str | None:
    """To five digits; none is 0."""
    if value is None:
        return None
    return f"{value:.5f}" if value >= _SMALLEST else f"<{_SMALLEST:.5f}"


def _column(heading: str, words: Sequence[str | None]) -> SheetColumn:
    return SheetColumn(heading, tuple(SheetCell(ABSENT if w is None else w) for w in words))


def _value(row: MetricRow, letter: str) -> SheetCell:
    """Bold where this run is significantly better."""
    value = row.a if letter == "A" else row.b
    return SheetCell(f"{value:{METRIC_NUMBER}}", best=row.better == letter.lower())


def _difference(row: MetricRow) -> SheetCell:
    interval = ""
    if row.low is not None and row.high is not None:
        interval = f"[{signed(row.low)}, {signed(row.high)}]"
    return SheetCell(signed(row.difference), interval=interval)


def _described(run: StoredRun) -> str:
    """What the run is, and which."""
    manifest = run.manifest
    words = [run.label]
    if manifest["perturb"] is not None:
        words.append(f"with {str(manifest['perturb']).upper()}")
    words += [f"{key}={value}" for key, value in manifest["settings"].items()]
    if is_tuned(run):
        words.append(f"(tuned, the best of {manifest['tuning']['trials']} trials)")
    return f"{' '.join(words)}, seed {manifest['seed']} ({run.folder.name})"


def _csv(comparison: Comparison) -> str:
    manifest = comparison.a.manifest
    shared = {
        "run_a": comparison.a.folder.name,
        "run_b": comparison.b.folder.name,
        **excerpt(manifest, ("task", "data", "simulated", "cohort")),
    }
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    rows: list[MetricRow | SliceRow] = [*comparison.metrics, *comparison.slices]
    for row in rows:
        found = {"by": None, "value": None, **shared, **asdict(row)}
        writer.writerow(word(found[name]) for name in COLUMNS)
    for beyond in comparison.beyond:
        found = {**shared, **asdict(beyond), "difference": beyond.difference}
        writer.writerow(word(found.get(name)) for name in COLUMNS)
    return stream.getvalue().removesuffix("\n")
