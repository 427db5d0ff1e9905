"""Renders a named figure and writes it to a file."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmark.errors import BenchError, UsageError, unknown_name
from benchmark.host.files import output_path
from benchmark.host.home import Home
from benchmark.report.figures import FIGURE_NAMES, FIGURES, TABLE_FIGURES
from benchmark.report.figures.drawing import Drawing
from benchmark.report.figures.page.style import BARE, RC

#: Format -> what is left out of the file, so that the same figure gives the same bytes.
_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}
#: Every format ``--format`` takes with a figure.
FORMATS = tuple(_METADATA)
_DOTS_PER_INCH = 160


def make_figure(
    name: str,
    *,
    home: Home,
    data: str | None = None,
    model: str | None = None,
    seed: int | None = None,
    table: str | None = None,
    output_format: str | None = None,
    out: Path | None = None,
    bare: bool = False,
) -> tuple[Drawing, Path]:
    """Draw the figure called ``name`` into a file; return what was drawn, and the file.

    Some figures are of a run of ``model`` (the newest, or the newest of ``seed``), the others of a
    ``table``. ``out`` is ``figure-NAME.FORMAT`` or ``figure-NAME-TABLE.FORMAT`` in the current
    folder unless given; ``output_format`` is the ending of ``out``, else ``png``. A file of that
    name is replaced, at once and as a whole. A ``bare`` figure has no title and no notes: a
    document says them.

    Raises :class:`~benchmark.errors.UsageError` for unknown names and for an ``out`` that ends in
    another format, :class:`~benchmark.errors.BenchError` where matplotlib or a run is missing.
    """
    if name not in FIGURE_NAMES:
        raise unknown_name("figure", name, FIGURE_NAMES)
    _check_subject(name, model, seed, table)
    chosen = _format(output_format, out)
    _matplotlib()  # missing, it is missed now rather than after the reading
    drawing: Drawing
    if table is None:
        drawing = FIGURES.get(name)(home, data=data, model=model, seed=seed)
        path = Path(f"figure-{name}.{chosen}")
    else:
        drawing = TABLE_FIGURES.get(name)(home, table=table, data=data)
        path = Path(f"figure-{name}-{Path(table).stem}.{chosen}")
    path = path if out is None else out
    _write(drawing, path, chosen, bare=bare)
    return drawing, path


def check_file(out: Path, option: str) -> None:
    """Raise where no figure can be written to ``out``: its ending, or matplotlib missing.

    ``option`` named it, for messages.
    """
    if not out.name or out.is_dir():
        raise UsageError(f"{option} {str(out)!r} is a folder.", fix="Give the name of a file.")
    _format(None, out, option)
    _matplotlib()


def write_figure(drawing: Drawing, out: Path) -> None:
    """Draw ``drawing`` into the file ``out``, in the format of its ending (none: png)."""
    _write(drawing, out, _format(None, out))


def _check_subject(name: str, model: str | None, seed: int | None, table: str | None) -> None:
    """Whether a figure of a table was given one, and a figure of a run none."""
    if name in TABLE_FIGURES and table is None:
        raise UsageError(
            f"Figure {name!r} is drawn of a table.",
            fix=f"For instance: unimp-bench report --figure {name} --table search",
        )
    if name in TABLE_FIGURES and model is not None:
        raise UsageError(
            f"--model {model} is not for figure {name!r}: its table names the models.",
            fix="Leave out --model.",
        )
    if name in TABLE_FIGURES and seed is not None:
        raise UsageError(
            f"--seed {seed} is not for figure {name!r}: it shows every seed of its table's runs.",
            fix="Leave out --seed.",
        )
    if name in FIGURES and table is not None:
        raise UsageError(
            f"Figure {name!r} is of one run, not of a table.",
            fix=f"Leave out --table; figures of a table: {', '.join(TABLE_FIGURES)}.",
        )


def describe(drawing: Drawing, path: Path) -> dict[str, Any]:
    """Return the JSON document that ``unimp-bench report --figure NAME --json`` prints."""
    return {"file": str(path.absolute()), **drawing.to_json()}


def _format(asked: str | None, out: Path | None, option: str = "--out") -> str:
    if asked is not None and asked not in FORMATS:
        raise unknown_name("figure format", asked, FORMATS)
    ending = "" if out is None else out.suffix.lower().removeprefix(".")
    if not ending or ending == asked:
        return asked or FORMATS[0]
    if asked is None and ending in FORMATS:
        return ending
    raise UsageError(
        f"{option} {str(out)!r} does not end in .{asked or FORMATS[0]}.",
        fix=f"Give a name that ends in {' or '.join(f'.{known}' for known in FORMATS)}.",
    )


def _matplotlib() -> ModuleType:
    try:
        import matplotlib
    except ImportError as error:
        raise BenchError(
            "Figures are drawn by matplotlib, which is not installed.",
            fix="pip install 'unimp-bench[plots]'",
        ) from error
    return matplotlib


def _write(drawing: Drawing, path: Path, output_format: str, *, bare: bool = False) -> None:
    matplotlib = _matplotlib()
    from matplotlib.figure import Figure

    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()  # a user's own style would change sizes and bytes
        matplotlib.rcParams.update(RC)
        # Letters that the font lacks become boxes; a line a letter helps nobody.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        page = Figure()  # without pyplot: no window system is ever asked for
        page.set_label(BARE if bare else "")
        drawing.draw(page)
        with output_path(path) as place:
            page.savefig(
                place,
                format=output_format,
                dpi=_DOTS_PER_INCH,
                metadata=_METADATA[output_format],
            )
