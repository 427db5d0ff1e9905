"""``compare``: two runs on the same instances."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmark.commands.options import HomeOption, JsonOption, examples
from benchmark.commands.output import chosen_format, deliver

app = typer.Typer()


@app.command(
    epilog=examples(
        "unimp-bench compare unimp_search_sim-s unimp-no-vision_search_sim-s",
        "unimp-bench compare runs/first runs/second --metric NDCG@5 --json",
        "unimp-bench compare runs/first runs/second --out comparison.md",
    )
)
def compare(
    first: Annotated[str, typer.Argument(metavar="RUN", help="A: folder, run id or its start.")],
    second: Annotated[str, typer.Argument(metavar="RUN", help="B: likewise.")],
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric", help="Only this one, and slices of it (repeatable) [default: all]."
        ),
    ] = None,
    output_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="text, md, tex, html, csv or json [default: by the ending of --out, else text].",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write to this file instead."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two runs on the same instances, by user: difference, interval, who wins, for whom.

    Both must be of one task, dataset and cohort. Slices (history length, popularity and photo
    of the target) are of the primary metric, or of each --metric; they need the dataset.
    """
    from benchmark.compare.pair import compare_runs
    from benchmark.host.home import find_home
    from benchmark.report.two_runs import render_comparison
    from benchmark.runs.store import find_run

    chosen = chosen_format(output_format, out, as_json=as_json)  # before the work
    place = find_home(home)
    a, b = find_run(first, place), find_run(second, place)
    comparison = compare_runs(a, b, home=place, metrics=metric or ())
    deliver(render_comparison(comparison, chosen, styled=None if out is None else False), out)
