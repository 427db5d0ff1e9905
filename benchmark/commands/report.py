"""``report``: a table of measured and printed numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from benchmark.commands.options import HomeOption, JsonOption
from benchmark.errors import UsageError

app = typer.Typer()


@app.command(epilog="Example: unimp-bench report --table ablation --data sim-s --format md")
def report(
    table: Annotated[str, typer.Option("--table", help="A number or name; or a TOML file.")],
    data: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--data", help="Dataset of the measured columns [default: sim-s]."),
    ] = None,
    output_format: Annotated[str, typer.Option("--format", help="text, md or json.")] = "text",
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--out", help="Write to this file instead."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a table: measured, interval, significance, and the paper's number beside it."""
    from benchmark.files import atomic_path
    from benchmark.home import find_home
    from benchmark.report.build import build_report
    from benchmark.report.render import render

    if out is not None and (not out.name or out.is_dir()):
        raise UsageError(f"--out {str(out)!r} is a folder.", fix="Give the name of a file.")
    content = render(
        build_report(table, home=find_home(home), data=data),
        "json" if as_json else output_format,
        styled=None if out is None else False,
    )
    if out is None:
        print(content)
    else:
        with atomic_path(out) as temporary:
            temporary.write_text(content + "\n", encoding="utf-8")
